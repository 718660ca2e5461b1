//! The store's door: what a device can ask for over HTTP, and in which form it is answered.
//!
//! [`router`] makes an axum router from [`Service`], which holds the [`shelf`] that models come
//! from, limits, tokens and metrics. [`routes::all`] is the table that everything else is made of: the
//! router, who may use a route, `/openapi.json`, and the test that walks it.
//!
//! **Invariants**
//! - A route that is not marked public answers 401 before it reads a body.
//! - Every field of a request is honoured or refused with its path. None is ignored.
//! - Every error has the form that its path's clients read; `error.rs` is the one table from rooms' errors to statuses.
//! - A client that goes away drops its [`crate::engine::Generation`]s, and so ends their work.
//! - Templates and tokenising of long prompts run off the async threads, a bounded number at once.
//!
//! **Not here**: sockets, TLS and tokens (`http`), prompts (`skills`), tokens and sampling
//! (`engine`).

// A room's paths are the same wherever they are written.
extern crate self as api;
use endcap_audit as audit;
use endcap_cache as cache;
use endcap_desk as desk;
use endcap_engine as engine;
use endcap_facts as facts;
use endcap_firmware as firmware;
use endcap_http as http;
use endcap_privacy as privacy;
use endcap_shoppers as shoppers;
use endcap_skills as skills;
use endcap_telemetry as telemetry;
use endcap_units as units;

mod answered;
mod blocked;
mod choice;
mod encoder;
mod error;
mod feed;
mod inference;
mod json;
mod meaning;
mod openai;
mod openapi;
mod operations;
mod pages;
mod query;
mod records;
mod repository;
pub mod routes;
mod service;
pub mod shelf;
mod store;
mod streams;
mod tagger;
mod text;
mod vision;
mod voice;

pub use meaning::Meaning;
pub use routes::router;
pub use service::{
    Conversations, Defaults, Limits, LoadedFiles, Served, ServedModel, ServedNetwork, Service,
    ServiceParts,
};
pub use store::acts::{Act, ActError, Acts, Unaudited};
pub use store::config::{
    ConfigView, HqSettings, OverrideRequest, OverrideSettings, OverrideView, OwnSettings,
    RefusedSettings, SettingView, Settings, SettingsError,
};
pub use store::line::{AuditHeadView, LineView, OutboxView};
