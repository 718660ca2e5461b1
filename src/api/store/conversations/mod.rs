//! `/store/v1/conversations` and `/store/v1/profiles`: the shop's conversation with a shopper.
//!
//! A conversation belongs to the device that began it; to any other it is not there.

pub(in crate::api) mod events;
pub(in crate::api) mod hear;
pub(in crate::api) mod open;
pub(in crate::api) mod profiles;
pub(in crate::api) mod qr;
pub(in crate::api) mod views;

use std::sync::Arc;

use crate::api::error::of_concierge;
use crate::api::service::Service;
use crate::facts::UnixSeconds;
use crate::http::{Identity, Problem, Role};
use crate::shoppers::{Conversation, ConversationId, Owner, ShoppersError};
use crate::skills::concierge::ConciergeError;

/// The time as conversations have it.
pub(super) fn now() -> u64 {
    UnixSeconds::now().0.unsigned_abs()
}

/// The device that asks. Routes of conversations are not public, so somebody does.
fn owner(identity: Option<&Identity>) -> Result<Owner, Problem> {
    let identity = identity.ok_or_else(|| Problem::internal("nobody asks"))?;
    let device = identity.device.as_ref();
    Ok(Owner {
        device: identity.token_id.clone(),
        class: device.map_or_else(|| identity.role.to_string(), |device| device.class.clone()),
        zone: device.and_then(|device| device.zone.clone()),
    })
}

/// A conversation of the device that asks.
fn own(
    service: &Arc<Service>,
    id: &str,
    identity: Option<&Identity>,
) -> Result<Conversation, Problem> {
    let found = parse(id).and_then(|id| service.concierge.shoppers().conversation(&id, now()));
    let conversation = found.map_err(of_shoppers)?;
    let asks = identity.map(|identity| identity.token_id.as_str());
    if asks == Some(conversation.owner.device.as_str()) {
        return Ok(conversation);
    }
    Err(of_shoppers(ShoppersError::NotFound { what: "conversation" }))
}

/// A conversation that who asks may look at: the device's own, and to an associate one that waits for
/// anybody or is that associate's.
fn seen(
    service: &Arc<Service>,
    id: &str,
    identity: Option<&Identity>,
) -> Result<Conversation, Problem> {
    let associate = identity.filter(|identity| identity.role == Role::Associate);
    let handed = associate.zip(service.desk.as_ref()).is_some_and(|(associate, desk)| {
        parse(id).is_ok_and(|id| desk.is_shown(&id, &associate.token_id))
    });
    if !handed {
        return own(service, id, identity);
    }
    parse(id)
        .and_then(|id| service.concierge.shoppers().conversation(&id, now()))
        .map_err(of_shoppers)
}

fn parse(id: &str) -> Result<ConversationId, ShoppersError> {
    id.parse().map_err(|_| ShoppersError::NotFound { what: "conversation" })
}

pub(super) fn of_shoppers(error: ShoppersError) -> Problem {
    of_concierge(ConciergeError::Shoppers(error))
}

/// Runs what waits for the disk off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConciergeError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await.map_err(Problem::internal)?;
    done.map_err(of_concierge)
}
