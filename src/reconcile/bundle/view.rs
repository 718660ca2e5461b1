//! What is so around the machine, and what of it keeps a bundle waiting.

use super::record::{Attempt, Record};
use crate::protocol::documents::{Bundle, Version};
use crate::protocol::{Clock, UnixMillis};

/// What is so now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// What is known of the time.
    pub clock: Clock,
    /// A clock that only counts on while the program runs.
    pub steady_ms: u64,
    /// Whether the shop lets things be installed at this hour.
    pub in_hours: bool,
    /// Free bytes of the disk.
    pub free_bytes: u64,
    /// Bytes of the offered bundle that are not here yet.
    pub missing_bytes: u64,
    /// The epoch of the facts.
    pub facts_epoch: Option<u64>,
    /// The version of this program.
    pub program: Version,
}

/// Why a bundle waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// The time is not known.
    #[error("the time is not known")]
    Clock,
    /// It is not the hour.
    #[error("outside of the hours for installing")]
    Hours,
    /// The disk is too full.
    #[error("{needed_bytes} bytes are needed on the disk, and {free_bytes} are free")]
    Space {
        /// For this bundle and once more as much, and what it asks for.
        needed_bytes: u64,
        /// As found.
        free_bytes: u64,
    },
    /// The facts are too old.
    #[error("the facts have not reached epoch {0}")]
    Facts(u64),
    /// The WAN's bytes of the day are used up.
    #[error("the WAN's byte budget of the day is used up")]
    Budget,
}

impl Lack {
    /// For programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Hours => "hours",
            Self::Space { .. } => "space",
            Self::Facts(_) => "facts",
            Self::Budget => "budget",
        }
    }
}

impl View {
    /// The time, where it is known.
    pub(super) fn now(&self) -> Option<UnixMillis> {
        match self.clock {
            Clock::Known(now) => Some(now),
            Clock::Unknown { .. } => None,
        }
    }

    /// What keeps a bundle from being fetched.
    pub(super) fn lack(&self, bundle: &Bundle) -> Option<Lack> {
        let size = bundle.size_bytes();
        let needed = self.missing_bytes.saturating_add(size);
        let needed_bytes = needed.saturating_add(bundle.requires.free_bytes);
        if self.now().is_none() {
            return Some(Lack::Clock);
        }
        if self.missing_bytes > 0 && self.free_bytes < needed_bytes {
            return Some(Lack::Space { needed_bytes, free_bytes: self.free_bytes });
        }
        self.lack_of_facts(bundle).or_else(|| (!self.in_hours).then_some(Lack::Hours))
    }

    fn lack_of_facts(&self, bundle: &Bundle) -> Option<Lack> {
        let reached = |epoch: u64| self.facts_epoch.is_some_and(|held| held >= epoch);
        bundle.facts_epoch.filter(|epoch| !reached(*epoch)).map(Lack::Facts)
    }

    /// What keeps a bundle that is here from answering.
    pub(super) fn lack_for_trial(&self, bundle: &Bundle) -> Option<Lack> {
        let behind = self.lack_of_facts(bundle);
        let clock = self.now().is_none().then_some(Lack::Clock);
        clock.or(behind).or_else(|| (!self.in_hours).then_some(Lack::Hours))
    }
}

impl Attempt {
    /// Whether it is too late to begin to use it.
    pub(super) fn is_too_late(&self, bundle: Option<&Bundle>, view: &View) -> bool {
        let Some(now) = view.now() else { return false };
        let expired = self.offer.expires.is_some_and(|expires| now >= expires);
        // Before its document is known, the longest that any may have.
        let most = u64::from(crate::protocol::limits::MAX_STATE_SECONDS);
        let within = bundle.map_or(most, |bundle| bundle.requires.take_within_s.into());
        expired || self.offered.is_some_and(|offered| now.since(offered) >= within * 1000)
    }
}

impl Record {
    /// Lets the bundle before the good one go; `false` where there is none.
    pub(super) fn give_up_previous(&mut self) -> bool {
        self.previous.take().is_some()
    }
}
