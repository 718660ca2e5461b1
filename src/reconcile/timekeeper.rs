//! What time it is, for whoever installs things.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::protocol::{Clock, TimeFloor, UnixMillis};

/// Judges the box's clock by what is certain: what was stored, and what HQ answered since the start.
#[derive(Debug)]
pub struct Timekeeper {
    floor: Mutex<TimeFloor>,
    started: Instant,
}

impl Timekeeper {
    /// A keeper of the moments known at the start: when the program was built, and the stored floor.
    #[must_use]
    pub fn new(built: UnixMillis, stored: UnixMillis) -> Self {
        Self { floor: Mutex::new(TimeFloor::new(built, stored)), started: Instant::now() }
    }

    /// Takes what HQ answered just now as the present.
    pub fn heard(&self, hq_time: UnixMillis) {
        let steady = self.steady_ms();
        self.lock().anchor(hq_time, steady);
    }

    /// What is known of the time, and milliseconds since the start.
    #[must_use]
    pub fn time(&self) -> (Clock, u64) {
        let steady = self.steady_ms();
        (self.lock().judge(UnixMillis::now(), steady), steady)
    }

    fn steady_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, TimeFloor> {
        self.floor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_behind_what_is_stored_is_not_believed_before_hq_answers() {
        let far = UnixMillis(4_000_000_000_000);
        let keeper = Timekeeper::new(UnixMillis(0), far);
        assert_eq!(keeper.time().0, Clock::Unknown { at_least: far });
        let now = far.plus(3_600_000);
        keeper.heard(now);
        let Clock::Known(told) = keeper.time().0 else { panic!("HQ answered") };
        assert!(told >= now && told.since(now) < 60_000);
    }
}
