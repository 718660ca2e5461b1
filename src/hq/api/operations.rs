//! Health, metrics, the description of it all.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::openapi;
use super::service::Service;
use crate::hq::line::Standing;
use crate::http::{Problem, Stage};
use crate::telemetry::{HqFigures, Metrics};

/// It was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Done {
    /// Always `true`.
    done: bool,
}

/// It was done.
pub(super) fn done() -> Response {
    Json(Done { done: true }).into_response()
}

/// A sign of life.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Alive {
    status: &'static str,
}

/// Whether requests are answered.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Ready {
    status: Stage,
    /// `listening` or `away`: how it stands with the broker.
    line: &'static str,
}

pub(super) async fn live(_: Arc<Service>, _: Call) -> Result<Response, Problem> {
    Ok(Json(Alive { status: "live" }).into_response())
}

/// 200 when requests are answered. A broker that is away does not count: HQ goes on without it.
pub(super) async fn ready(service: Arc<Service>, _: Call) -> Result<Response, Problem> {
    let stage = service.health.stage();
    let status = match stage {
        Stage::Ready => StatusCode::OK,
        Stage::Starting | Stage::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    let line = match *service.line.borrow() {
        Standing::Listening => "listening",
        Standing::Away => "away",
    };
    Ok((status, Json(Ready { status: stage, line })).into_response())
}

pub(super) async fn metrics(service: Arc<Service>, _: Call) -> Result<Response, Problem> {
    if let Some(metrics) = service.metrics.hq() {
        let listening = *service.line.borrow() == Standing::Listening;
        metrics.set(&HqFigures { listening, ..service.hq.figures().await? });
    }
    let text = service.metrics.encode().map_err(Problem::internal)?;
    Ok(([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response())
}

pub(super) async fn description(_: Arc<Service>, _: Call) -> Result<Response, Problem> {
    Ok(Json(openapi::describe()).into_response())
}
