//! What must not be forgotten over a restart.

use serde::{Deserialize, Serialize};

use super::stage::Arrangement;
use crate::protocol::{Contents, Digest, Failure, Pointer, Stage as State, UnixMillis};

/// What the box runs, and how far the newest offer is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The last bundle that proved itself; none where the box runs what it was set up with.
    pub good: Option<Installed>,
    /// The one before it, as long as there is room.
    pub previous: Option<Installed>,
    /// The newest offer.
    pub attempt: Option<Attempt>,
    /// Whether any bundle has ever answered by this record.
    #[serde(default)]
    pub led: bool,
}

/// A bundle that proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The version of the document that brought it.
    pub version: u64,
    /// SHA-256 of the bundle's document.
    pub digest: Digest,
}

/// What HQ offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The version of the document.
    pub version: u64,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// Where they are.
    pub contents: Contents,
    /// From when on it must not be installed.
    pub expires: Option<UnixMillis>,
}

impl From<&Pointer> for Offer {
    fn from(pointer: &Pointer) -> Self {
        Self {
            version: pointer.version,
            digest: pointer.digest,
            size_bytes: pointer.size_bytes,
            contents: pointer.contents.clone(),
            expires: pointer.expires,
        }
    }
}

/// How far an offer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was offered.
    pub offer: Offer,
    /// How far it is.
    pub stage: State,
    /// When it was first seen; none while the time was not known.
    pub offered: Option<UnixMillis>,
    /// Time in this state, as far as the program ran.
    pub watched_ms: u64,
    /// Starts of the program while it answered.
    pub restarts: u32,
    /// The 95th percentile of latency of the bundle that it is to replace.
    pub baseline_p95_ms: Option<u32>,
    /// Answers of a thousand that checks refused of that bundle.
    #[serde(default)]
    pub baseline_refused_per_mille: Option<u16>,
    /// Whether enough requests were answered by it to tell anything.
    #[serde(default)]
    pub was_asked: bool,
    /// The epoch of facts on which it stood when it last went on.
    #[serde(default)]
    pub facts_epoch: Option<u64>,
    /// Why it waits, or why it ended.
    pub failure: Option<Failure>,
}

impl Attempt {
    pub(super) fn new(offer: Offer, offered: Option<UnixMillis>) -> Self {
        Self {
            offer,
            stage: State::Offered,
            offered,
            watched_ms: 0,
            restarts: 0,
            baseline_p95_ms: None,
            baseline_refused_per_mille: None,
            was_asked: false,
            facts_epoch: None,
            failure: None,
        }
    }

    /// Whether it answers requests.
    #[must_use]
    pub fn serves(&self) -> bool {
        matches!(self.stage, State::Trial | State::Probation)
    }

    /// Whether nothing more becomes of it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.stage, State::Committed | State::Reverted | State::Refused)
    }
}

impl Record {
    /// What is to be in memory, and who is to answer.
    #[must_use]
    pub fn arrangement(&self) -> Arrangement {
        let good = self.good.map(|good| good.digest);
        let Some(attempt) = &self.attempt else { return Arrangement::of(good) };
        let new = Some(attempt.offer.digest);
        let (live, beside, mirrored) = match attempt.stage {
            State::Verified | State::Staged => (good, new, false),
            State::Shadow => (good, new, true),
            State::Trial => (new, good, false),
            State::Probation => (new, None, false),
            _ => (good, None, false),
        };
        let beside = beside.filter(|_| beside != live);
        let taken_back = self.led && live.is_none() && beside.is_none();
        Arrangement { live, beside, mirrored, taken_back }
    }

    /// Whether what answers is nothing of this record: the box never had a bundle, or lost its record and
    /// may still have one.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.good.is_none() && !self.led
    }

    /// Whether a bundle has proved itself here and is still whole on the disk.
    #[must_use]
    pub fn is_proven(&self, digest: Digest) -> bool {
        [self.good, self.previous].into_iter().flatten().any(|one| one.digest == digest)
    }

    /// Bundles whose files must stay.
    pub fn wanted(&self) -> impl Iterator<Item = Digest> {
        let attempt = self.attempt.as_ref().filter(|attempt| !attempt.is_over());
        let attempt = attempt.map(|attempt| attempt.offer.digest);
        let installed = [self.good, self.previous].into_iter().flatten();
        installed.map(|installed| installed.digest).chain(attempt)
    }
}
