//! The keys with which HQ signs.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::call::Call;
use super::service::Service;
use crate::http::Problem;

pub(super) async fn state(service: Arc<Service>, _: Call) -> Result<Response, Problem> {
    Ok(Json(service.hq.keys_state().await?).into_response())
}

pub(super) async fn rotate(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    Ok(Json(service.hq.introduce_key(call.actor()?).await?).into_response())
}

pub(super) async fn retire(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    Ok(Json(service.hq.retire_key(call.actor()?).await?).into_response())
}
