//! Routes of paired devices.

use axum::routing::on;

use super::{Asked, Content, Route, RouteMethod, of};
use crate::api::store::devices;
use crate::http::Access;

/// Who has no token yet shows a code; who made the code decided what it is good for.
pub(super) static ROUTES: &[Route] = &[
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/pair",
        access: Access::Public,
        summary: "Makes a device of the shop of whoever shows a code",
        handler: |filter| on(filter, devices::pair),
        query: &[],
        request: Some(Asked::Json(of::<devices::PairRequest>)),
        response: Content::Json(of::<devices::Paired>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/device",
        access: Access::Client,
        summary: "The device that asks",
        handler: |filter| on(filter, devices::own),
        query: &[],
        request: None,
        response: Content::Json(of::<devices::DeviceView>),
    },
    Route {
        method: RouteMethod::Delete,
        path: "/store/v1/device",
        access: Access::Client,
        summary: "Takes the token of the device that asks away",
        handler: |filter| on(filter, devices::leave),
        query: &[],
        request: None,
        response: Content::Json(of::<devices::Revoked>),
    },
    Route {
        method: RouteMethod::Post,
        path: "/store/v1/devices/codes",
        access: Access::Admin,
        summary: "A code that makes a device of the shop of whoever shows it",
        handler: |filter| on(filter, devices::offer),
        query: &[],
        request: Some(Asked::Json(of::<devices::CodeRequest>)),
        response: Content::Json(of::<devices::CodeView>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/store/v1/devices",
        access: Access::Admin,
        summary: "The devices of the shop",
        handler: |filter| on(filter, devices::list),
        query: &[],
        request: None,
        response: Content::Json(of::<devices::Devices>),
    },
    Route {
        method: RouteMethod::Delete,
        path: "/store/v1/devices/{id}",
        access: Access::Admin,
        summary: "Takes a device's token away",
        handler: |filter| on(filter, devices::revoke),
        query: &[],
        request: None,
        response: Content::Json(of::<devices::Revoked>),
    },
];
