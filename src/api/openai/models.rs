//! The models served here.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::service::{Served, Service};
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
    fn of(model: &Served) -> Self {
        Self {
            id: model.name().to_owned(),
            object: "model",
            created: model.created_s(),
            owned_by: model.owned_by().to_owned(),
        }
    }
}

/// `GET /v1/models`.
pub(in crate::api) async fn list(State(service): State<Arc<Service>>) -> Json<ModelList> {
    let data = service.models.values().map(ModelEntry::of).collect();
    Json(ModelList { object: "list", data })
}

/// `GET /v1/models/{id}`.
pub(in crate::api) async fn show(
    State(service): State<Arc<Service>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelEntry>, Problem> {
    let Path(id) = id.map_err(|error| Problem::invalid(error.body_text()).param("model"))?;
    service.model(&id).await.map(|model| Json(ModelEntry::of(&model)))
}
