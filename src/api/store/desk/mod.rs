//! `/store/v1/desk`: where associates answer shoppers.

pub(in crate::api) mod act;
pub(in crate::api) mod correct;
pub(in crate::api) mod events;
pub(in crate::api) mod look;
pub(in crate::api) mod presence;
pub(in crate::api) mod views;

use axum::http::StatusCode;

use crate::api::error::of_concierge;
use crate::api::service::Service;
use crate::desk::{Associate, Desk, DeskError, HandoffId};
use crate::http::{Identity, Kind, Problem};
use crate::skills::concierge::ConciergeError;

const NOBODY: &str = "this server calls no associates";

impl Service {
    fn desk(&self) -> Result<&Desk, Problem> {
        let none = || Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, NOBODY);
        self.desk.as_ref().ok_or_else(|| none().code("no_desk"))
    }
}

/// The person who asks, known by the device.
fn associate(identity: Option<&Identity>) -> Result<Associate, Problem> {
    let identity = identity.ok_or_else(|| Problem::internal("nobody asks"))?;
    let device = identity.device.as_ref();
    Ok(Associate {
        id: identity.token_id.clone(),
        name: device.map_or_else(|| identity.role.to_string(), |device| device.name.clone()),
        zone: device.and_then(|device| device.zone.clone()),
    })
}

fn parse(id: &str) -> Result<HandoffId, Problem> {
    id.parse().map_err(of_desk)
}

/// Does what waits for the disk off the async threads.
async fn blocking<T: Send + 'static>(
    desk: &Desk,
    work: impl FnOnce(&Desk) -> Result<T, DeskError> + Send + 'static,
) -> Result<T, Problem> {
    let desk = desk.clone();
    let done = tokio::task::spawn_blocking(move || work(&desk)).await;
    done.map_err(Problem::internal)?.map_err(of_desk)
}

/// What it means for the caller that something of the desk's cannot be done.
fn of_desk(error: DeskError) -> Problem {
    let message = error.to_string();
    let refused = |status| Problem::new(status, Kind::InvalidRequestError, message.clone());
    match error {
        DeskError::NotFound => refused(StatusCode::NOT_FOUND).code("not_found"),
        DeskError::Left => refused(StatusCode::GONE).code("shopper_left"),
        DeskError::Taken => refused(StatusCode::CONFLICT).code("taken"),
        DeskError::Unclaimed => refused(StatusCode::CONFLICT).code("unclaimed"),
        DeskError::Full { .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("full")
        }
        DeskError::Text { field, .. } => {
            Problem::invalid(message).param(field).code("invalid_value")
        }
        DeskError::NoTurn => Problem::invalid(message).param("turn").code("invalid_value"),
        DeskError::Shoppers(error) => of_concierge(ConciergeError::Shoppers(error)),
        error @ (DeskError::Storage { .. } | DeskError::Damaged(_) | DeskError::Random(_)) => {
            Problem::internal(error)
        }
    }
}
