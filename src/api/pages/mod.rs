//! The pages that people touch: `/kiosk` for shoppers, `/associate` for those who help them.
//!
//! A page is plain HTML, CSS and JavaScript as it stands in this folder: nothing is built, nothing comes
//! from elsewhere, and the page asks the same routes as every other client. [`ROUTES`] are its addresses,
//! [`files::FILES`] what is served.
//!
//! **Invariants**
//! - A page says nothing of the shop by itself: whoever opens it sees the pairing screen until the browser
//!   is paired, and what it may ask then is what its device's role may.
//! - No script and no style is inline, nothing is loaded from or sent to another host, and text that came
//!   over the line becomes text nodes, never markup (the policy demands trusted types).
//! - All words stand in `words/*.json`, the same ones in each language.
//!
//! **Not here**: what is answered (`skills`), who may ask (`http`), the routes asked (`api::store`).

mod files;
mod served;

use axum::routing::on;

use super::routes::{Content, Route, RouteMethod};
use crate::http::Access;

/// The addresses of the pages and of what they are made of.
pub(super) static ROUTES: &[Route] = &[
    Route {
        method: RouteMethod::Get,
        path: "/kiosk",
        access: Access::Public,
        summary: "The shoppers' page, for a kiosk's browser",
        handler: |filter| on(filter, served::kiosk),
        query: &[],
        request: None,
        response: Content::Text("text/html"),
    },
    Route {
        method: RouteMethod::Get,
        path: "/associate",
        access: Access::Public,
        summary: "The associates' page, for a handheld's browser",
        handler: |filter| on(filter, served::associate),
        query: &[],
        request: None,
        response: Content::Text("text/html"),
    },
    Route {
        method: RouteMethod::Get,
        path: "/pages/files.json",
        access: Access::Public,
        summary: "What the pages are made of, and which version of it",
        handler: |filter| on(filter, served::list),
        query: &[],
        request: None,
        response: Content::Json(super::routes::of::<served::FileList>),
    },
    Route {
        method: RouteMethod::Get,
        path: "/pages/{folder}/{name}",
        access: Access::Public,
        summary: "A file that the pages are made of",
        handler: |filter| on(filter, served::file),
        query: &[],
        request: None,
        response: Content::File,
    },
];

#[cfg(test)]
mod tests;
