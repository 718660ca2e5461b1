//! A kept answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::{Event, Key, PackMark, Provenance, Recipe, Scope};
use crate::facts::Record;

/// What an answer took to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens that were generated.
    pub completion_tokens: u64,
    /// From its beginning to its end, in milliseconds.
    pub ms: u64,
}

/// All of an entry but the answer itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Its key.
    pub key: Key,
    /// Its scope.
    pub scope: Scope,
    /// How it came about.
    pub provenance: Arc<Provenance>,
    /// What the sampler began with, where it drew; kept here, as all else of a provenance is shared.
    pub seed: Option<u64>,
    /// The facts that it stands on.
    pub record: Record,
    /// How it can be made again.
    pub recipe: Option<Recipe>,
    /// When it was complete, milliseconds since 1970.
    pub made_ms: u64,
    /// What it took.
    pub cost: Cost,
    /// What the answer takes in memory.
    pub bytes: u64,
    /// From which pack it comes, where it was not made here.
    pub pack: Option<PackMark>,
}

/// An answer's events, whole.
pub type Events = Arc<[Event]>;

/// How an entry is used; kept beside it and, from time to time, with it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How often it was asked for, the first time included.
    pub(super) asked: AtomicU32,
    /// When last, milliseconds since 1970.
    pub(super) last_ms: AtomicU64,
    /// Of `asked`, what is on disk.
    written: AtomicU32,
    /// Whether it was given once after a soft fact changed.
    stale_given: AtomicBool,
}

impl Tally {
    pub(super) fn new(asked: u32, last_ms: u64) -> Self {
        Self {
            asked: asked.into(),
            last_ms: last_ms.into(),
            written: asked.into(),
            stale_given: false.into(),
        }
    }

    /// Counts one more.
    pub(super) fn count(&self, now_ms: u64) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.last_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// What is to be written of it, where it was asked for since the last time.
    pub(super) fn unwritten(&self) -> Option<(u32, u64)> {
        let asked = self.asked.load(Ordering::Relaxed);
        let before = self.written.swap(asked, Ordering::Relaxed);
        (before != asked).then(|| (asked, self.last_ms.load(Ordering::Relaxed)))
    }

    /// True the first time.
    pub(super) fn may_be_given_stale(&self) -> bool {
        !self.stale_given.swap(true, Ordering::Relaxed)
    }
}
