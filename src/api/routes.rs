//! Every route as data, and the router made of it.

mod arrays;
mod audit;
mod conversations;
mod desk;
mod devices;
mod facts;
mod firmware;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{Schema, SchemaGenerator};

use super::service::Service;
use super::{openai, operations, pages, store, text, vision};
use crate::http::{Access, Problem};

/// How a type is described.
pub(super) type Described = fn(&mut SchemaGenerator) -> Schema;

/// What a response may be made of.
pub(super) enum Content {
    /// JSON of this form.
    Json(Described),
    /// JSON of the first form, or events of the second where the request asks for a stream.
    JsonOrEvents(Described, Described),
    /// JSON of this form, or such JSON with bytes behind it.
    JsonOrBinary(Described),
    /// Text of this media type.
    Text(&'static str),
    /// Bytes of whatever media type the name has.
    File,
    /// A PNG, or JSON of this form where it is asked for.
    PngOrJson(Described),
    /// Events of this form, for as long as somebody listens.
    Events(Described),
}

/// What a request's body is made of.
pub(super) enum Asked {
    /// JSON of this form.
    Json(Described),
    /// JSON of this form, or such JSON with bytes behind it.
    JsonOrBinary(Described),
    /// Bytes that are no text.
    Bytes,
    /// A picture's file.
    Picture,
    /// A patch of a JSON object (RFC 7396).
    MergePatch,
    /// JSON of this form in each line.
    Lines(Described),
}

/// A field of a request's query.
pub(super) struct QueryField {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
}

/// One method of one path.
pub struct Route {
    /// The method.
    pub method: RouteMethod,
    /// The path, with `{name}` for a part that varies.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// One line for its description.
    pub summary: &'static str,
    pub(super) handler: fn(MethodFilter) -> MethodRouter<Arc<Service>>,
    pub(super) query: &'static [QueryField],
    pub(super) request: Option<Asked>,
    pub(super) response: Content,
}

/// The methods that routes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteMethod {
    /// Reads.
    Get,
    /// Asks.
    Post,
    /// Sets as a whole.
    Put,
    /// Sets in part.
    Patch,
    /// Removes.
    Delete,
}

impl Route {
    /// Whether a request may come again under a key and has no second effect then.
    pub(super) fn takes_key(&self) -> bool {
        use RouteMethod::{Delete, Patch, Put};
        let writes = matches!(self.method, Put | Patch | Delete);
        // Taking an override away has no second effect in any case.
        writes && self.path.starts_with("/store/v1/facts")
            || matches!(self.request, Some(Asked::Lines(_)))
    }
}

impl RouteMethod {
    /// As on the wire.
    pub fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

pub(super) fn of<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Every route there is.
pub fn all() -> impl Iterator<Item = &'static Route> {
    let tables = [
        ROUTES,
        facts::ROUTES,
        arrays::ROUTES,
        conversations::ROUTES,
        devices::ROUTES,
        firmware::ROUTES,
        desk::ROUTES,
        audit::ROUTES,
        pages::ROUTES,
    ];
    tables.into_iter().flatten()
}

/// Every route that is in no table of its own. `/metrics` tells of load and model names, so it takes a token of role
/// metrics or admin; `/openapi.json` says nothing that the documentation does not, so it is public.
static ROUTES: &[Route] = &[
    Route {
        method: RouteMethod::Get,
        path: "/health/live",
        access: Access::Public,
        summary: "Whether the process lives",
        handler: |filter| on(filter, operations::live),
        query: &[],
        request: None,
        response: Content::Json(of::<operations::Liveness>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/health/ready",
        access: Access::Public,
        summary: "Whether requests are answered",
        handler: |filter| on(filter, operations::ready),
        query: &[],
        request: None,
        response: Content::Json(of::<operations::Readiness>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/openapi.json",
        access: Access::Public,
        summary: "This description",
        handler: |filter| on(filter, operations::description),
        query: &[],
        request: None,
        response: Content::Json(of::<serde_json::Map<String, serde_json::Value>>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/metrics",
        access: Access::Metrics,
        summary: "Everything that is counted, for Prometheus",
        handler: |filter| on(filter, operations::metrics),
        query: &[],
        request: None,
        response: Content::Text(crate::telemetry::Metrics::CONTENT_TYPE),
    },
    Route {
        method: RouteMethod::Get,
        path: "/v1/models",
        access: Access::Client,
        summary: "The models served here",
        handler: |filter| on(filter, openai::models::list),
        query: &[],
        request: None,
        response: Content::Json(of::<openai::models::ModelList>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/v1/models/{id}",
        access: Access::Client,
        summary: "One model served here",
        handler: |filter| on(filter, openai::models::show),
        query: &[],
        request: None,
        response: Content::Json(of::<openai::models::ModelEntry>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/v1/chat/completions",
        access: Access::Client,
        summary: "The next message of a conversation",
        handler: |filter| on(filter, openai::chat::answer),
        query: &[],
        request: Some(Asked::Json(of::<openai::chat_request::ChatRequest>)),
        response: Content::JsonOrEvents(
            of::<openai::chat_response::ChatCompletion>,
            of::<openai::chat_response::ChatCompletionChunk>,
        ),
    },
    Route {
        method: RouteMethod::Post,
        path: "/v1/completions",
        access: Access::Client,
        summary: "How a text goes on",
        handler: |filter| on(filter, openai::completions::answer),
        query: &[],
        request: Some(Asked::Json(of::<openai::completion_request::CompletionRequest>)),
        response: Content::JsonOrEvents(
            of::<openai::completion_response::Completion>,
            of::<openai::completion_response::Completion>,
        ),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/models",
        access: Access::Admin,
        summary: "Which packages are in memory",
        handler: |filter| on(filter, store::models::list),
        query: &[],
        request: None,
        response: Content::Json(of::<store::models::Models>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/models/{name}/load",
        access: Access::Admin,
        summary: "Brings a package into memory",
        handler: |filter| on(filter, store::models::load),
        query: &[],
        request: None,
        response: Content::Json(of::<store::models::Model>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/models/{name}/unload",
        access: Access::Admin,
        summary: "Takes a package out of memory",
        handler: |filter| on(filter, store::models::unload),
        query: &[],
        request: None,
        response: Content::Json(of::<store::models::Model>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/models/{name}/pin",
        access: Access::Admin,
        summary: "Keeps a package in memory",
        handler: |filter| on(filter, store::models::pin),
        query: &[],
        request: None,
        response: Content::Json(of::<store::models::Model>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/models/{name}/unpin",
        access: Access::Admin,
        summary: "Lets a package leave when others need the room",
        handler: |filter| on(filter, store::models::unpin),
        query: &[],
        request: None,
        response: Content::Json(of::<store::models::Model>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/aliases",
        access: Access::Admin,
        summary: "Names for one or more packages",
        handler: |filter| on(filter, store::aliases::list),
        query: &[],
        request: None,
        response: Content::Json(of::<store::aliases::Aliases>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/aliases/{name}",
        access: Access::Admin,
        summary: "Gives a name one or more packages",
        handler: |filter| on(filter, store::aliases::set),
        query: &[],
        request: Some(Asked::Json(of::<store::aliases::AliasRequest>)),
        response: Content::Json(of::<store::aliases::Aliases>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/aliases/{name}/remove",
        access: Access::Admin,
        summary: "Takes back what was set for a name",
        handler: |filter| on(filter, store::aliases::remove),
        query: &[],
        request: None,
        response: Content::Json(of::<store::aliases::Aliases>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/cache/stats",
        access: Access::Admin,
        summary: "How the cache of answers does",
        handler: |filter| on(filter, store::cache::stats),
        query: &[],
        request: None,
        response: Content::Json(of::<store::cache::Stats>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/cache/export",
        access: Access::Admin,
        summary: "Answers for other stores, as a file that HQ makes a pack of",
        handler: |filter| on(filter, store::export::export),
        query: store::export::EXPORT,
        request: None,
        response: Content::Text("application/zstd"),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/cache/why/{name}",
        access: Access::Admin,
        summary: "What is known of a kept answer",
        handler: |filter| on(filter, store::cache::why),
        query: &[],
        request: None,
        response: Content::Json(of::<store::cache::Explained>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/cache/purge",
        access: Access::Admin,
        summary: "Forgets answers",
        handler: |filter| on(filter, store::cache::purge),
        query: &[],
        request: Some(Asked::Json(of::<store::cache::PurgeRequest>)),
        response: Content::Json(of::<store::cache::Purged>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/line",
        access: Access::Admin,
        summary: "How the line to HQ does",
        handler: |filter| on(filter, store::line::show),
        query: &[],
        request: None,
        response: Content::Json(of::<store::line::LineView>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/config",
        access: Access::Admin,
        summary: "The settings in force, and from which layer each is",
        handler: |filter| on(filter, store::config::show),
        query: &[],
        request: None,
        response: Content::Json(of::<store::config::ConfigView>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/config/override",
        access: Access::Admin,
        summary: "Lays settings over those of HQ for a while",
        handler: |filter| on(filter, store::config::lay),
        query: &[],
        request: Some(Asked::Json(of::<store::config::OverrideRequest>)),
        response: Content::Json(of::<store::config::ConfigView>),
    },
    Route {
        method: RouteMethod::Delete,
        path: "/store/v1/config/override",
        access: Access::Admin,
        summary: "Takes away what was laid over HQ's settings",
        handler: |filter| on(filter, store::config::lift),
        query: &[],
        request: None,
        response: Content::Json(of::<store::config::Lifted>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/search",
        access: Access::Client,
        summary: "Products that fit words and filters",
        handler: |filter| on(filter, store::search::find),
        query: store::search::FIND,
        request: None,
        response: Content::Json(of::<store::search::Found>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/ask",
        access: Access::Client,
        summary: "A question about the shop, answered from its facts",
        handler: |filter| on(filter, store::ask::answer),
        query: &[],
        request: Some(Asked::Json(of::<store::ask::AskRequest>)),
        response: Content::JsonOrEvents(
            of::<store::ask::AskAnswer>,
            of::<store::skilled::Told<store::ask::AskAnswer>>,
        ),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/copy",
        access: Access::Client,
        summary: "A text about a product, written from its facts",
        handler: |filter| on(filter, store::copy::answer),
        query: &[],
        request: Some(Asked::Json(of::<store::copy::CopyRequest>)),
        response: Content::JsonOrEvents(
            of::<store::copy::CopyAnswer>,
            of::<store::skilled::Told<store::copy::CopyAnswer>>,
        ),
    },
    Route {
        method: RouteMethod::Post,
        path: "/v1/embeddings",
        access: Access::Client,
        summary: "Texts as vectors",
        handler: |filter| on(filter, openai::embeddings::answer),
        query: &[],
        request: Some(Asked::Json(of::<openai::embedding_request::EmbeddingRequest>)),
        response: Content::Json(of::<openai::embeddings::EmbeddingList>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/text/classify",
        access: Access::Client,
        summary: "What texts say",
        handler: |filter| on(filter, text::classify::answer),
        query: &[],
        request: Some(Asked::Json(of::<text::classify::TextRequest>)),
        response: Content::Json(of::<text::classify::TextClassification>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/text/tag",
        access: Access::Client,
        summary: "Names, places and the like in texts",
        handler: |filter| on(filter, text::tag::answer),
        query: &[],
        request: Some(Asked::Json(of::<text::tag::TagRequest>)),
        response: Content::Json(of::<text::tag::TextTags>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/vision/classify",
        access: Access::Client,
        summary: "What a picture shows",
        handler: |filter| on(filter, vision::classify::answer),
        query: vision::classify::QUERY,
        request: Some(Asked::Picture),
        response: Content::Json(of::<vision::classify::Classification>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/vision/segment",
        access: Access::Client,
        summary: "Which part of a picture something takes",
        handler: |filter| on(filter, vision::segment::answer),
        query: vision::segment::QUERY,
        request: Some(Asked::Picture),
        response: Content::PngOrJson(of::<vision::segment::Segmentation>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/vision/ocr",
        access: Access::Client,
        summary: "The text of a page",
        handler: |filter| on(filter, vision::ocr::answer),
        query: vision::ocr::QUERY,
        request: Some(Asked::Picture),
        response: Content::Json(of::<vision::ocr::Page>),
    },
];

/// The router of [`all`] routes: each behind its access check; everything else 404 or 405.
pub fn router(service: Arc<Service>) -> Router {
    let mut router = Router::new();
    for route in all() {
        let guard = from_fn_with_state((Arc::clone(&service), route.access), admit);
        router =
            router.route(route.path, (route.handler)(route.method.filter()).route_layer(guard));
    }
    router.method_not_allowed_fallback(wrong_method).fallback(no_route).with_state(service)
}

async fn admit(
    State((service, access)): State<(Arc<Service>, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    match access.check(request.headers(), &service.tokens) {
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn no_route(request: Request) -> Problem {
    Problem::no_route(request.method().as_str(), &shown_path(&request))
}

async fn wrong_method(request: Request) -> Problem {
    let pattern = request.extensions().get::<axum::extract::MatchedPath>();
    let pattern = pattern.map(axum::extract::MatchedPath::as_str).unwrap_or_default();
    let allowed = all().filter(|route| route.path == pattern);
    let allowed: Vec<_> = allowed.map(|route| route.method.method().to_string()).collect();
    Problem::wrong_method(request.method().as_str(), &shown_path(&request), allowed.join(", "))
}

fn shown_path(request: &Request) -> String {
    request.uri().path().chars().take(200).collect()
}

#[cfg(test)]
mod tests;
