//! One package: where it is, who uses it, what became of loading it.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::shelf::{About, Presence};

/// After the first failed load a package is left alone for this long, then for twice as long, and
/// so on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Tells copies of one package apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CopyId(pub(super) u64);

/// What a package takes of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    /// Weights: as long as it is in memory.
    pub(super) weight_bytes: u64,
    /// Pages without which its answers would be short. All models share them.
    pub(super) page_bytes: u64,
}

/// A package in memory.
#[derive(Debug)]
pub(super) struct Copy<T> {
    pub(super) id: CopyId,
    pub(super) item: T,
    /// Leases of it.
    pub(super) held: usize,
}

#[derive(Debug)]
pub(super) enum Place<T> {
    Away,
    Loading,
    Loaded(Copy<T>),
}

/// Why the last load came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// Beside models that may not leave it does not fit.
    TooLarge { needed_bytes: u64, kept_bytes: u64 },
    /// The package or the engine refuses.
    Refused(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) why: Why,
    /// In a row.
    pub(super) times: u32,
    /// Until then it is not tried again.
    pub(super) until: Instant,
}

impl Failure {
    /// How long a package is left alone after so many failures in a row.
    pub(super) fn pause(times: u32) -> Duration {
        let doubled = 1u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
        FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
    }
}

/// A package that can be asked for.
#[derive(Debug)]
pub(super) struct Title<T> {
    pub(super) about: About,
    pub(super) size: Size,
    /// It is to be in memory always.
    pub(super) pinned: bool,
    /// It is to be in memory before the server answers.
    pub(super) required: bool,
    pub(super) place: Place<T>,
    /// Requests that wait for it.
    pub(super) waiting: usize,
    /// Its turn among those that are to be loaded.
    pub(super) turn: u64,
    pub(super) used: Option<Instant>,
    pub(super) failure: Option<Failure>,
}

impl<T> Title<T> {
    pub(super) fn new(about: About, size: Size) -> Self {
        Self {
            about,
            size,
            pinned: false,
            required: false,
            place: Place::Away,
            waiting: 0,
            turn: 0,
            used: None,
            failure: None,
        }
    }

    pub(super) fn loaded(&self) -> Option<&Copy<T>> {
        match &self.place {
            Place::Loaded(copy) => Some(copy),
            Place::Away | Place::Loading => None,
        }
    }

    pub(super) fn presence(&self) -> Presence {
        match self.place {
            Place::Away => Presence::Away,
            Place::Loading => Presence::Loading,
            Place::Loaded(_) => Presence::Loaded,
        }
    }

    /// It should be in memory and is not.
    pub(super) fn is_missed(&self) -> bool {
        matches!(self.place, Place::Away) && (self.pinned || self.required || self.waiting > 0)
    }

    /// Others may have its room at the price of loading it again.
    pub(super) fn may_leave(&self) -> bool {
        !self.pinned && !self.required
    }

    /// The failure that still counts.
    pub(super) fn failing(&self, now: Instant) -> Option<&Failure> {
        self.failure.as_ref().filter(|failure| now < failure.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_between_failed_loads_double_up_to_a_limit() {
        let seconds = [1, 2, 3, 9, 10, 40, u32::MAX].map(|n| Failure::pause(n).as_secs());
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300, 300]);
    }
}
