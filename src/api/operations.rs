//! What operators and their tools ask: health, metrics, the description of it all.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::openapi;
use super::service::Service;
use crate::facts::UnixSeconds;
use crate::http::{Problem, Stage};
use crate::telemetry::Metrics;

/// A sign of life.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Liveness {
    status: &'static str,
}

/// Whether requests are answered.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Readiness {
    status: Stage,
    models: Vec<String>,
}

/// 200 as long as the process can answer at all.
pub(super) async fn live() -> Json<Liveness> {
    Json(Liveness { status: "live" })
}

/// 200 when requests are answered, 503 before and after.
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response {
    let stage = service.health.stage();
    let status = match stage {
        Stage::Ready => StatusCode::OK,
        Stage::Starting | Stage::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    let models = service.shelf.list().into_iter().map(|shelved| shelved.name).collect();
    (status, Json(Readiness { status: stage, models })).into_response()
}

/// Everything that is counted.
pub(super) async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    tell_facts(&service);
    let shelf = &service.shelf;
    service.metrics.shelf().memory(shelf.budget_bytes(), &shelf.held_bytes());
    let text = service.metrics.encode().map_err(Problem::internal)?;
    Ok(([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response())
}

/// How the facts are now.
fn tell_facts(service: &Service) {
    let (status, now) = (service.facts.status(), UnixSeconds::now());
    let metrics = service.metrics.facts();
    metrics.store(status.revision.0, status.memory_bytes);
    for table in status.tables {
        let age = table.heard.map(|heard| now.since(heard));
        metrics.table(table.table.as_str(), table.facts, age);
    }
}

/// This API as OpenAPI 3.1.
pub(super) async fn description() -> Json<serde_json::Value> {
    Json(openapi::describe())
}
