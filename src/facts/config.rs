//! Limits of the facts, and where the shop's clock stands.

use std::time::Duration;

use super::name::Table;
use super::state::Room;
use super::zone::Zone;

/// Limits of the facts, and where the shop's clock stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactsConfig {
    /// Facts of all tables together.
    pub max_facts: usize,
    /// Bytes of one fact as JSON.
    pub max_fact_bytes: usize,
    /// Bytes of memory for all facts.
    pub max_memory_bytes: usize,
    /// Bytes of one batch as lines of JSON.
    pub max_batch_bytes: u64,
    /// How long the feed of each table may be silent before answers hedge; without one, for ever.
    pub max_age: [Option<Duration>; Table::ALL.len()],
    /// How long an old value is kept, so that an answer can be made again.
    pub history: Duration,
    /// Old values that are kept at most.
    pub max_history: u64,
    /// Changes that a follower may be behind.
    pub max_changes: usize,
    /// Where the shop's clock stands.
    pub zone: Zone,
}

impl Default for FactsConfig {
    fn default() -> Self {
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
        Self {
            max_facts: 1_000_000,
            max_fact_bytes: 16 << 10,
            max_memory_bytes: 256 << 20,
            max_batch_bytes: 256 << 20,
            // Products, prices, promotions, stock, hours, recalls.
            max_age: [None, hours(24), hours(24), hours(4), hours(7 * 24), hours(24)],
            history: Duration::from_secs(30 * 24 * 3600),
            max_history: 1_000_000,
            max_changes: 10_000,
            zone: Zone::System,
        }
    }
}

impl FactsConfig {
    /// How long a table's feed may be silent.
    pub fn max_age(&self, table: Table) -> Option<Duration> {
        self.max_age.get(table.index()).copied().flatten()
    }

    pub(super) fn room(&self) -> Room {
        let bytes = self.max_memory_bytes;
        Room { facts: self.max_facts, fact_bytes: self.max_fact_bytes, bytes }
    }
}
