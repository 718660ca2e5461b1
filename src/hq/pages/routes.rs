//! The pages' addresses.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use minijinja::{Value, context};

use super::render::{asset, guarded, page};
use super::{deployments, fleet, forms, live, recalls, store};
use crate::hq::acts::Actor;
use crate::hq::api::Service;
use crate::hq::line::Standing;
use crate::hq::service::Hq;
use crate::hq::users::Role;
use crate::http::{BodyLimits, Kind, Problem, read_body};
use crate::protocol::{Label, StoreName};

/// Acts that are shown.
const SHOWN: u32 = 200;
/// A login's form.
const FORM: BodyLimits = BodyLimits { bytes: 4096, timeout: std::time::Duration::from_secs(10) };

/// The pages beside the API.
pub(in crate::hq) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(first))
        .route("/login", get(login_page).post(login))
        .route("/logout", post(logout))
        .route("/fleet/{tenant}", get(fleet_page))
        .route("/fleet/{tenant}/stores/{store}", get(store_page))
        .route("/fleet/{tenant}/deployments", get(deployments_page).post(forms::ask))
        .route("/fleet/{tenant}/deployments/{number}", get(deployment_page))
        .route("/fleet/{tenant}/deployments/{number}/{act}", post(forms::decide))
        .route("/fleet/{tenant}/recalls", get(recalls_page))
        .route("/fleet/{tenant}/audit", get(audit_page))
        .route("/live", get(live_events))
        .route("/assets/hq.css", get(async || asset("text/css", include_str!("assets/hq.css"))))
        .route(
            "/assets/icon.svg",
            get(async || asset("image/svg+xml", include_str!("assets/icon.svg"))),
        )
        .route(
            "/assets/hq.js",
            get(async || asset("text/javascript", include_str!("assets/hq.js"))),
        )
}

/// Somewhere else.
pub(super) fn to(address: &str) -> Response {
    guarded((StatusCode::SEE_OTHER, [(LOCATION, address.to_owned())]).into_response())
}

/// Who looks; without a session, the way to one.
pub(super) async fn looking(service: &Service, headers: &HeaderMap) -> Result<Actor, Response> {
    match service.sessions.actor(&service.hq, headers).await {
        Ok(Some(actor)) => Ok(actor),
        Ok(None) => Err(to("/login")),
        Err(error) => Err(told(error.into())),
    }
}

/// A page in the frame that all have.
pub(super) async fn framed(
    service: &Service,
    headers: &HeaderMap,
    actor: &Actor,
    template: &str,
    tenant: &Label,
    values: Value,
) -> Result<Response, Problem> {
    let tenants = service.hq.registry().tenants().await?;
    let line = *service.line.borrow() == Standing::Listening;
    let frame = context! {
        tenant => tenant.as_str(),
        tenants => tenants.iter().map(Label::as_str).collect::<Vec<_>>(),
        user => actor.name,
        role => actor.role.as_str(),
        may_ask => actor.role >= Role::Operator,
        may_approve => actor.role >= Role::Approver,
        form => service.sessions.form(headers),
        here => template.trim_end_matches(".html"),
        line,
    };
    page(template, context! { ..values, ..frame })
}

/// A page for whoever has a session; for others the way to one.
async fn shown(
    service: &Service,
    headers: &HeaderMap,
    make: impl AsyncFnOnce(&Actor) -> Result<Response, Problem>,
) -> Response {
    match looking(service, headers).await {
        Ok(actor) => answer(make(&actor).await),
        Err(response) => response,
    }
}

/// A page of a tenant for whoever has come in.
async fn of_tenant(
    service: &Service,
    headers: &HeaderMap,
    template: &str,
    tenant: &str,
    values: impl AsyncFnOnce(&Hq, &Label) -> Result<Value, Problem>,
) -> Response {
    shown(service, headers, async |actor| {
        let tenant = parsed::<Label>(tenant)?;
        service.hq.registry().require(&tenant).await?;
        let values = values(&service.hq, &tenant).await?;
        framed(service, headers, actor, template, &tenant, values).await
    })
    .await
}

/// What a handler made, or its problem as a page.
pub(super) fn answer(made: Result<Response, Problem>) -> Response {
    made.unwrap_or_else(told)
}

/// A problem as people read it.
pub(in crate::hq) fn told(problem: Problem) -> Response {
    let status = problem.status();
    let missing = status == StatusCode::NOT_FOUND;
    let values = context! { missing, status => status.as_u16(), said => problem.body().message };
    match page("problem.html", values) {
        Ok(mut page) => {
            *page.status_mut() = status;
            page
        }
        Err(_) => problem.into_response(),
    }
}

async fn first(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    if let Err(response) = looking(&service, &headers).await {
        return response;
    }
    match service.hq.registry().tenants().await {
        Ok(tenants) => to(&tenants.first().map_or("/login".to_owned(), |t| format!("/fleet/{t}"))),
        Err(error) => told(error.into()),
    }
}

async fn login_page() -> Response {
    answer(page("login.html", context! { wrong => false }))
}

async fn login(State(service): State<Arc<Service>>, request: Request) -> Response {
    answer(logged_in(&service, request).await)
}

async fn logged_in(service: &Service, request: Request) -> Result<Response, Problem> {
    let (head, body): (_, Body) = request.into_parts();
    if came_from_elsewhere(&head) {
        let said = "this form is of another site; come in on HQ's own page";
        return Err(Problem::new(StatusCode::FORBIDDEN, Kind::PermissionError, said));
    }
    let form = read_body(&head.headers, body, FORM).await?;
    let token = form_urlencoded::parse(&form).find(|(name, _)| name == "token");
    let token = token.map(|(_, text)| text.trim().to_owned()).unwrap_or_default();
    let cookie =
        service.sessions.begin(&service.hq, &token, by_tls(service, &head.headers)).await?;
    let Some(cookie) = cookie else {
        let mut response = page("login.html", context! { wrong => true })?;
        *response.status_mut() = StatusCode::FORBIDDEN;
        return Ok(response);
    };
    Ok(([(SET_COOKIE, cookie)], to("/")).into_response())
}

/// Whether another site's page sends a form, so that somebody would come in as whom that site chose.
/// Browsers say where a form is from; what says nothing is no browser.
fn came_from_elsewhere(head: &Parts) -> bool {
    let header =
        |name: HeaderName| head.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = header(HeaderName::from_static("sec-fetch-site")) {
        return !["same-origin", "none"].contains(&site);
    }
    let Some(origin) = header(ORIGIN) else { return false };
    let ours = head.uri.authority().map(Authority::as_str).or_else(|| header(HOST));
    let theirs = origin.split_once("://").map(|(_, authority)| authority);
    !theirs.zip(ours).is_some_and(|(theirs, ours)| theirs.eq_ignore_ascii_case(ours))
}

/// Whether the browser has HQ's pages over TLS, HQ's own or that of something before it: then its cookie
/// crosses the network in no other way.
fn by_tls(service: &Service, headers: &HeaderMap) -> bool {
    let says = |name: HeaderName, beginning: &str| {
        headers.get(name).is_some_and(|value| value.as_bytes().starts_with(beginning.as_bytes()))
    };
    service.secure
        || says(ORIGIN, "https://")
        || says(HeaderName::from_static("x-forwarded-proto"), "https")
}

async fn logout(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let cookie = service.sessions.end(&headers, by_tls(&service, &headers));
    ([(SET_COOKIE, cookie)], to("/login")).into_response()
}

async fn fleet_page(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let after = uri.query().and_then(|query| query.strip_prefix("after=")).unwrap_or_default();
    of_tenant(&service, &headers, "fleet.html", &tenant, async |hq, tenant| {
        Ok(fleet::values(hq, tenant, after).await?)
    })
    .await
}

async fn store_page(
    State(service): State<Arc<Service>>,
    Path((tenant, store)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let range =
        uri.query().and_then(|query| query.strip_prefix("range=")).and_then(store::Range::of);
    of_tenant(&service, &headers, "store.html", &tenant, async |hq, tenant| {
        let store = parsed::<StoreName>(&store)?;
        Ok(store::values(hq, tenant, &store, range).await?)
    })
    .await
}

async fn deployments_page(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    of_tenant(&service, &headers, "deployments.html", &tenant, async |hq, tenant| {
        Ok(deployments::values(hq, tenant).await?)
    })
    .await
}

async fn deployment_page(
    State(service): State<Arc<Service>>,
    Path((tenant, number)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let after = uri.query().and_then(|query| query.strip_prefix("after=")).unwrap_or_default();
    let after: String = form_urlencoded::parse(format!("after={after}").as_bytes())
        .map(|(_, text)| text.into_owned())
        .collect();
    of_tenant(&service, &headers, "deployment.html", &tenant, async |hq, tenant| {
        Ok(deployments::one(hq, tenant, parsed::<u64>(&number)?, after).await?)
    })
    .await
}

async fn recalls_page(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    of_tenant(&service, &headers, "recalls.html", &tenant, async |hq, tenant| {
        Ok(recalls::values(hq, tenant).await?)
    })
    .await
}

async fn audit_page(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    of_tenant(&service, &headers, "audit.html", &tenant, async |hq, tenant| {
        let acts = hq.acts(None, SHOWN).await?;
        let page = crate::hq::told::Page {
            tenant: tenant.clone(),
            place: None,
            before: None,
            limit: SHOWN,
        };
        let heads = hq.audit_heads(&page).await?;
        Ok(context! { acts, heads })
    })
    .await
}

async fn live_events(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    match looking(&service, &headers).await {
        Ok(_) => live::events(service.hq.changes(), service.stop.clone()),
        Err(_) => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// A name in an address; one that is none leads nowhere.
pub(super) fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::no_route("GET", text))
}
