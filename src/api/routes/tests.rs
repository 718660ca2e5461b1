use std::time::Duration;

use axum::body::Body;
use axum::http::request::Builder;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::api::shelf::StillShelf;
use crate::api::{Conversations, Limits, LineView, OwnSettings, ServiceParts, Unaudited};
use crate::cache::{self, Cache};
use crate::facts::search::Search;
use crate::facts::{Facts, FactsConfig};
use crate::http::{BodyLimits, ErrorForm, Health, Pairing, Role, Stage, Tokens, dress};
use crate::shoppers::{Shoppers, ShoppersConfig};
use crate::skills::clerk::Settings;
use crate::telemetry::Metrics;

const ROLES: [Option<Role>; 7] = [
    None,
    Some(Role::Admin),
    Some(Role::Client),
    Some(Role::Metrics),
    Some(Role::Feed),
    Some(Role::Associate),
    Some(Role::Device),
];

/// A house with everything but a model.
fn house() -> (Router, Arc<Health>) {
    let tokens = Role::ALL.into_iter().fold(Tokens::in_memory(), |tokens, role| {
        tokens.with_fixed(&format!("a-token-of-{role}"), role, "test")
    });
    let tokens = Arc::new(tokens);
    let pairing = Arc::new(Pairing::new(Arc::clone(&tokens)));
    let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::default()));
    let facts = Facts::in_memory(FactsConfig::default()).unwrap();
    let service = Service::new(ServiceParts {
        shelf: Arc::new(StillShelf::of(Vec::new())),
        facts: facts.clone(),
        skills: Settings::default().into(),
        limits: Limits::default(),
        body: BodyLimits { bytes: 4096, timeout: Duration::from_secs(5) },
        request_timeout: Duration::from_secs(1),
        tokens,
        pairing,
        metrics: Arc::clone(&metrics),
        health: Arc::clone(&health),
        cache: Cache::in_memory(cache::Config::default(), facts.clone(), metrics.cache().clone()),
        search: Arc::new(Search::open(facts, None).unwrap()),
        line: tokio::sync::watch::channel(LineView::off()).1,
        settings: Arc::new(OwnSettings::default()),
        desk: None,
        firmware: None,
        conversations: Conversations::alone(
            Shoppers::in_memory(ShoppersConfig::default()).unwrap(),
        ),
        acts: Arc::new(Unaudited),
    });
    (dress(router(Arc::new(service)), &[], &metrics).unwrap(), health)
}

fn at(route: &Route) -> Builder {
    let path = route.path.replace("{table}", "prices").replace("{folder}", "kiosk");
    let path = ["{id}", "{model}", "{version}", "{name}"]
        .iter()
        .fold(path, |path, name| path.replace(name, "tiny"));
    Request::builder().method(route.method.method()).uri(path)
}

fn shown_as(request: Builder, role: Option<Role>) -> Builder {
    match role {
        Some(role) => request.header("authorization", format!("Bearer a-token-of-{role}")),
        None => request,
    }
}

async fn ask(router: &Router, request: Request<Body>) -> (axum::http::response::Parts, Value) {
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// An error's message, where the error has the form of its path.
fn message<'a>(path: &str, body: &'a Value) -> Option<&'a str> {
    match ErrorForm::of(path) {
        ErrorForm::OpenAi => body["error"]["message"].as_str(),
        ErrorForm::OpenInference => body["error"].as_str(),
    }
}

#[tokio::test]
async fn every_route_asks_who_is_there_unless_it_is_public() {
    let (router, _) = house();
    for route in all() {
        for role in ROLES {
            let request = shown_as(at(route), role).body(Body::empty()).unwrap();
            let (head, body) = ask(&router, request).await;
            let admitted = role.is_some_and(|role| route.access.admits(role));
            let told = match (route.access, role) {
                (Access::Public, _) => !matches!(head.status.as_u16(), 401 | 403),
                (_, None) => head.status == 401 && head.headers.contains_key("www-authenticate"),
                _ if admitted => !matches!(head.status.as_u16(), 401 | 403),
                _ => head.status == 403,
            };
            assert!(told, "{} as {role:?}: {} {body}", route.path, head.status);
            if head.status.is_client_error() {
                assert!(message(route.path, &body).is_some(), "{} {body}", route.path);
            }
        }
    }
}

#[tokio::test]
async fn a_stranger_is_turned_away_before_the_body_is_read() {
    let (router, _) = house();
    let never = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
    let request = Request::post("/v1/chat/completions").body(never).unwrap();
    let (head, _) =
        tokio::time::timeout(Duration::from_secs(2), ask(&router, request)).await.unwrap();
    assert_eq!(head.status, 401);
}

#[tokio::test]
async fn what_is_not_in_the_table_is_refused_in_the_same_form() {
    let (router, _) = house();
    for (method, path, status, code, allow) in [
        ("GET", "/", 404, "unknown_url", None),
        ("POST", "/v1/rerank", 404, "unknown_url", None),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed", Some("POST")),
        ("DELETE", "/v1/models/tiny", 405, "method_not_allowed", Some("GET")),
        ("GET", "/v1/models/tiny", 404, "model_not_found", None),
        ("GET", "/v1/models/%ff", 400, "none", None),
        ("GET", "/v2/nowhere", 404, "none", None),
        ("POST", "/v2/repository/models/tiny/load", 404, "none", None),
        ("GET", "/v2/models/tiny/infer", 405, "none", Some("POST")),
        ("GET", "/v2/models/tiny", 404, "none", None),
        ("GET", "/v2/models/%ff", 400, "none", None),
    ] {
        let request = Request::builder().method(method).uri(path);
        let request = shown_as(request, Some(Role::Admin)).body(Body::empty()).unwrap();
        let (head, body) = ask(&router, request).await;
        assert_eq!(head.status, status, "{method} {path}");
        assert!(message(path, &body).is_some(), "{method} {path}: {body}");
        assert_eq!(
            body["error"]["code"].as_str().unwrap_or("none"),
            code,
            "{method} {path}: {body}"
        );
        let header = head.headers.get("allow").map(|value| value.to_str().unwrap());
        assert_eq!(header, allow, "{method} {path}");
    }
}

#[tokio::test]
async fn a_bad_body_is_refused_with_the_right_status() {
    let (router, _) = house();
    let chat = r#"{"model":"tiny","messages":[{"role":"user","content":"Hi"}]}"#;
    let large = " ".repeat(5000);
    let json = Some("application/json");
    for (content_type, body, status, code) in [
        (json, &b"{"[..], 400, "invalid_json"),
        (json, b"\xff", 400, "invalid_json"),
        (json, b"{\"model\":1}", 400, "invalid_value"),
        (json, b"{\"modle\":1}", 400, "unknown_parameter"),
        (json, large.as_bytes(), 413, "body_too_large"),
        (None, chat.as_bytes(), 415, "unsupported_media_type"),
        (Some("text/plain"), chat.as_bytes(), 415, "unsupported_media_type"),
        (json, chat.as_bytes(), 404, "model_not_found"),
    ] {
        let mut request = Request::post("/v1/chat/completions");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = shown_as(request, Some(Role::Client)).body(Body::from(body.to_vec()));
        let (head, answer) = ask(&router, request.unwrap()).await;
        assert_eq!(head.status, status, "{code}: {answer}");
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
}

#[tokio::test]
async fn operators_see_life_readiness_and_numbers() {
    let (router, health) = house();
    for (stage, path, status) in [
        (None, "/health/live", 200),
        (None, "/health/ready", 503),
        (None, "/v2/health/live", 200),
        (None, "/v2/health/ready", 503),
        (Some(Stage::Ready), "/health/ready", 200),
        (None, "/v2/health/ready", 200),
        (Some(Stage::Draining), "/health/ready", 503),
        (None, "/v2/health/ready", 503),
        (None, "/health/live", 200),
        (None, "/openapi.json", 200),
    ] {
        if let Some(stage) = stage {
            health.enter(stage);
        }
        let (head, body) = ask(&router, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(head.status, status, "{path}: {body}");
    }
    let request = shown_as(Request::get("/v1/models"), Some(Role::Client));
    let (_, body) = ask(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!(body, serde_json::json!({ "object": "list", "data": [] }));
    let request = shown_as(Request::get("/metrics"), Some(Role::Metrics));
    let (head, _) = ask(&router, request.body(Body::empty()).unwrap()).await;
    assert!(head.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics"));
}
