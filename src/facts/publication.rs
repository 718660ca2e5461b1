//! Facts that headquarters publish: which are held, since when, and what they add up to.
//!
//! A catalogue's facts come as changes since an epoch, or as a whole. Either way only what differs
//! from what was published before is written, so both make the same of a shop that had changed a
//! fact by itself: its own value stays until headquarters say something new of that fact.

use sha2::Digest as _;

use super::attempt::Attempt;
use super::batch::{Change, Written};
use super::disk::Published;
use super::error::{FactsError, Fault};
use super::fact::Fact;
use super::label::Id;
use super::name::{FactId, Revision, Source};
use super::stage::Refused;
use super::state::State;
use super::store::Facts;
use super::time::UnixSeconds;

/// An epoch of a catalogue, and what must come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Which catalogue.
    pub catalogue: Id,
    /// Its epoch.
    pub epoch: u64,
    /// What all its facts add up to.
    pub root: [u8; 32],
    /// What the changes are.
    pub extent: Extent,
}

/// What a publication's changes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What is otherwise since this epoch, which must be the one that is held.
    Since(u64),
    /// Everything; what was published before and is not among it goes.
    Whole,
}

/// An epoch that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldEpoch {
    /// Which.
    pub epoch: u64,
    /// What its facts added up to.
    pub root: [u8; 32],
}

/// One published fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedFact {
    /// Which.
    pub id: FactId,
    /// SHA-256 of its JSON.
    pub digest: [u8; 32],
}

/// Adds published facts up, which come by their tables' names and then by id, both as bytes.
pub type Sum<'a> = &'a dyn Fn(
    &mut dyn Iterator<Item = Result<PublishedFact, FactsError>>,
) -> Result<[u8; 32], FactsError>;

/// Why an epoch was not taken. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The changes begin at another epoch than the one held.
    #[error("the changes begin at epoch {from}, and {held:?} is held")]
    OtherEpoch {
        /// Where they begin.
        from: u64,
        /// What is held.
        held: Option<u64>,
    },
    /// An epoch that is over.
    #[error("epoch {given} is older than epoch {held}, which is held")]
    Older {
        /// What came.
        given: u64,
        /// What is held.
        held: u64,
    },
    /// The facts do not add up to what was said.
    #[error("the facts of epoch {epoch} do not add up to its root")]
    Root {
        /// Which epoch.
        epoch: u64,
        /// What they add up to.
        found: [u8; 32],
    },
    /// A change was refused, or the disk failed.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<FactsError> for PublishError {
    fn from(error: FactsError) -> Self {
        Self::Refused(Refused { line: 0, error })
    }
}

impl Publication {
    /// The stamp of what it brings.
    fn stamp(&self) -> Source {
        Source { epoch: self.epoch, version: 0 }
    }

    fn follows(&self, held: Option<HeldEpoch>) -> Result<(), PublishError> {
        let held = held.map(|held| held.epoch);
        if let Some(held) = held.filter(|held| self.epoch < *held) {
            return Err(PublishError::Older { given: self.epoch, held });
        }
        match self.extent {
            Extent::Since(from) if held != Some(from) => {
                Err(PublishError::OtherEpoch { from, held })
            }
            _ => Ok(()),
        }
    }
}

/// SHA-256 of a fact's JSON.
pub(super) fn digest(fact: &Fact) -> Result<[u8; 32], Fault> {
    let json = serde_json::to_vec(fact).map_err(|error| Fault::new("", error.to_string()))?;
    Ok(sha2::Sha256::digest(json).into())
}

impl Facts {
    /// The epoch of a catalogue that is held. Blocks on the disk.
    pub fn held_epoch(&self, catalogue: &str) -> Result<Option<HeldEpoch>, FactsError> {
        self.disk().held_epoch(catalogue)
    }

    /// What a catalogue's facts add up to as they are now: those that the shop changed by itself
    /// count as they were published. Blocks on the disk.
    pub fn observed(&self, catalogue: &str, sum: Sum<'_>) -> Result<[u8; 32], FactsError> {
        self.quietly(|state| {
            self.disk().published(catalogue, |leaves| {
                let mut held = leaves.map(|leaf| leaf.and_then(|leaf| leaf.held_in(state)));
                sum(&mut held)
            })
        })
    }

    pub(super) fn publish(
        &self,
        changes: impl Iterator<Item = (u64, Result<Change, FactsError>)>,
        publication: &Publication,
        now: UnixSeconds,
        sum: Sum<'_>,
    ) -> Result<Written, PublishError> {
        self.write_session(now, |session, attempt| {
            let mut published = session.published(publication, self.config().max_facts)?;
            publication.follows(published.held())?;
            for (line, change) in changes {
                let made = change
                    .and_then(|change| take(change, publication, &mut published, attempt, session));
                made.map_err(|error| Refused { line, error })?;
            }
            for id in published.left_over()? {
                let source = Some(publication.stamp());
                attempt.make(Change::Delete { id, source }, session)?;
            }
            let found = published.sum(sum)?;
            if found != publication.root {
                return Err(PublishError::Root { epoch: publication.epoch, found });
            }
            Ok(published.keep(publication)?)
        })
    }
}

/// Makes one change, where it says something new.
fn take(
    change: Change,
    publication: &Publication,
    published: &mut Published<'_>,
    attempt: &mut Attempt<'_>,
    session: &super::disk::Session<'_>,
) -> Result<(), FactsError> {
    let source = Some(publication.stamp());
    match change {
        Change::Put { id, fact, .. } => {
            let fact_id = FactId { table: fact.table(), id: id.clone() };
            let digest = digest(&fact)
                .map_err(|fault| FactsError::Invalid { id: fact_id.clone(), fault })?;
            let known = published.known(&fact_id)?.filter(|known| known.digest == digest);
            let revision = match known {
                Some(known) => known.revision,
                None => {
                    attempt.make(Change::Put { id, fact, source }, session)?;
                    attempt.made(&fact_id)
                }
            };
            published.note(&fact_id, digest, revision)
        }
        Change::Delete { id, .. } => {
            if published.remove(&id)? {
                attempt.make(Change::Delete { id, source }, session)?;
            }
            Ok(())
        }
        Change::Patch { .. } | Change::Confirm { .. } => {
            let fault = Fault::new("op", "a publication has `put` and `delete` and nothing else");
            Err(FactsError::Line { fault })
        }
    }
}

/// A published fact with the revision that its row had when headquarters' value was taken.
pub(super) struct StampedLeaf {
    pub(super) id: FactId,
    pub(super) digest: [u8; 32],
    pub(super) revision: Revision,
}

impl StampedLeaf {
    /// The digest of what is held, where that is headquarters' and not the shop's own.
    fn held_in(self, state: &State) -> Result<PublishedFact, FactsError> {
        let Self { id, digest: published, revision } = self;
        let row = state.row(id.table, &id.id);
        let held = row.filter(|row| row.revision == revision);
        let digest = match held.map(|row| row.fact.as_ref()) {
            None => published,
            Some(None) => [0; 32],
            Some(Some(fact)) => {
                digest(fact).map_err(|fault| FactsError::Invalid { id: id.clone(), fault })?
            }
        };
        Ok(PublishedFact { id, digest })
    }
}
