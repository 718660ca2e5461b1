//! What the world around is asked.

use std::fmt;
use std::sync::Arc;

use super::fetch::Hold;
use crate::protocol::{Clock, UnixMillis};

/// The time, the shop's hours, the facts and the WAN. A clone asks the same.
#[derive(Clone)]
pub struct Surroundings {
    /// What is known of the time, and a clock that only counts on while the program runs, in
    /// milliseconds.
    pub time: Arc<dyn Fn() -> (Clock, u64) + Send + Sync>,
    /// Whether the shop lets things be installed at this time.
    pub in_hours: Arc<dyn Fn(UnixMillis) -> bool + Send + Sync>,
    /// The epoch of the facts.
    pub facts_epoch: Arc<dyn Fn() -> Option<u64> + Send + Sync>,
    /// Asked before so many bytes of a bundle or a pack go over the WAN.
    pub gate: Arc<dyn Fn(u64) -> Result<(), Hold> + Send + Sync>,
}

impl Surroundings {
    /// The latest moment that certainly has passed.
    #[must_use]
    pub fn at_least(&self) -> UnixMillis {
        let (Clock::Known(at) | Clock::Unknown { at_least: at }) = (self.time)().0;
        at
    }

    /// Whether it is known that it is an hour for installing.
    #[must_use]
    pub fn is_install_time(&self) -> bool {
        match (self.time)().0 {
            Clock::Known(now) => (self.in_hours)(now),
            Clock::Unknown { .. } => false,
        }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}
