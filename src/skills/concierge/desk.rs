//! Where a person is called, and what that person is told.

use serde::{Deserialize, Serialize};

use crate::shoppers::Conversation;

/// Whoever can bring a person to a shopper.
pub trait Desk: Send + Sync {
    /// Calls a person. One that was called already for this conversation stays called.
    fn hand_off(&self, conversation: &Conversation, why: Why) -> Result<Called, DeskError>;

    /// Whether anybody would hear it.
    fn is_staffed(&self) -> bool;
}

/// Why a person is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The reason, by its name.
    pub reason: String,
    /// How angry the shopper is, as a probability.
    pub anger: f32,
    /// What it is about, for the associate.
    pub summary: Summary,
    /// What could be said.
    pub suggested_replies: Vec<String>,
}

/// A conversation in short, in the shop's language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// As sentences.
    pub text: String,
    /// SKUs and names of the products that it was about.
    pub products: Vec<(String, String)>,
}

/// A person was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The call's id.
    pub id: String,
}

/// Why nobody was called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// As many calls as there may be are open.
    #[error("{open} calls for a person are open, as many as there may be")]
    Full {
        /// As many.
        open: usize,
    },
    /// The call could not be kept.
    #[error("the call for a person could not be kept: {0}")]
    Failed(String),
}
