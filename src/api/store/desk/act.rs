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
use crate::desk::{Associate, Desk, DeskError, Handoff, HandoffId, Outcome};
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

/// Does this as the associate who asks, and shows that one the handoff.
async fn act(
    service: &Service,
    identity: Option<&Identity>,
    id: &str,
    act: impl FnOnce(&Desk, HandoffId, &Associate) -> Result<Handoff, DeskError> + Send + 'static,
) -> Result<Json<HandoffView>, Problem> {
    let (who, id) = (associate(identity)?, parse(id)?);
    let work = move |desk: &Desk| Ok(HandoffView::of(act(desk, id, &who)?, &who.id));
    blocking(service.desk()?, work).await.map(Json)
}

/// `POST /store/v1/desk/handoffs/{id}/acknowledge`.
pub(in crate::api) async fn acknowledge(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(Nothing {}): Asked<Nothing>,
) -> Result<Json<HandoffView>, Problem> {
    act(&service, identity.as_ref(), &id, Desk::acknowledge).await
}

/// `POST /store/v1/desk/handoffs/{id}/claim`.
pub(in crate::api) async fn claim(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(Nothing {}): Asked<Nothing>,
) -> Result<Json<HandoffView>, Problem> {
    act(&service, identity.as_ref(), &id, Desk::claim).await
}

/// `POST /store/v1/desk/handoffs/{id}/reply`.
pub(in crate::api) async fn reply(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(ReplyRequest { text, language }): Asked<ReplyRequest>,
) -> Result<Json<TurnView>, Problem> {
    let (who, id) = (associate(identity.as_ref())?, parse(&id)?);
    let say = move |desk: &Desk| desk.reply(id, &who, &text, language.as_deref());
    Ok(Json(blocking(service.desk()?, say).await?.into()))
}

/// `POST /store/v1/desk/handoffs/{id}/hand-back`.
pub(in crate::api) async fn hand_back(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(HandBackRequest { note }): Asked<HandBackRequest>,
) -> Result<Json<HandoffView>, Problem> {
    let back = move |desk: &Desk, id, who: &Associate| desk.hand_back(id, who, note.as_deref());
    act(&service, identity.as_ref(), &id, back).await
}

/// `POST /store/v1/desk/handoffs/{id}/close`.
pub(in crate::api) async fn close(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(CloseRequest { outcome }): Asked<CloseRequest>,
) -> Result<Json<HandoffView>, Problem> {
    let outcome = match outcome {
        Closing::Solved => Outcome::Solved,
        Closing::NotSolved => Outcome::NotSolved,
        Closing::Left => Outcome::Left,
    };
    let close = move |desk: &Desk, id, who: &Associate| desk.close(id, who, outcome);
    act(&service, identity.as_ref(), &id, close).await
}
