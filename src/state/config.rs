//! How much is kept.

use crate::protocol::Stream;

/// How much of a stream waits for HQ at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of its messages.
    pub max_bytes: u64,
    /// Their number.
    pub max_count: u64,
    /// How old they get, where age makes them worthless.
    pub max_age_ms: Option<u64>,
}

/// What happens to a message for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused, and with it what it would have told.
    Refuse,
    /// The oldest go, and HQ is told which.
    DropOldest,
}

/// Limits of the state, all of them on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateConfig {
    /// Blocks of the audit log.
    pub audit: Bounds,
    /// Events.
    pub events: Bounds,
    /// Measured values: the newest say the most.
    pub telemetry: Bounds,
    /// Log lines.
    pub log: Bounds,
    /// How often a message is tried before it is laid aside.
    pub max_tries: u32,
    /// Messages that are laid aside; the oldest go.
    pub max_dead_letters: u64,
    /// Commands that are recorded and not yet forgotten.
    pub max_commands: u64,
}

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Default for StateConfig {
    /// More than a week of a busy store without a line.
    fn default() -> Self {
        let bounds = |mib: u64, max_count, days: Option<u64>| Bounds {
            max_bytes: mib << 20,
            max_count,
            max_age_ms: days.map(|days| days * DAY_MS),
        };
        Self {
            audit: bounds(256, 1_000_000, None),
            events: bounds(64, 200_000, Some(30)),
            telemetry: bounds(16, 20_000, Some(7)),
            log: bounds(4, 10_000, Some(2)),
            max_tries: 5,
            max_dead_letters: 64,
            max_commands: 1024,
        }
    }
}

impl StateConfig {
    /// Bounds and policy of a stream; `None` where this side does not send it.
    pub(super) fn of(&self, stream: Stream) -> Option<(Bounds, WhenFull)> {
        match stream {
            Stream::Audit => Some((self.audit, WhenFull::Refuse)),
            Stream::Evt => Some((self.events, WhenFull::DropOldest)),
            Stream::Tel => Some((self.telemetry, WhenFull::DropOldest)),
            Stream::Log => Some((self.log, WhenFull::DropOldest)),
            Stream::Cmd => None,
        }
    }
}
