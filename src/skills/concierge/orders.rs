//! Orders and returns: what the retailer's own system is asked.
//!
//! This room says what is wanted and tells the answer; how the system is reached is somebody else's
//! matter ([`Orders`]). Every text of an answer is data: it is cut to a length, freed of control
//! characters and personal data, and told as the shop's words.

use std::time::Instant;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// Characters of a text of the retailer's system that are told.
const MAX_TEXT_CHARS: usize = 300;
/// Lines of an order that are told.
pub(super) const MAX_LINES: usize = 6;

/// The retailer's system, however it is reached.
pub trait Orders: Send + Sync {
    /// Asks it. `key` is the same for a repeated call, which then has no second effect.
    fn call<'a>(
        &'a self,
        call: OrderCall,
        key: String,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<OrderReply, OrdersError>>;
}

/// What is asked of the retailer's system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCall {
    /// Of what kind.
    pub action: Action,
    /// The order's number, as the shopper said it.
    pub order: String,
    /// What shows that the order is the shopper's, where the system asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// What is to be changed, or why something goes back, in the shopper's words without personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What can be done with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Where it is.
    Status,
    /// Something in it is to be another way, or it is not wanted any more.
    Change,
    /// Something of it goes back.
    Return,
}

impl Action {
    /// As tools and routes call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "order_status",
            Self::Change => "change_order",
            Self::Return => "start_return",
        }
    }
}

/// What the retailer's system answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderReply {
    /// How an order is.
    Status {
        /// What happens with it.
        state: OrderState,
        /// What is in it.
        #[serde(default)]
        lines: Vec<OrderLine>,
        /// The day on which it is to be there, as `2026-11-28`.
        #[serde(default)]
        due: Option<String>,
        /// Where it can be fetched.
        #[serde(default)]
        place: Option<String>,
    },
    /// A change was taken.
    Changed {
        /// What there is to know.
        #[serde(default)]
        text: Option<String>,
    },
    /// A return was begun.
    ReturnStarted {
        /// By which the shop knows it.
        number: String,
        /// What to do now.
        #[serde(default)]
        text: Option<String>,
    },
    /// It has to be shown first whose the order is.
    NeedsProof {
        /// By what.
        what: Proof,
    },
    /// There is no such order, or it is not the shopper's.
    NotFound,
    /// It cannot be done.
    Refused {
        /// Why, for the shopper.
        #[serde(default)]
        text: Option<String>,
    },
}

/// What happens with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// It came in.
    Received,
    /// It is being packed.
    Packing,
    /// It can be fetched.
    Ready,
    /// It is on its way.
    Shipped,
    /// It is there.
    Delivered,
    /// It was called off.
    Cancelled,
}

/// By what an order is shown to be the shopper's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The code on the confirmation.
    PickupCode,
    /// The postcode of its address.
    Postcode,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// What.
    pub name: String,
    /// How many.
    pub quantity: u32,
}

/// Why the retailer's system gave no answer. None of it is told but that there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrdersError {
    /// It could not be reached, or not in time.
    #[error("the order system cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("the order system answered {status}")]
    Status {
        /// Of HTTP.
        status: u16,
    },
    /// It answered something else than was agreed.
    #[error("the order system's answer is not understood: {0}")]
    Form(String),
}

/// A text of the retailer's system as it may be told.
pub(super) fn told(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT_CHARS).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    crate::skills::slots::inert(&crate::privacy::redact(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_system_are_cut_and_freed_of_what_is_personal() {
        assert_eq!(told("Call\n jo@example.org "), "Call <EMAIL_ADDRESS>");
        assert_eq!(told(&"x".repeat(5_000)).len(), MAX_TEXT_CHARS);
    }

    #[test]
    fn an_answer_with_an_unknown_field_is_not_taken() {
        let parse = |text: &str| serde_json::from_str::<OrderReply>(text);
        let state = r#"{"result": "status", "state": "ready", "place": "Desk 2"}"#;
        assert!(matches!(parse(state), Ok(OrderReply::Status { state: OrderState::Ready, .. })));
        assert!(parse(r#"{"result": "status", "state": "ready", "owner": "Jo"}"#).is_err());
        assert!(parse(r#"{"result": "needs_proof", "what": "pickup_code"}"#).is_ok());
    }
}
