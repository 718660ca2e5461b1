//! The routes of the audit, and of erasure.

use axum::routing::on;

use super::{Asked, Content, Route, RouteMethod, of};
use crate::api::store::conversations::views;
use crate::api::store::{audit, erase};
use crate::http::Access;

pub(super) static ROUTES: &[Route] = &[
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/audit/chain",
        access: Access::Admin,
        summary: "Whether the chain of records is as it was written",
        handler: |filter| on(filter, audit::chain),
        query: &[],
        request: None,
        response: Content::Json(of::<audit::Chain>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/audit/chain",
        access: Access::Admin,
        summary: "Whether the chain has the heads that headquarters was told",
        handler: |filter| on(filter, audit::compare),
        query: &[],
        request: Some(Asked::Json(of::<audit::ChainRequest>)),
        response: Content::Json(of::<audit::Chain>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/audit/answers/{id}",
        access: Access::Admin,
        summary: "The record of a generated answer",
        handler: |filter| on(filter, audit::show),
        query: &[],
        request: None,
        response: Content::Json(of::<audit::Record>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/audit/answers/{id}/replay",
        access: Access::Admin,
        summary: "Makes a generated answer's text again and compares",
        handler: |filter| on(filter, audit::replay),
        query: &[],
        request: None,
        response: Content::Json(of::<audit::Replayed>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/erase",
        access: Access::Admin,
        summary: "Erases everything that is kept of a conversation or profile",
        handler: |filter| on(filter, erase::erase),
        query: &[],
        request: Some(Asked::Json(of::<erase::EraseRequest>)),
        response: Content::Json(of::<views::Receipt>),
    },
];
