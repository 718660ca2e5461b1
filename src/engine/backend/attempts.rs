//! How often a device that was lost is tried again.

use std::time::{Duration, Instant};

/// Attempts in all, as long as the model is loaded.
const MOST: u32 = 3;
/// Before the first; each next one waits four times as long.
const FIRST: Duration = Duration::from_secs(60);

/// Attempts that were made.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failed: u32,
    next: Option<Instant>,
}

impl Attempts {
    /// The device failed, while it worked or when it was tried again.
    pub(super) fn failed(&mut self, now: Instant) {
        let wait = FIRST * 4u32.saturating_pow(self.failed);
        self.failed += 1;
        self.next = (self.failed <= MOST).then(|| now + wait);
    }

    /// When it may be tried again; none where it need not or may not.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_keeps_failing_is_left_alone() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        assert_eq!(attempts.due(), None, "it never failed");
        let mut waits = Vec::new();
        for _ in 0..5 {
            attempts.failed(now);
            waits.push(attempts.due().map(|due| (due - now).as_secs()));
        }
        assert_eq!(waits, [Some(60), Some(240), Some(960), None, None]);
    }
}
