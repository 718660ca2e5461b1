//! Packages: where each is, and where it should be.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::error::of_shelf_in_full;
use crate::api::service::Service;
use crate::api::shelf::{Manner, Pin, Presence, ShelfError, Shelved};
use crate::engine::EngineError;
use crate::http::Problem;

/// The packages that are served.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Models {
    /// Bytes for weights and pages of all of them, and for what is held beside them.
    budget_bytes: u64,
    /// What the store holds beside them: facts, the index of products, their vectors.
    held_bytes: BTreeMap<&'static str, u64>,
    models: Vec<Model>,
}

/// One of them.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Model {
    name: String,
    version: String,
    kind: Manner,
    state: Presence,
    /// Bytes of its weights; an estimate until it was loaded once.
    bytes: u64,
    pinned: bool,
    /// Requests that use it.
    in_flight: usize,
    /// Requests that wait until it is loaded.
    waiting: usize,
    /// Seconds since it was last used.
    idle_s: Option<f64>,
    /// Why the last try to load it failed.
    failure: Option<String>,
}

impl From<Shelved> for Model {
    fn from(shelved: Shelved) -> Self {
        Self {
            name: shelved.name,
            version: shelved.about.version,
            kind: shelved.about.manner,
            state: shelved.presence,
            bytes: shelved.bytes,
            pinned: shelved.pinned,
            in_flight: shelved.in_flight,
            waiting: shelved.waiting,
            idle_s: shelved.idle.map(|idle| (idle.as_secs_f64() * 10.0).round() / 10.0),
            failure: shelved.failure,
        }
    }
}

/// The name in the path.
pub(in crate::api) type Named = Result<Path<String>, PathRejection>;

/// The name, or what is wrong with it.
pub(in crate::api) fn name(named: Named) -> Result<String, Problem> {
    let Path(name) = named.map_err(|error| Problem::invalid(error.body_text()).param("name"))?;
    Ok(name)
}

/// `GET /store/v1/models`.
pub(in crate::api) async fn list(
    State(service): State<Arc<Service>>,
) -> Result<Json<Models>, Problem> {
    service.shelf.look_again().await.map_err(of_shelf_in_full)?;
    let models = service.shelf.list().into_iter().map(Model::from).collect();
    let (budget_bytes, held_bytes) = (service.shelf.budget_bytes(), service.shelf.held_bytes());
    Ok(Json(Models { budget_bytes, held_bytes, models }))
}

/// `POST /store/v1/models/{name}/load`.
pub(in crate::api) async fn load(
    State(service): State<Arc<Service>>,
    named: Named,
) -> Result<Json<Model>, Problem> {
    let name = name(named)?;
    load_in_time(&service, &name).await?;
    shown(&service, &name)
}

/// `POST /store/v1/models/{name}/unload`.
pub(in crate::api) async fn unload(
    State(service): State<Arc<Service>>,
    named: Named,
) -> Result<Json<Model>, Problem> {
    let name = name(named)?;
    service.shelf.unload(&name).await.map_err(of_shelf_in_full)?;
    shown(&service, &name)
}

/// `POST /store/v1/models/{name}/pin`.
pub(in crate::api) async fn pin(
    State(service): State<Arc<Service>>,
    named: Named,
) -> Result<Json<Model>, Problem> {
    set_pin(&service, &name(named)?, Pin::Keep).await
}

/// `POST /store/v1/models/{name}/unpin`.
pub(in crate::api) async fn unpin(
    State(service): State<Arc<Service>>,
    named: Named,
) -> Result<Json<Model>, Problem> {
    set_pin(&service, &name(named)?, Pin::Release).await
}

async fn set_pin(service: &Service, name: &str, pin: Pin) -> Result<Json<Model>, Problem> {
    service.shelf.pin(name, pin).await.map_err(of_shelf_in_full)?;
    shown(service, name)
}

/// Loads a package, within the time that a request has.
pub(in crate::api) async fn load_in_time(service: &Service, name: &str) -> Result<(), Problem> {
    let loading = service.shelf.load(name);
    match tokio::time::timeout(service.request_timeout, loading).await {
        Ok(loaded) => loaded.map_err(of_shelf_in_full),
        Err(_) => Err(crate::api::error::of_engine(EngineError::Deadline, "")),
    }
}

fn shown(service: &Service, name: &str) -> Result<Json<Model>, Problem> {
    let found = service.shelf.list().into_iter().find(|shelved| shelved.name == name);
    let gone = || ShelfError::Unknown { name: name.to_owned(), known: Vec::new() };
    found.map(|shelved| Json(shelved.into())).ok_or_else(|| of_shelf_in_full(gone()))
}
