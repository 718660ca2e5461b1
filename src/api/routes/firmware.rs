//! Routes of small devices.

use axum::routing::on;

use super::{Asked, Content, Route, RouteMethod, of};
use crate::api::store::firmware;
use crate::http::Access;

/// A label, scanner or sensor asks under its own name.
pub(super) static ROUTES: &[Route] = &[
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/devices/{id}/frames",
        access: Access::Device,
        summary: "A message of a small device, and the answer to it",
        handler: |filter| on(filter, firmware::hear),
        query: &[],
        request: Some(Asked::Bytes),
        response: Content::File,
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/devices/{id}/block",
        access: Access::Admin,
        summary: "The signed block that a small device should run",
        handler: |filter| on(filter, firmware::block),
        query: &[],
        request: None,
        response: Content::File,
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/firmware",
        access: Access::Admin,
        summary: "What small devices are bound to and believe",
        handler: |filter| on(filter, firmware::bound),
        query: &[],
        request: None,
        response: Content::Json(of::<firmware::BoundView>),
    },
];
