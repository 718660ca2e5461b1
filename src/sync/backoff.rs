//! How long to wait after a failure.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Full jitter: a time within a window that doubles with each failure. Stores that lost the line
/// together do not come back together.
#[derive(Debug)]
pub(super) struct Backoff {
    first_ms: u64,
    most_ms: u64,
    failures: u32,
    chance: ChaCha8Rng,
}

impl Backoff {
    pub(super) fn new(first_ms: u64, most_ms: u64, seed: u64) -> Self {
        Self { first_ms, most_ms, failures: 0, chance: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// One more failure; how long to wait.
    pub(super) fn fail(&mut self) -> u64 {
        let window = doubled(self.first_ms, self.failures, self.most_ms);
        self.failures = self.failures.saturating_add(1);
        self.within(window)
    }

    pub(super) fn forget(&mut self) {
        self.failures = 0;
    }

    /// A time within a window.
    pub(super) fn within(&mut self, window_ms: u64) -> u64 {
        self.chance.next_u64() % window_ms.saturating_add(1).max(1)
    }

    /// Bytes of chance.
    pub(super) fn id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        self.chance.fill_bytes(&mut id);
        id
    }
}

/// A time that doubled so often, up to a limit.
pub(super) fn doubled(first_ms: u64, times: u32, most_ms: u64) -> u64 {
    first_ms.saturating_mul(1 << times.min(32)).min(most_ms)
}

#[cfg(test)]
mod tests {
    use super::{Backoff, doubled};

    #[test]
    fn windows_double_up_to_ten_minutes_and_are_used_in_full() {
        assert_eq!(
            [0, 1, 5, 10, 99].map(|n| doubled(1000, n, 600_000)),
            [1000, 2000, 32_000, 600_000, 600_000]
        );
        let mut waits: Vec<u64> = (0..1000)
            .map(|seed| {
                let mut backoff = Backoff::new(1000, 600_000, seed);
                (0..12).map(|_| backoff.fail()).last().unwrap()
            })
            .collect();
        waits.sort_unstable();
        assert!(*waits.last().unwrap() <= 600_000);
        for (at, least, most) in
            [(100, 40_000, 80_000), (500, 260_000, 340_000), (900, 510_000, 570_000)]
        {
            assert!((least..most).contains(&waits[at]), "{at}: {}", waits[at]);
        }
    }

    #[test]
    fn after_success_waits_are_short_again() {
        let mut backoff = Backoff::new(1000, 600_000, 1);
        (0..20).for_each(|_| {
            backoff.fail();
        });
        backoff.forget();
        assert!(backoff.fail() <= 1000);
    }
}
