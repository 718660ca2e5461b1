//! How long is rung, and how much is kept.

use std::time::Duration;

/// Settings of the room. None may be zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskConfig {
    /// After which somebody else is rung where nobody took it.
    pub ring_again: Duration,
    /// After which all are rung; after twice that the shopper is told that nobody is free.
    pub escalate_after: Duration,
    /// Handoffs that are open at once.
    pub max_open: usize,
    /// Examples that are kept; the oldest leave.
    pub max_feedback: u64,
}

impl Default for DeskConfig {
    fn default() -> Self {
        Self {
            ring_again: Duration::from_secs(20),
            escalate_after: Duration::from_secs(60),
            max_open: 64,
            max_feedback: 1_000,
        }
    }
}
