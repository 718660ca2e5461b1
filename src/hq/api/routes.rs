//! Every route as data, and the router made of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::{Schema, SchemaGenerator};

use super::call::{Call, Caller};
use super::service::Service;
use super::{
    artefacts, bundles, catalogues, commands, config, deployments, documents, enrolment, keys,
    operations, packs, people, registry, told,
};
use crate::hq::enrolment::Shown;
use crate::hq::pages;
use crate::hq::users::Role;
use crate::http::{Kind, PeerCertificate, Problem};

/// How a type is described.
pub(super) type Described = fn(&mut SchemaGenerator) -> Schema;

type Handler = fn(Arc<Service>, Call) -> BoxFuture<'static, Result<Response, Problem>>;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody, without a token.
    Public,
    /// Users of this role or more.
    Users(Role),
    /// Nodes, by the token that they got when they were enrolled, on a connection that shows their
    /// certificate.
    Nodes,
    /// Nodes and all users.
    NodesAndUsers,
}

/// A field of a request's query.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueryField {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
}

/// What a request carries.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    /// Nothing.
    Nothing,
    /// JSON of this form.
    Json(Described),
    /// Values of this form, one a line.
    Lines(Described),
    /// A file.
    Bytes,
}

impl Asked {
    const fn json(described: Option<Described>) -> Self {
        match described {
            Some(described) => Self::Json(described),
            None => Self::Nothing,
        }
    }
}

/// What a response is made of.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// JSON of this form.
    Json(Described),
    /// Text of this media type.
    Text(&'static str),
    /// A file.
    Bytes,
}

/// One method of one path.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) summary: &'static str,
    pub(super) query: &'static [QueryField],
    pub(super) asked: Asked,
    pub(super) answer: Content,
    pub(super) handler: Handler,
}

pub(super) fn of<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

pub(super) const LIMIT: QueryField =
    QueryField { name: "limit", about: "Rows at most, 1 to 500; 100 without" };

/// A route without a query.
macro_rules! route {
    ($method:ident $path:literal, $access:expr, $summary:literal, $($rest:tt)*) => {
        Route {
            method: Method::$method,
            path: $path,
            access: $access,
            summary: $summary,
            ..route!(@ $($rest)*)
        }
    };
    (@ [$($query:expr),*] lines $asked:expr => $($rest:tt)*) => {
        Route { asked: Asked::Lines($asked), ..route!(@ [$($query),*] None => $($rest)*) }
    };
    (@ [$($query:expr),*] file => $($rest:tt)*) => {
        Route { asked: Asked::Bytes, ..route!(@ [$($query),*] None => $($rest)*) }
    };
    (@ [$($query:expr),*] $asked:expr => $answer:expr, $handler:path) => {
        Route {
            method: Method::GET,
            path: "",
            access: Access::Public,
            summary: "",
            query: &[$($query),*],
            asked: Asked::json($asked),
            answer: $answer,
            handler: |service, call| $handler(service, call).boxed(),
        }
    };
}

/// What is of a tenant, which has to be there.
const BELOW_A_TENANT: &str = "/hq/v1/tenants/{tenant}/";
const VIEWER: Access = Access::Users(Role::Viewer);
const APPROVER: Access = Access::Users(Role::Approver);
const OPERATOR: Access = Access::Users(Role::Operator);
const ADMIN: Access = Access::Users(Role::Admin);
const DEPLOYMENT: Content = Content::Json(of::<crate::hq::deployments::DeploymentRow>);
const KEYS: Content = Content::Json(of::<crate::hq::KeysState>);
const DONE: Content = Content::Json(of::<operations::Done>);

/// Every route there is.
pub(super) static ROUTES: &[Route] = &[
    route!(GET "/health/live", Access::Public, "Whether the process lives",
        [] None => Content::Json(of::<operations::Alive>), operations::live),
    route!(GET "/health/ready", Access::Public, "Whether requests are answered, and how the line is",
        [] None => Content::Json(of::<operations::Ready>), operations::ready),
    route!(GET "/openapi.json", Access::Public, "This description",
        [] None => Content::Json(of::<serde_json::Map<String, serde_json::Value>>), operations::description),
    route!(GET "/metrics", VIEWER, "Everything that is counted, for Prometheus",
        [] None => Content::Text("application/openmetrics-text"), operations::metrics),
    route!(GET "/hq/v1/tenants", VIEWER, "Tenants",
        [] None => Content::Json(of::<registry::Tenants>), registry::tenants),
    route!(PUT "/hq/v1/tenants/{tenant}", ADMIN, "Makes a tenant",
        [] None => DONE, registry::set_tenant),
    route!(GET "/hq/v1/tenants/{tenant}/stores", VIEWER, "Stores and their boxes, by name",
        [registry::AFTER, LIMIT] None => Content::Json(of::<registry::Stores>), registry::stores),
    route!(GET "/hq/v1/tenants/{tenant}/stores/{store}", VIEWER, "A store, what is wanted there and what is",
        [] None => Content::Json(of::<registry::StoreState>), registry::store),
    route!(PUT "/hq/v1/tenants/{tenant}/stores/{store}", OPERATOR, "Makes a store, or gives it another title",
        [] Some(of::<registry::Titled>) => DONE, registry::set_store),
    route!(PUT "/hq/v1/tenants/{tenant}/stores/{store}/nodes/{node}", ADMIN, "Makes a box that does not enrol",
        [] None => DONE, registry::set_node),
    route!(DELETE "/hq/v1/tenants/{tenant}/stores/{store}/nodes/{node}", ADMIN, "Takes a box's identity back",
        [] None => DONE, registry::revoke_node),
    route!(GET "/hq/v1/tenants/{tenant}/groups", VIEWER, "Groups and their boxes",
        [] None => Content::Json(of::<registry::Groups>), registry::groups),
    route!(PUT "/hq/v1/tenants/{tenant}/groups/{group}", OPERATOR, "Makes a group, or gives it another title",
        [] Some(of::<registry::Titled>) => DONE, registry::set_group),
    route!(PUT "/hq/v1/tenants/{tenant}/groups/{group}/members/{store}/{node}", OPERATOR, "Puts a box into a group",
        [] None => DONE, registry::join),
    route!(DELETE "/hq/v1/tenants/{tenant}/groups/{group}/members/{store}/{node}", OPERATOR, "Takes a box out of a group",
        [] None => DONE, registry::leave),
    route!(GET "/hq/v1/tenants/{tenant}/desired", VIEWER, "The newest version of each document at each target",
        [] None => Content::Json(of::<documents::Desired>), documents::desired),
    route!(POST "/hq/v1/tenants/{tenant}/desired", OPERATOR, "Wants a new version of a document; bundles and keys take an approver",
        [] Some(of::<documents::Wanted>) => Content::Json(of::<documents::Published>), documents::publish),
    route!(GET "/hq/v1/tenants/{tenant}/config", VIEWER, "The settings that are wanted at a target, and their version",
        [config::TARGET] None => Content::Json(of::<crate::hq::WantedConfig>), config::wanted),
    route!(GET "/hq/v1/tenants/{tenant}/bundles", VIEWER, "Bundles that can be deployed, the newest first",
        [LIMIT] None => Content::Json(of::<bundles::Bundles>), bundles::list),
    route!(POST "/hq/v1/tenants/{tenant}/bundles", OPERATOR, "Makes a bundle known whose files are here",
        [] Some(of::<bundles::NewBundle>) => Content::Json(of::<crate::hq::bundles::BundleRow>), bundles::publish),
    route!(GET "/hq/v1/tenants/{tenant}/deployments", VIEWER, "Deployments, the newest first",
        [deployments::BEFORE, LIMIT] None => Content::Json(of::<deployments::Deployments>), deployments::list),
    route!(POST "/hq/v1/tenants/{tenant}/deployments", OPERATOR, "Asks for a deployment; `approve` takes an approver",
        [] Some(of::<deployments::NewDeployment>) => DEPLOYMENT, deployments::ask),
    route!(GET "/hq/v1/tenants/{tenant}/deployments/{number}", VIEWER, "A deployment and how its boxes did",
        [] None => DEPLOYMENT, deployments::one),
    route!(GET "/hq/v1/tenants/{tenant}/deployments/{number}/nodes", VIEWER, "Boxes of a deployment, how far each is and what became of it",
        [deployments::AFTER, LIMIT] None => Content::Json(of::<deployments::Nodes>), deployments::nodes),
    route!(POST "/hq/v1/tenants/{tenant}/deployments/{number}/approve", APPROVER, "Lets a draft go and begins it",
        [] Some(of::<deployments::Decided>) => DEPLOYMENT, deployments::approve),
    route!(POST "/hq/v1/tenants/{tenant}/deployments/{number}/cancel", OPERATOR, "Ends a deployment; boxes that were not judged are set back",
        [] Some(of::<deployments::Decided>) => DEPLOYMENT, deployments::cancel),
    route!(POST "/hq/v1/tenants/{tenant}/deployments/{number}/revert", OPERATOR, "Asks that its boxes get what they had before; `approve` takes an approver",
        [] Some(of::<deployments::Back>) => DEPLOYMENT, deployments::revert),
    route!(GET "/hq/v1/tenants/{tenant}/commands", VIEWER, "Commands and what became of them, the newest first",
        [told::PLACE, LIMIT] None => Content::Json(of::<commands::Commands>), commands::list),
    route!(POST "/hq/v1/tenants/{tenant}/commands", OPERATOR, "Gives a command to a box or a group",
        [] Some(of::<commands::Ordered>) => Content::Json(of::<commands::Given>), commands::give),
    route!(GET "/hq/v1/tenants/{tenant}/events", VIEWER, "Events, the newest first",
        [told::PLACE, told::BEFORE, LIMIT] None => Content::Json(of::<told::Events>), told::events),
    route!(GET "/hq/v1/tenants/{tenant}/telemetry", VIEWER, "Measured values of one box, oldest first",
        [told::PLACE, told::SINCE, LIMIT] None => Content::Json(of::<told::Measured>), told::telemetry),
    route!(GET "/hq/v1/tenants/{tenant}/history", VIEWER, "What one box measured over a long time, oldest first",
        [told::PLACE, told::SPAN, told::SINCE] None => Content::Json(of::<told::History>), told::history),
    route!(GET "/hq/v1/tenants/{tenant}/gaps", VIEWER, "Messages that boxes declared lost, the newest first",
        [told::PLACE, told::BEFORE, LIMIT] None => Content::Json(of::<told::Gaps>), told::gaps),
    route!(GET "/hq/v1/tenants/{tenant}/laid-aside", VIEWER, "Messages that could not be taken, the newest first",
        [told::PLACE, told::BEFORE, LIMIT] None => Content::Json(of::<told::LaidAside>), told::laid_aside),
    route!(GET "/hq/v1/tenants/{tenant}/audit-heads", VIEWER, "The last head of each box's audit log, signed by HQ",
        [told::PLACE, LIMIT] None => Content::Json(of::<told::AuditHeads>), told::audit_heads),
    route!(GET "/hq/v1/tenants/{tenant}/audit-proofs", VIEWER, "Whether boxes' audit logs are as HQ signed them",
        [told::PLACE, told::AFTER, LIMIT] None => Content::Json(of::<told::AuditProofs>), told::audit_proofs),
    route!(POST "/hq/v1/tenants/{tenant}/stores/{store}/nodes/{node}/audit-chains", APPROVER, "Ends a box's audit log where HQ signed it and begins another chain, as of a box with another disk",
        [] Some(of::<told::NewChain>) => Content::Json(of::<told::Begun>), told::begin_chain),
    route!(GET "/hq/v1/tenants/{tenant}/stores/{store}/nodes/{node}/answers-heads", VIEWER, "The newest heads of a box's chain of generated answers, as its audit log tells them",
        [LIMIT] None => Content::Json(of::<told::AnswersHeads>), told::answers_heads),
    route!(GET "/hq/v1/tenants/{tenant}/examples", OPERATOR, "Answers of assistants that associates put right, the newest first",
        [told::PLACE, told::BEFORE, LIMIT] None => Content::Json(of::<told::Examples>), told::examples),
    route!(GET "/hq/v1/tenants/{tenant}/catalogues", VIEWER, "Catalogues of facts",
        [] None => Content::Json(of::<catalogues::Catalogues>), catalogues::list),
    route!(POST "/hq/v1/tenants/{tenant}/catalogues/{catalogue}/facts", OPERATOR, "Pushes facts, a JSON object a line, as one epoch",
        [catalogues::REPLACE, catalogues::CREATE] lines of::<crate::facts::Change> => Content::Json(of::<crate::hq::catalogues::Pushed>), catalogues::push),
    route!(GET "/hq/v1/tenants/{tenant}/packs", VIEWER, "Packs of answers, the newest first",
        [] None => Content::Json(of::<packs::Packs>), packs::list),
    route!(POST "/hq/v1/tenants/{tenant}/packs", OPERATOR, "Makes a pack of an exported file that is an artefact here",
        [] Some(of::<packs::NewPack>) => Content::Json(of::<crate::hq::packs::PackRow>), packs::make),
    route!(POST "/hq/v1/tenants/{tenant}/packs/{epoch}/want", OPERATOR, "Wants a pack at a box, a group, a store or everywhere",
        [] Some(of::<packs::Aimed>) => Content::Json(of::<packs::WantedNow>), packs::want),
    route!(POST "/hq/v1/tenants/{tenant}/packs/roll-back", OPERATOR, "Wants the pack before again, or none where there was none",
        [] Some(of::<packs::Aimed>) => Content::Json(of::<packs::WantedNow>), packs::roll_back),
    route!(GET "/hq/v1/tenants/{tenant}/recalls", VIEWER, "Recalls, and how many boxes have confirmed each",
        [] None => Content::Json(of::<packs::Recalls>), packs::recalls),
    route!(GET "/hq/v1/tenants/{tenant}/catalogues/{catalogue}/recalls/{recall}", VIEWER, "What each box told of a recall, the silent first",
        [] None => Content::Json(of::<packs::Receipts>), packs::receipts),
    route!(GET "/hq/v1/tenants/{tenant}/claims", ADMIN, "Claims, the newest first",
        [] None => Content::Json(of::<enrolment::Claims>), enrolment::claims),
    route!(POST "/hq/v1/tenants/{tenant}/claims", ADMIN, "Lets one box enrol, once; shows the token this once",
        [] Some(of::<enrolment::NewClaim>) => Content::Json(of::<crate::hq::enrolment::Claim>), enrolment::add_claim),
    route!(POST "/hq/v1/enrol", Access::Public, "A box with a claim gets its certificate",
        [] Some(of::<crate::identity::Request>) => Content::Json(of::<crate::identity::Identity>), enrolment::enrol),
    route!(POST "/hq/v1/examples", Access::Nodes, "A box sends answers that were put right, and which were erased",
        [] Some(of::<crate::protocol::examples::Sent>) => Content::Json(of::<crate::protocol::examples::Taken>), told::take_examples),
    route!(POST "/hq/v1/renew", Access::Nodes, "A node gets its next certificate, by its token and its old key",
        [] Some(of::<crate::identity::Request>) => Content::Json(of::<crate::identity::Identity>), enrolment::renew),
    route!(GET "/artefacts/{digest}", Access::NodesAndUsers, "A file by its SHA-256, in parts where `Range` asks for it",
        [] None => Content::Bytes, artefacts::read),
    route!(PUT "/artefacts/{digest}", OPERATOR, "Keeps a file; bytes of another SHA-256 are refused",
        [] file => Content::Json(of::<artefacts::Kept>), artefacts::write),
    route!(GET "/hq/v1/acts", VIEWER, "What people did at HQ, the newest first",
        [told::BEFORE, LIMIT] None => Content::Json(of::<people::Acts>), people::acts),
    route!(GET "/hq/v1/keys", VIEWER, "HQ's public keys, how far a change of the director's is, and which boxes do not follow yet",
        [] None => KEYS, keys::state),
    route!(POST "/hq/v1/keys/rotate", ADMIN, "Makes another key for the director; both sign, and boxes are told to believe both",
        [] None => KEYS, keys::rotate),
    route!(POST "/hq/v1/keys/retire", ADMIN, "Tells boxes to believe the new key alone; the old one is forgotten when all do",
        [] None => KEYS, keys::retire),
    route!(GET "/hq/v1/users", ADMIN, "Users",
        [] None => Content::Json(of::<people::Users>), people::users),
    route!(POST "/hq/v1/users", ADMIN, "Makes a user and shows the token this once",
        [] Some(of::<people::NewUser>) => Content::Json(of::<crate::hq::users::Created>), people::add),
    route!(DELETE "/hq/v1/users/{id}", ADMIN, "Forgets a user's token",
        [] None => DONE, people::revoke),
];

/// The router of all routes and the pages; everything else is 404 or 405.
pub fn router(service: Arc<Service>) -> Router {
    let mut router = pages::router();
    for route in ROUTES {
        let Ok(filter) = MethodFilter::try_from(route.method.clone()) else { continue };
        let handler =
            move |service: State<Arc<Service>>, params: RawPathParams, request: Request| {
                answer(route, service.0, params, request)
            };
        router = router.route(route.path, on(filter, handler));
    }
    router.method_not_allowed_fallback(wrong_method).fallback(no_route).with_state(service)
}

async fn answer(
    route: &'static Route,
    service: Arc<Service>,
    params: RawPathParams,
    request: Request,
) -> Response {
    match answered(route, service, params, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn answered(
    route: &'static Route,
    service: Arc<Service>,
    params: RawPathParams,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let caller = admit(route.access, &service, &head).await?;
    let query = checked_query(head.uri.query().unwrap_or_default(), route.query)?;
    let params = params.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let call = Call { caller, params, query, headers: head.headers, body };
    if route.path.starts_with(BELOW_A_TENANT) {
        service.hq.registry().require(&call.tenant()?).await?;
    }
    (route.handler)(service, call).await
}

/// Who asks, if they may.
async fn admit(access: Access, service: &Service, head: &Parts) -> Result<Caller, Problem> {
    if access == Access::Public {
        return Ok(Caller::Anybody);
    }
    let header = head.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let token = header.and_then(|text| text.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, token)| token.trim()).ok_or_else(|| {
        Problem::unauthenticated("this route needs the header `Authorization: Bearer TOKEN`")
    })?;
    if matches!(access, Access::Nodes | Access::NodesAndUsers)
        && let Some(place) = service.hq.node_of(token, shown(service, head)).await?
    {
        return Ok(Caller::Node(place));
    }
    let least = match access {
        Access::Users(least) => Some(least),
        Access::NodesAndUsers => Some(Role::Viewer),
        Access::Public | Access::Nodes => None,
    };
    let actor = match least {
        Some(_) => service.hq.actor(token).await?,
        None => None,
    };
    let unknown = || Problem::unauthenticated("the bearer token is not valid here, or was revoked");
    let (actor, least) = actor.zip(least).ok_or_else(unknown)?;
    if actor.role < least {
        return Err(forbidden(actor.role, least));
    }
    Ok(Caller::User(actor))
}

/// What the connection showed of who asks.
fn shown<'a>(service: &Service, head: &'a Parts) -> Shown<'a> {
    if !service.asks_certificates {
        return Shown::NotAsked;
    }
    let certificate = head.extensions.get::<PeerCertificate>();
    certificate.map_or(Shown::Nothing, |certificate| Shown::Certificate(certificate.der()))
}

/// A user of that role may not.
pub(super) fn forbidden(role: Role, least: Role) -> Problem {
    let message = format!("this takes a user of role {least}; yours is {role}");
    let status = axum::http::StatusCode::FORBIDDEN;
    Problem::new(status, Kind::PermissionError, message).code("insufficient_role")
}

fn checked_query(text: &str, known: &[QueryField]) -> Result<Vec<(String, String)>, Problem> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let shown: String = name.chars().take(100).collect();
        let problem =
            |why: String| Problem::invalid(why).param(shown.clone()).code("unknown_parameter");
        if !known.iter().any(|field| field.name == name) {
            let names: Vec<_> = known.iter().map(|field| field.name).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(problem(format!("unknown field `{shown}`; known are {known}")));
        }
        if fields.iter().any(|(other, _)| *other == name) {
            return Err(problem(format!("{shown}: it is there twice")));
        }
        fields.push((name.into_owned(), value.into_owned()));
    }
    Ok(fields)
}

async fn no_route(request: Request) -> Response {
    let problem = Problem::no_route(request.method().as_str(), &shown_path(&request));
    // What people look at is answered as they read it.
    match request.uri().path().starts_with("/fleet") {
        true => pages::told(problem),
        false => problem.into_response(),
    }
}

async fn wrong_method(request: Request) -> Problem {
    let pattern = request.extensions().get::<axum::extract::MatchedPath>();
    let pattern = pattern.map(axum::extract::MatchedPath::as_str).unwrap_or_default();
    let allowed = ROUTES.iter().filter(|route| route.path == pattern);
    let allowed: Vec<_> = allowed.map(|route| route.method.to_string()).collect();
    Problem::wrong_method(request.method().as_str(), &shown_path(&request), allowed.join(", "))
}

fn shown_path(request: &Request) -> String {
    request.uri().path().chars().take(200).collect()
}
