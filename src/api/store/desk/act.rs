//! What associates do with a handoff.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;

use super::views::HandoffView;
use super::{associate, blocking, parse};
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::api::store::conversations::views::TurnView;
use crate::desk::Outcome;
use crate::http::{Identity, Problem};

/// Nothing is asked for beside the path: `{}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Nothing {}

/// Something to be said to the shopper.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ReplyRequest {
    /// At most 2,000 bytes.
    text: String,
    /// In which language it is, where it is not the shopper's.
    language: Option<String>,
}

/// The assistant is to go on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct HandBackRequest {
    /// What is said to the shopper before.
    note: Option<String>,
}

/// It is finished.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CloseRequest {
    /// How.
    outcome: Closing,
}

/// How a handoff is closed.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Closing {
    /// The shopper was helped.
    Solved,
    /// The shopper was not.
    NotSolved,
    /// The shopper left.
    Left,
}

/// `POST /store/v1/desk/handoffs/{id}/acknowledge`.
pub(in crate::api) async fn acknowledge(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(Nothing {}): Asked<Nothing>,
) -> Result<Json<HandoffView>, Problem> {
    let (who, id) = (associate(identity.as_ref())?, parse(&id)?);
    let seen_by = who.id.clone();
    let handoff = blocking(service.desk()?, move |desk| desk.acknowledge(id, &who)).await?;
    Ok(Json(HandoffView::of(handoff, &seen_by)))
}

/// `POST /store/v1/desk/handoffs/{id}/claim`.
pub(in crate::api) async fn claim(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(Nothing {}): Asked<Nothing>,
) -> Result<Json<HandoffView>, Problem> {
    let (who, id) = (associate(identity.as_ref())?, parse(&id)?);
    let seen_by = who.id.clone();
    let handoff = blocking(service.desk()?, move |desk| desk.claim(id, &who)).await?;
    Ok(Json(HandoffView::of(handoff, &seen_by)))
}

/// `POST /store/v1/desk/handoffs/{id}/reply`.
pub(in crate::api) async fn reply(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(ReplyRequest { text, language }): Asked<ReplyRequest>,
) -> Result<Json<TurnView>, Problem> {
    let (who, id) = (associate(identity.as_ref())?, parse(&id)?);
    let say = move |desk: &crate::desk::Desk| desk.reply(id, &who, &text, language.as_deref());
    Ok(Json(blocking(service.desk()?, say).await?.into()))
}

/// `POST /store/v1/desk/handoffs/{id}/hand-back`.
pub(in crate::api) async fn hand_back(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(HandBackRequest { note }): Asked<HandBackRequest>,
) -> Result<Json<HandoffView>, Problem> {
    let (who, id) = (associate(identity.as_ref())?, parse(&id)?);
    let seen_by = who.id.clone();
    let back = move |desk: &crate::desk::Desk| desk.hand_back(id, &who, note.as_deref());
    Ok(Json(HandoffView::of(blocking(service.desk()?, back).await?, &seen_by)))
}

/// `POST /store/v1/desk/handoffs/{id}/close`.
pub(in crate::api) async fn close(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(CloseRequest { outcome }): Asked<CloseRequest>,
) -> Result<Json<HandoffView>, Problem> {
    let (who, id) = (associate(identity.as_ref())?, parse(&id)?);
    let seen_by = who.id.clone();
    let outcome = match outcome {
        Closing::Solved => Outcome::Solved,
        Closing::NotSolved => Outcome::NotSolved,
        Closing::Left => Outcome::Left,
    };
    let close = move |desk: &crate::desk::Desk| desk.close(id, &who, outcome);
    Ok(Json(HandoffView::of(blocking(service.desk()?, close).await?, &seen_by)))
}
