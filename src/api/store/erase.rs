//! `POST /store/v1/erase`: everything that is kept of a shopper.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;

use super::conversations::views::Receipt;
use super::conversations::{blocking, now, of_shoppers};
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::http::{Identity, Problem};
use crate::shoppers::{ConversationId, ProfileId, ShoppersError};
use crate::skills::concierge::ConciergeError;

/// Whose traces are to go: one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct EraseRequest {
    /// A conversation, by its id.
    conversation: Option<String>,
    /// A profile, by its id.
    profile: Option<String>,
}

enum Whose {
    Conversation(ConversationId),
    Profile(ProfileId),
}

/// Erases, whichever device the conversation belongs to.
pub(in crate::api) async fn erase(
    State(service): State<Arc<Service>>,
    Extension(asker): Extension<Option<Identity>>,
    Asked(request): Asked<EraseRequest>,
) -> Result<Json<Receipt>, Problem> {
    let (whose, named) = match (request.conversation, request.profile) {
        (Some(id), None) => (id.parse().map(Whose::Conversation), "conversation"),
        (None, Some(id)) => (id.parse().map(Whose::Profile), "profile"),
        _ => {
            return Err(Problem::invalid("name one of `conversation` and `profile`")
                .param("conversation")
                .code("invalid_value"));
        }
    };
    let whose = whose.map_err(|_| of_shoppers(ShoppersError::NotFound { what: named }))?;
    // Its id is a secret, and none of HQ's business.
    service.write_down(asker.as_ref(), "shopper.erase", [("of", named.into())]).await?;
    let erased = blocking(move || {
        let shoppers = service.concierge.shoppers();
        let erased = match &whose {
            Whose::Conversation(id) => shoppers.end(id, now()),
            Whose::Profile(id) => shoppers.erase_profile(id, now()),
        };
        erased.map_err(ConciergeError::Shoppers)
    });
    Ok(Json(erased.await?.into()))
}
