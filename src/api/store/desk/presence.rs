//! Whether the associate who asks may be rung.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::associate;
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::desk::State as Presence;
use crate::http::{Identity, Problem};

/// Whether somebody may be rung, while the page is open.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct PresenceView {
    /// `available` or `away`.
    #[schemars(with = "String")]
    state: Presence,
}

/// `GET /store/v1/desk/presence`.
pub(in crate::api) async fn show(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
) -> Result<Json<PresenceView>, Problem> {
    let who = associate(identity.as_ref())?;
    Ok(Json(PresenceView { state: service.desk()?.presence(&who.id) }))
}

/// `PUT /store/v1/desk/presence`.
pub(in crate::api) async fn set(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Asked(PresenceView { state }): Asked<PresenceView>,
) -> Result<Json<PresenceView>, Problem> {
    let who = associate(identity.as_ref())?;
    service.desk()?.set_presence(&who, state);
    Ok(Json(PresenceView { state }))
}
