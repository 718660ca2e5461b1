//! Routes of the Open Inference Protocol: arrays in, arrays out.

use axum::routing::on;

use super::{Asked, Content, Route, RouteMethod, of};
use crate::api::{inference, repository};
use crate::http::Access;

/// What version 2 of the protocol has, with its extensions for statistics and the repository. What is
/// asked of a model may be asked of one of its versions, too.
pub(super) static ROUTES: &[Route] = &[
    Route {
        method: RouteMethod::Post,
        path: "/v2/repository/index",
        access: Access::Admin,
        summary: "Which packages are there",
        handler: |filter| on(filter, repository::index),
        query: &[],
        request: Some(Asked::Json(of::<repository::IndexRequest>)),
        response: Content::Json(of::<Vec<repository::Entry>>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/v2/repository/models/{name}/load",
        access: Access::Admin,
        summary: "Brings a package into memory",
        handler: |filter| on(filter, repository::load),
        query: &[],
        request: Some(Asked::Json(of::<repository::LoadRequest>)),
        response: Content::Json(of::<repository::Done>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/v2/repository/models/{name}/unload",
        access: Access::Admin,
        summary: "Takes a package out of memory",
        handler: |filter| on(filter, repository::unload),
        query: &[],
        request: Some(Asked::Json(of::<repository::UnloadRequest>)),
        response: Content::Json(of::<repository::Done>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/v2",
        access: Access::Public,
        summary: "What this server is",
        handler: |filter| on(filter, inference::server),
        query: &[],
        request: None,
        response: Content::Json(of::<inference::ServerMetadata>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/v2/",
        access: Access::Public,
        summary: "What this server is, as some clients write the path",
        handler: |filter| on(filter, inference::server),
        query: &[],
        request: None,
        response: Content::Json(of::<inference::ServerMetadata>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/v2/health/live",
        access: Access::Public,
        summary: "Whether the process lives",
        handler: |filter| on(filter, inference::live),
        query: &[],
        request: None,
        response: Content::Json(of::<inference::ServerLive>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/v2/health/ready",
        access: Access::Public,
        summary: "Whether requests are answered",
        handler: |filter| on(filter, inference::ready),
        query: &[],
        request: None,
        response: Content::Json(of::<inference::ServerReady>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/v2/models/stats",
        access: Access::Client,
        summary: "What all models have computed",
        handler: |filter| on(filter, inference::all_statistics),
        query: &[],
        request: None,
        response: Content::Json(of::<inference::ModelStatistics>),
    },
    metadata("/v2/models/{model}"),
    metadata("/v2/models/{model}/versions/{version}"),
    ready("/v2/models/{model}/ready"),
    ready("/v2/models/{model}/versions/{version}/ready"),
    infer("/v2/models/{model}/infer"),
    infer("/v2/models/{model}/versions/{version}/infer"),
    statistics("/v2/models/{model}/stats"),
    statistics("/v2/models/{model}/versions/{version}/stats"),
];

const fn metadata(path: &'static str) -> Route {
    Route {
        method: RouteMethod::Get,
        path,
        access: Access::Client,
        summary: "The arrays that a model takes and gives",
        handler: |filter| on(filter, inference::model),
        query: &[],
        request: None,
        response: Content::Json(of::<inference::ModelMetadata>),
    }
}

const fn ready(path: &'static str) -> Route {
    Route {
        method: RouteMethod::Get,
        path,
        access: Access::Client,
        summary: "Whether a model answers",
        handler: |filter| on(filter, inference::model_ready),
        query: &[],
        request: None,
        response: Content::Json(of::<inference::ModelReady>),
    }
}

const fn infer(path: &'static str) -> Route {
    Route {
        method: RouteMethod::Post,
        path,
        access: Access::Client,
        summary: "What a model computes of arrays",
        handler: |filter| on(filter, inference::infer),
        query: &[],
        request: Some(Asked::JsonOrBinary(of::<inference::InferenceRequest>)),
        response: Content::JsonOrBinary(of::<inference::Written<'static>>),
    }
}

const fn statistics(path: &'static str) -> Route {
    Route {
        method: RouteMethod::Get,
        path,
        access: Access::Client,
        summary: "What a model has computed",
        handler: |filter| on(filter, inference::model_statistics),
        query: &[],
        request: None,
        response: Content::Json(of::<inference::ModelStatistics>),
    }
}
