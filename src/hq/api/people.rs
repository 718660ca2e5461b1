//! Users and what they did.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::operations::done;
use super::service::Service;
use crate::hq::acts::Act;
use crate::hq::users::{Role, UserRow};
use crate::http::Problem;

/// A user to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    /// For people, 1 to 64 characters.
    name: String,
    /// What the user may.
    role: Role,
}

/// All users.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Users {
    data: Vec<UserRow>,
}

/// A page of acts.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Acts {
    data: Vec<Act>,
}

pub(super) async fn users(service: Arc<Service>, _: Call) -> Result<Response, Problem> {
    Ok(Json(Users { data: service.hq.users().await? }).into_response())
}

pub(super) async fn add(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let actor = call.actor()?.clone();
    let NewUser { name, role } = call.json(service.body).await?;
    Ok(Json(service.hq.add_user(&actor, &name, role).await?).into_response())
}

pub(super) async fn revoke(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let id: String = call.param("id")?;
    service.hq.revoke_user(call.actor()?, &id).await?;
    Ok(done())
}

pub(super) async fn acts(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let data = service.hq.acts(call.asked("before")?, call.limit()?).await?;
    Ok(Json(Acts { data }).into_response())
}
