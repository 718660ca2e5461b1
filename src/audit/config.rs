//! How much is kept, and for how long.

use std::time::Duration;

/// Settings of the room. All are limits; none may be zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditConfig {
    /// How long what a model was asked can be opened.
    pub keep_inputs: Duration,
    /// Bytes of all that; the oldest leave.
    pub max_inputs_bytes: u64,
    /// How long a record is kept.
    pub keep_records: Duration,
    /// Records that are kept; the oldest leave.
    pub max_records: u64,
    /// How often HQ is told the head of the chain, where something was added.
    pub tell_every: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            keep_inputs: 30 * DAY,
            max_inputs_bytes: 256 << 20,
            keep_records: 400 * DAY,
            max_records: 200_000,
            tell_every: Duration::from_secs(5 * 60),
        }
    }
}
