//! Names for one or more packages.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::models::{Named, name};
use crate::api::error::of_shelf_in_full;
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::api::shelf::{Alias, AliasFault, Share, ShelfError};
use crate::http::Problem;

/// All aliases.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Aliases {
    aliases: Vec<AliasEntry>,
}

/// One alias.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct AliasEntry {
    name: String,
    packages: Vec<Share>,
    /// Set while the server ran; else it stands in the configuration.
    set_here: bool,
}

/// What a name is to stand for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AliasRequest {
    /// One package or more.
    packages: Vec<Share>,
}

impl From<Alias> for AliasEntry {
    fn from(alias: Alias) -> Self {
        Self { name: alias.name, packages: alias.shares, set_here: alias.set_here }
    }
}

/// `GET /store/v1/aliases`.
pub(in crate::api) async fn list(State(service): State<Arc<Service>>) -> Json<Aliases> {
    Json(all(&service))
}

/// `POST /store/v1/aliases/{name}`.
pub(in crate::api) async fn set(
    State(service): State<Arc<Service>>,
    named: Named,
    Asked(request): Asked<AliasRequest>,
) -> Result<Json<Aliases>, Problem> {
    let name = name(named)?;
    if request.packages.is_empty() {
        let fault = AliasFault::Empty;
        return Err(of_shelf_in_full(ShelfError::Alias { name, fault }));
    }
    service.shelf.set_alias(&name, request.packages).await.map_err(of_shelf_in_full)?;
    Ok(Json(all(&service)))
}

/// `POST /store/v1/aliases/{name}/remove`.
pub(in crate::api) async fn remove(
    State(service): State<Arc<Service>>,
    named: Named,
) -> Result<Json<Aliases>, Problem> {
    let name = name(named)?;
    service.shelf.set_alias(&name, Vec::new()).await.map_err(of_shelf_in_full)?;
    Ok(Json(all(&service)))
}

fn all(service: &Service) -> Aliases {
    Aliases { aliases: service.shelf.aliases().into_iter().map(AliasEntry::from).collect() }
}
