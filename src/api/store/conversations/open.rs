//! A conversation begun, looked at and ended.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use super::views::{Assistant, Begun, ConversationView, Receipt};
use super::{blocking, now, of_shoppers, own, owner, seen};
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::http::{Identity, Problem};
use crate::shoppers::{ProfileId, ShoppersError};
use crate::skills::concierge::{ConciergeError, Details};
use crate::skills::language::Language;

/// How a conversation is to begin.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct BeginRequest {
    /// The language of the greeting, and of messages that do not tell theirs.
    language: Option<Language>,
    /// A profile that the shopper shows.
    profile: Option<String>,
}

pub(in crate::api) async fn begin(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Asked(request): Asked<BeginRequest>,
) -> Result<Response, Problem> {
    let owner = owner(identity.as_ref())?;
    let profile = request.profile.map(|id| id.parse::<ProfileId>()).transpose();
    let profile = profile.map_err(|_| of_shoppers(ShoppersError::NotFound { what: "profile" }))?;
    let concierge = Arc::clone(&service);
    let begin = move || concierge.concierge.begin(owner, request.language, profile.as_ref());
    let (begun, greeting) = blocking(begin).await?;
    let details: Option<Details> =
        greeting.details.clone().and_then(|details| serde_json::from_value(details).ok());
    let view = Begun {
        id: begun.id.to_string(),
        language: begun.language,
        stage: begun.stage,
        disclosure: details.unwrap_or_default().disclosure,
        assistant: Assistant { machine: true, name: service.concierge.name() },
        greeting: greeting.into(),
    };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

pub(in crate::api) async fn show(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<ConversationView>, Problem> {
    let found = seen(&service, &id, identity.as_ref())?;
    Ok(Json(ConversationView {
        id: found.id.to_string(),
        stage: found.stage,
        language: found.language,
        turns: found.turns.into_iter().map(Into::into).collect(),
    }))
}

pub(in crate::api) async fn end(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<Receipt>, Problem> {
    let id = own(&service, &id, identity.as_ref())?.id;
    let ended = blocking(move || {
        service.concierge.shoppers().end(&id, now()).map_err(ConciergeError::Shoppers)
    });
    Ok(Json(ended.await?.into()))
}
