//! Routes of the shop's facts.

use axum::routing::on;

use super::{Asked, Content, Route, RouteMethod, of};
use crate::api::feed::FOLLOW;
use crate::api::store::facts::{AnyFact, FactEntry, batch, changes, one, table};
use crate::facts::Change;
use crate::http::Access;

/// Feeds write, clients read.
pub(super) static ROUTES: &[Route] = &[
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/facts",
        access: Access::ClientOrFeed,
        summary: "How many facts there are, and how old their feeds are",
        handler: |filter| on(filter, table::all),
        query: &[],
        request: None,
        response: Content::Json(of::<table::FactTables>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/facts/changes",
        access: Access::ClientOrFeed,
        summary: "Facts that change, as they change",
        handler: |filter| on(filter, changes::follow),
        query: FOLLOW,
        request: None,
        response: Content::Events(of::<changes::FactEvent>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/facts/batch",
        access: Access::Feed,
        summary: "Changes many facts, or none",
        handler: |filter| on(filter, batch::write),
        query: &[],
        request: Some(Asked::Lines(of::<Change>)),
        response: Content::Json(of::<batch::BatchWritten>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/facts/{table}",
        access: Access::ClientOrFeed,
        summary: "Facts of a table",
        handler: |filter| on(filter, table::list),
        query: table::PAGE,
        request: None,
        response: Content::Json(of::<table::FactPage>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/facts/{table}/{id}",
        access: Access::ClientOrFeed,
        summary: "One fact",
        handler: |filter| on(filter, one::show),
        query: &[],
        request: None,
        response: Content::Json(of::<FactEntry>),
    },
    Route {
        method: RouteMethod::Put,
        path: "/store/v1/facts/{table}/{id}",
        access: Access::Feed,
        summary: "Sets a fact",
        handler: |filter| on(filter, one::put),
        query: one::STAMP,
        request: Some(Asked::Json(of::<AnyFact>)),
        response: Content::Json(of::<one::FactWritten>),
    },
    Route {
        method: RouteMethod::Patch,
        path: "/store/v1/facts/{table}/{id}",
        access: Access::Feed,
        summary: "Sets fields of a fact",
        handler: |filter| on(filter, one::patch),
        query: one::STAMP,
        request: Some(Asked::MergePatch),
        response: Content::Json(of::<one::FactWritten>),
    },
    Route {
        method: RouteMethod::Delete,
        path: "/store/v1/facts/{table}/{id}",
        access: Access::Feed,
        summary: "Removes a fact",
        handler: |filter| on(filter, one::delete),
        query: one::STAMP,
        request: None,
        response: Content::Json(of::<one::FactWritten>),
    },
];
