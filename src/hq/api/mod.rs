//! HQ over HTTP: every route as data, who may use it, and what it does.
//!
//! [`router`] is the table as a router. Each call is admitted, its query checked, and its handler given
//! the rest as a `call::Call`.
//!
//! **Invariants**
//! - A route is public only where the table says so; a user may what the role of the table may.
//! - A field of a body or a query is honoured or refused by name.
//! - What changes something is written down with who did it.

mod artefacts;
mod bundles;
mod call;
mod catalogues;
mod commands;
mod config;
mod deployments;
mod documents;
mod enrolment;
mod json;
mod keys;
mod openapi;
mod operations;
mod packs;
mod people;
mod problem;
mod registry;
mod routes;
mod service;
mod told;

pub use routes::router;
pub use service::Service;
