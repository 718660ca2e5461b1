//! What stands around every route: the request's id, the count, CORS, headers, caught panics.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    AGE, CACHE_CONTROL, CONTENT_LENGTH, HeaderName, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tracing::Instrument;

use super::config::HttpError;
use super::guarded::Guarded;
use super::problem::{ErrorForm, Problem};
use super::request_id::{HEADER as REQUEST_ID, RequestId};
use crate::telemetry::{HttpRequest, Metrics};

/// What is counted for a request whose client went away before there was a response.
const CLIENT_GONE: u16 = 499;
const PREFLIGHT_AGE: Duration = Duration::from_secs(3600);

/// Puts the door around a router. Origins are those whose pages may ask.
pub fn dress(
    router: Router,
    cors_origins: &[String],
    metrics: &Arc<Metrics>,
) -> Result<Router, HttpError> {
    let counted = Arc::clone(metrics);
    let caught = CatchPanicLayer::custom(move |_: Box<dyn Any + Send>| {
        counted.panicked();
        Problem::internal("the handler panicked").into_response()
    });
    Ok(router
        .layer(caught)
        .layer(cors(cors_origins)?)
        .layer(from_fn_with_state(Arc::clone(metrics), observe)))
}

fn cors(origins: &[String]) -> Result<CorsLayer, HttpError> {
    if origins.is_empty() {
        return Ok(CorsLayer::new());
    }
    let origins = origins.iter().map(|text| origin(text)).collect::<Result<Vec<_>, _>>()?;
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([REQUEST_ID, RETRY_AFTER, AGE, HeaderName::from_static("cache-status")])
        .max_age(PREFLIGHT_AGE))
}

/// Whether a text is a scheme and an authority with nothing behind it, as browsers send an origin.
pub fn is_origin(text: &str) -> bool {
    let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let sound = |host: &&str| {
        !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ', ',']) && host.is_ascii()
    };
    host.filter(sound).is_some() && HeaderValue::from_str(text).is_ok()
}

fn origin(text: &str) -> Result<HeaderValue, HttpError> {
    let refuse = || HttpError::Origin(text.to_owned());
    if !is_origin(text) {
        return Err(refuse());
    }
    HeaderValue::from_str(text).map_err(|_| refuse())
}

async fn observe(
    State(metrics): State<Arc<Metrics>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::from_headers(request.headers());
    let form = ErrorForm::of(request.uri().path());
    let mut count = Count::begin(metrics, &request);
    let span = tracing::debug_span!("request", id = id.as_str(), route = %count.route);
    request.extensions_mut().insert(id.clone());
    let response = next.run(request).instrument(span.clone()).await;
    let response = span.in_scope(|| finish(response, form, &id));
    count.status = response.status().as_u16();
    response.map(|body| Guarded::wrap(body, count))
}

fn finish(mut response: Response, form: ErrorForm, id: &RequestId) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if problem.status().is_server_error() {
            let cause = problem.cause().unwrap_or(&problem.body().message);
            tracing::warn!(
                id = id.as_str(),
                status = problem.status().as_u16(),
                cause,
                "a request failed"
            );
        }
        if problem.cause().is_some() || form != ErrorForm::OpenAi {
            response = rewritten(response, problem.respond(form, Some(id)));
        }
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(value) = id.header() {
        headers.insert(REQUEST_ID, value);
    }
    response
}

/// The new response with what layers have written on the old one, such as CORS headers.
fn rewritten(old: Response, mut new: Response) -> Response {
    let mut headers = old.into_parts().0.headers;
    headers.remove(CONTENT_LENGTH);
    headers.extend(std::mem::take(new.headers_mut()));
    *new.headers_mut() = headers;
    new
}

/// Counts one request from its head to the last byte of its response.
struct Count {
    metrics: Arc<Metrics>,
    method: &'static str,
    route: String,
    status: u16,
    began: Instant,
}

impl Count {
    fn begin(metrics: Arc<Metrics>, request: &Request) -> Self {
        metrics.http_began();
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or("unmatched", MatchedPath::as_str).to_owned();
        let method = known_method(request.method());
        Self { metrics, method, route, status: CLIENT_GONE, began: Instant::now() }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        let duration = self.began.elapsed();
        tracing::debug!(
            method = self.method,
            route = %self.route,
            status = self.status,
            duration_ms = duration.as_millis() as u64,
            "a request ended"
        );
        self.metrics.http_ended(HttpRequest {
            method: self.method,
            route: std::mem::take(&mut self.route),
            status: self.status,
            duration,
        });
    }
}

/// Methods are labels: a client must not make up new ones.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(router: &Router, request: axum::http::request::Builder) -> (Response, String) {
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(head, Body::empty()), String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn doors(origins: &[&str]) -> (Router, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new());
        let router = Router::new()
            .route("/fine/{id}", get(|| async { "fine" }))
            .route("/broken", get(|| async { panic!("we were wrong") as () }))
            .route("/failed", get(|| async { Problem::internal("the disk is full") }))
            .route("/v2/broken", get(|| async { panic!("we were wrong") as () }))
            .route("/v2/failed", get(|| async { Problem::internal("the disk is full") }))
            .route("/v2/refused", get(|| async { Problem::invalid("it is not so") }));
        let origins: Vec<_> = origins.iter().map(|&o| o.to_owned()).collect();
        (dress(router, &origins, &metrics).unwrap(), metrics)
    }

    #[tokio::test]
    async fn a_fault_of_ours_shows_the_requests_id_and_not_the_cause() {
        let (router, metrics) = doors(&[]);
        for path in ["/broken", "/failed", "/v2/broken", "/v2/failed"] {
            let request = Request::get(path).header("x-request-id", "kiosk-7.1");
            let (response, body) = ask(&router, request).await;
            assert_eq!(response.status(), 500);
            assert!(body.contains("its id is kiosk-7.1"), "{body}");
            assert!(!body.contains("disk") && !body.contains("wrong"), "{body}");
        }
        let text = metrics.encode().unwrap();
        assert!(text.contains("endcap_http_panics_total 2"), "{text}");
    }

    #[tokio::test]
    async fn an_error_has_its_paths_form_and_keeps_its_headers() {
        let (router, _) = doors(&["https://shop.example"]);
        for (path, says) in [
            ("/v2/refused", r#"{"error":"it is not so"}"#),
            ("/v2/failed", r#"{"error":"the server failed on this request; its id is a.1"}"#),
            ("/v2/broken", r#"{"error":"the server failed on this request; its id is a.1"}"#),
        ] {
            let request = Request::get(path)
                .header("origin", "https://shop.example")
                .header("x-request-id", "a.1");
            let (response, body) = ask(&router, request).await;
            assert_eq!(body, says);
            let headers = response.headers();
            assert_eq!(headers["access-control-allow-origin"], "https://shop.example", "{path}");
            assert_eq!(headers["content-type"], "application/json", "{path}");
        }
    }

    #[tokio::test]
    async fn every_response_has_its_id_and_is_counted_by_route() {
        let (router, metrics) = doors(&[]);
        for (path, status) in [("/fine/1", 200), ("/fine/2", 200), ("/nowhere", 404)] {
            let (response, _) = ask(&router, Request::get(path)).await;
            assert_eq!(response.status(), status);
            for (name, value) in
                [("cache-control", "no-store"), ("x-content-type-options", "nosniff")]
            {
                assert_eq!(response.headers()[name], value, "{path}");
            }
            assert!(response.headers().contains_key("x-request-id"), "{path}");
        }
        let text = metrics.encode().unwrap();
        for (route, status, count) in [("/fine/{id}", 200, 2), ("unmatched", 404, 1)] {
            let line = format!(
                "http_server_request_duration_seconds_count{{http_request_method=\"GET\",http_route=\"{route}\",http_response_status_code=\"{status}\"}} {count}"
            );
            assert!(text.contains(&line), "{line}\n{text}");
        }
        assert!(text.contains("http_server_active_requests 0"), "{text}");
    }

    #[tokio::test]
    async fn only_pages_of_listed_origins_may_ask() {
        let (router, _) = doors(&["https://shop.example"]);
        for (origin, allowed) in [
            ("https://shop.example", Some("https://shop.example")),
            ("https://shop.example.evil.example", None),
            ("http://shop.example", None),
        ] {
            let preflight = Request::builder()
                .method("OPTIONS")
                .uri("/fine/1")
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,x-stainless-lang");
            for request in [preflight, Request::get("/fine/1").header("origin", origin)] {
                let (response, _) = ask(&router, request).await;
                assert_eq!(response.status(), 200);
                let header = response.headers().get("access-control-allow-origin");
                assert_eq!(header.map(|v| v.to_str().unwrap()), allowed, "{origin}");
            }
        }
        for text in ["*", "shop.example", "https://shop.example/", "https://", "https://a b"] {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
