//! Triton's model repository extension: what is there, and to load and unload it.
//!
//! Of its parameters, `unload_dependents` is taken, as no package depends on another; a package is
//! loaded as it lies in the store, so that `config` and files are refused.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::of_shelf_in_full;
use super::json::parse;
use super::openai::fields::Object;
use super::service::Service;
use super::shelf::{Presence, Shelved};
use super::store::models::{Named, load_in_time, name};
use crate::http::{Problem, read_body};

/// `$repository_index_request`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexRequest {
    /// Only those that are in memory.
    #[serde(default)]
    ready: bool,
}

/// `$repository_load_request`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadRequest {
    #[serde(default, rename = "parameters")]
    _parameters: NoParameters,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParameters {}

/// `$repository_unload_request`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnloadRequest {
    #[serde(default, rename = "parameters")]
    _parameters: UnloadParameters,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UnloadParameters {
    /// There are none.
    #[serde(default, rename = "unload_dependents")]
    _unload_dependents: bool,
}

/// One entry of `$repository_index_response`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Entry {
    name: String,
    version: String,
    state: EntryState,
    /// Why it is not ready, where there is more to say.
    reason: String,
}

/// As Triton calls where a model is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum EntryState {
    Ready,
    Loading,
    Unloading,
    Unavailable,
}

impl From<Shelved> for Entry {
    fn from(shelved: Shelved) -> Self {
        let (state, reason) = match shelved.presence {
            Presence::Loaded => (EntryState::Ready, ""),
            Presence::Loading => (EntryState::Loading, ""),
            Presence::Leaving => (EntryState::Unloading, ""),
            Presence::Away => (EntryState::Unavailable, "unloaded"),
        };
        let reason = shelved.failure.unwrap_or_else(|| reason.to_owned());
        Self { name: shelved.name, version: shelved.about.version, state, reason }
    }
}

/// A body of JSON that may be left out. Its clients do not say what it is made of.
pub(super) struct Told<T>(T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<Service>> for Told<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let bytes = read_body(&head.headers, body, service.body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        parse::<Object<T>>(&bytes).map(|object| Self(object.0))
    }
}

/// An answer without a word.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Done {}

/// `POST /v2/repository/index`.
pub(super) async fn index(
    State(service): State<Arc<Service>>,
    Told(request): Told<IndexRequest>,
) -> Result<Json<Vec<Entry>>, Problem> {
    service.shelf.look_again().await.map_err(of_shelf_in_full)?;
    let shelved = service.shelf.list().into_iter();
    let wanted = shelved.filter(|s| !request.ready || s.presence == Presence::Loaded);
    Ok(Json(wanted.map(Entry::from).collect()))
}

/// `POST /v2/repository/models/{name}/load`.
pub(super) async fn load(
    State(service): State<Arc<Service>>,
    named: Named,
    _: Told<LoadRequest>,
) -> Result<Json<Done>, Problem> {
    load_in_time(&service, &name(named)?).await?;
    Ok(Json(Done {}))
}

/// `POST /v2/repository/models/{name}/unload`.
pub(super) async fn unload(
    State(service): State<Arc<Service>>,
    named: Named,
    _: Told<UnloadRequest>,
) -> Result<Json<Done>, Problem> {
    service.shelf.unload(&name(named)?).await.map_err(of_shelf_in_full)?;
    Ok(Json(Done {}))
}
