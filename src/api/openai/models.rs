//! The models served here.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::error::unknown_model;
use crate::api::service::{Service, unix_s};
use crate::api::shelf::{Alias, Shelf, Shelved};
use crate::http::Problem;

/// A model as lists show it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ModelEntry {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: String,
}

/// All models.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ModelList {
    object: &'static str,
    data: Vec<ModelEntry>,
}

impl ModelEntry {
    fn of(model: &Shelved) -> Self {
        Self {
            id: model.name.clone(),
            object: "model",
            created: unix_s(model.about.created),
            owned_by: model.about.owned_by.clone(),
        }
    }

    /// An alias is as old as the newest of its packages, and belongs to whoever made the first.
    fn of_alias(alias: &Alias, models: &[Shelved]) -> Self {
        let named = |package: &str| models.iter().find(|model| model.name == package);
        let behind: Vec<_> = alias.shares.iter().filter_map(|s| named(&s.package)).collect();
        Self {
            id: alias.name.clone(),
            object: "model",
            created: behind.iter().map(|m| unix_s(m.about.created)).max().unwrap_or_default(),
            owned_by: behind.first().map_or("unknown", |m| m.about.owned_by.as_str()).to_owned(),
        }
    }

    /// Packages, then aliases.
    fn all(shelf: &dyn Shelf) -> Vec<Self> {
        let models = shelf.list();
        let aliases = shelf.aliases();
        let aliases = aliases.iter().map(|alias| Self::of_alias(alias, &models));
        models.iter().map(Self::of).chain(aliases).collect()
    }
}

/// `GET /v1/models`.
pub(in crate::api) async fn list(State(service): State<Arc<Service>>) -> Json<ModelList> {
    Json(ModelList { object: "list", data: ModelEntry::all(&*service.shelf) })
}

/// `GET /v1/models/{id}`.
pub(in crate::api) async fn show(
    State(service): State<Arc<Service>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelEntry>, Problem> {
    let Path(id) = id.map_err(|error| Problem::invalid(error.body_text()).param("model"))?;
    let entries = ModelEntry::all(&*service.shelf);
    let names: Vec<String> = entries.iter().map(|entry| entry.id.clone()).collect();
    let found = entries.into_iter().find(|entry| entry.id == id);
    found.map(Json).ok_or_else(|| unknown_model(&id, names.iter()))
}
