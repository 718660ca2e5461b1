//! Settings that are wanted.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::call::Call;
use super::documents::{target_of, wrong};
use super::routes::QueryField;
use super::service::Service;
use crate::http::Problem;

pub(super) const TARGET: QueryField =
    QueryField { name: "target", about: "tenant/store/node or tenant/grp/group" };

/// The newest settings at a target; version 0 without any where nothing is wanted there.
pub(super) async fn wanted(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let target = call.asked::<String>("target")?;
    let target = target.ok_or_else(|| wrong("target", "it must be there"))?;
    let target = target_of(&call.tenant()?, &target)?;
    Ok(Json(service.hq.config_at(&target).await?).into_response())
}
