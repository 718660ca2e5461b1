//! How much is kept, and for how long.

use std::time::Duration;

/// Settings of the room. All are limits; none may be zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShoppersConfig {
    /// A conversation in which nothing happened for this long is over.
    pub idle: Duration,
    /// Conversations at once.
    pub max_conversations: u64,
    /// Turns that are kept of one; the oldest leave.
    pub max_turns: u32,
    /// Profiles that outlive a conversation.
    pub max_profiles: u64,
    /// A profile that nobody used for this long is erased.
    pub keep_profiles: Duration,
    /// How long the key of what other rooms sealed outlives a conversation that ended by itself.
    pub keep_sealed: Duration,
    /// Subjects whose keys are kept; beyond it those leave whose time ends first.
    pub max_subjects: u32,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for ShoppersConfig {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(15 * 60),
            max_conversations: 1_000,
            max_turns: 40,
            max_profiles: 10_000,
            keep_profiles: 365 * DAY,
            keep_sealed: 30 * DAY,
            max_subjects: 100_000,
        }
    }
}
