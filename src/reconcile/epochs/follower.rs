//! From a head to its epoch.

use std::collections::BTreeSet;
use std::fs::File;

use tokio_util::sync::CancellationToken;

use super::error::FactsFailure;
use crate::facts::{
    Change, Extent, Fact, FactId, Facts, FactsError, HeldEpoch, Publication, PublishError,
    PublishedFact, Table, UnixSeconds,
};
use crate::protocol::documents::{
    Artefact, ChangeReader, FactChange, FactsIndex, Leaf, Unordered, Way, digest_of_path, root,
};
use crate::protocol::{Clock, Digest, FactsHead, Label, limits};
use crate::reconcile::fetch::{FetchError, Fetcher, Hold, off_the_threads};

/// Brings the facts of a catalogue to the epochs that HQ publishes.
#[derive(Debug, Clone)]
pub struct Follower {
    facts: Facts,
    fetcher: Fetcher,
    catalogue: Label,
}

/// What there is of a catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// The epoch that is held, and what it added up to when it was taken.
    pub held: HeldEpoch,
    /// What its facts add up to now.
    pub observed: Digest,
}

impl Follower {
    /// A follower of one catalogue. Files come into a folder of its own below the fetcher's, and go
    /// again.
    #[must_use]
    pub fn new(facts: Facts, fetcher: Fetcher, catalogue: Label) -> Self {
        let fetcher = fetcher.below(catalogue.as_str());
        Self { facts, fetcher, catalogue }
    }

    /// The catalogue.
    #[must_use]
    pub fn catalogue(&self) -> &Label {
        &self.catalogue
    }

    /// What is held now. Blocks on the disk.
    pub fn look(&self) -> Result<Option<Followed>, FactsFailure> {
        let Some(held) = self.facts.held_epoch(self.catalogue.as_str())? else { return Ok(None) };
        let observed = Digest(self.facts.observed(self.catalogue.as_str(), &add_up)?);
        Ok(Some(Followed { held, observed }))
    }

    /// Takes the epoch of a head that was verified; `false` where it is held already.
    pub async fn follow(
        &self,
        head: &FactsHead,
        clock: Clock,
        cancel: &CancellationToken,
    ) -> Result<bool, FactsFailure> {
        let held = self.facts.held_epoch(self.catalogue.as_str())?;
        if !is_new(head, held, clock)? {
            return Ok(false);
        }
        let digest = digest_of_path(&head.path)?;
        let bytes = self.fetcher.bytes(digest, limits::MAX_INDEX_BYTES, cancel).await?;
        let index = FactsIndex::parse(&bytes)?;
        if (index.epoch, index.root) != (head.epoch, head.root) {
            return Err(FactsFailure::Index);
        }
        let (artefact, way) = index.way_from(held.map(|held| held.epoch));
        let taken = self.take(&index, artefact, way, held, cancel).await;
        match taken {
            Err(error) if way == Way::Delta && error.whole_may_help() => {
                tracing::warn!(%error, "changes of facts were of no use; everything is fetched");
                self.take(&index, &index.whole, Way::Whole, held, cancel).await?;
            }
            taken => taken?,
        }
        Ok(true)
    }

    async fn take(
        &self,
        index: &FactsIndex,
        artefact: &Artefact,
        way: Way,
        held: Option<HeldEpoch>,
        cancel: &CancellationToken,
    ) -> Result<(), FactsFailure> {
        // What was not brought to its end before is of no use once another file is wanted.
        let (fetcher, wanted) = (self.fetcher.clone(), BTreeSet::from([artefact.digest]));
        off_the_threads(move || fetcher.keep_only(&wanted)).await?;
        let path = match self.fetcher.file(artefact, &free, cancel).await {
            Ok(path) => path,
            Err(error @ (FetchError::Refused { .. } | FetchError::Wrong)) => {
                self.fetcher.forget(artefact.digest)?;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        };
        let extent = match (way, held) {
            (Way::Delta, Some(held)) => Extent::Since(held.epoch),
            _ => Extent::Whole,
        };
        let catalogue = self.catalogue.as_str().parse().map_err(|error| {
            FactsFailure::Fact(format!("the catalogue {}: {error}", self.catalogue))
        })?;
        let (epoch, root) = (index.epoch, index.root.0);
        let publication = Publication { catalogue, epoch, root, extent };
        let (this, digest) = (self.clone(), artefact.digest);
        let applied = tokio::task::spawn_blocking(move || {
            let applied = this.apply(&path, &publication);
            // Right or wrong, it is of no more use, unless only the disk had no room for it.
            if !applied.as_ref().is_err_and(FactsFailure::may_pass) {
                this.fetcher.forget(digest)?;
            }
            applied
        });
        let ended = |error: tokio::task::JoinError| FactsFailure::Fact(error.to_string());
        applied.await.map_err(ended)?
    }

    fn apply(&self, path: &std::path::Path, publication: &Publication) -> Result<(), FactsFailure> {
        let file = File::open(path).map_err(|source| FetchError::disk("reading", path, source))?;
        let most = self.facts.config().max_batch_bytes;
        let mut staged = self.facts.stage()?;
        for change in ChangeReader::new(file, most)? {
            staged.push(&parse(&change?)?).map_err(|error| match error {
                error @ FactsError::Disk { .. } => FactsFailure::Facts(error),
                error => FactsFailure::Fact(error.to_string()),
            })?;
        }
        let published = staged.publish(publication, UnixSeconds::now(), &add_up);
        match published {
            Err(PublishError::Root { epoch, .. }) if publication.extent == Extent::Whole => {
                Err(FactsFailure::Root { epoch })
            }
            published => {
                published?;
                Ok(())
            }
        }
    }
}

/// Facts are little, and a wrong price is worse than a byte over the budget.
fn free(_: u64) -> Result<(), Hold> {
    Ok(())
}

/// Whether a head names an epoch that is to be taken.
fn is_new(head: &FactsHead, held: Option<HeldEpoch>, clock: Clock) -> Result<bool, FactsFailure> {
    if let Some(held) = held {
        if held.epoch > head.epoch {
            return Err(FactsFailure::Older { given: head.epoch, held: held.epoch });
        }
        if held.epoch == head.epoch {
            let same = held.root == head.root.0;
            let contradiction = FactsFailure::Contradiction { epoch: head.epoch };
            return if same { Ok(false) } else { Err(contradiction) };
        }
    }
    let Clock::Known(now) = clock else { return Err(FactsFailure::Clock) };
    if head.expires.is_some_and(|expires| now >= expires) {
        return Err(FactsFailure::Expired);
    }
    Ok(true)
}

fn parse(change: &FactChange) -> Result<Change, FactsFailure> {
    let refused = |error: &dyn std::fmt::Display| FactsFailure::Fact(error.to_string());
    match change {
        FactChange::Put { table, id, fact } => {
            let table: Table = table.parse().map_err(|error| refused(&error))?;
            let fact = Fact::parse(table, fact.as_bytes())
                .map_err(|fault| FactsFailure::Fact(format!("{table}:{}: {fault}", &**id)))?;
            let id = id.parse().map_err(|error| refused(&error))?;
            Ok(Change::Put { id, fact, source: None })
        }
        FactChange::Remove { table, id } => {
            let table: Table = table.parse().map_err(|error| refused(&error))?;
            let id = FactId::new(table, id).map_err(|error| refused(&error))?;
            Ok(Change::Delete { id, source: None })
        }
    }
}

/// The root of published facts.
fn add_up(
    facts: &mut dyn Iterator<Item = Result<PublishedFact, FactsError>>,
) -> Result<[u8; 32], FactsError> {
    let leaves = facts.map(|fact| {
        let PublishedFact { id, digest } = fact?;
        let (table, id) = (id.table.as_str().into(), id.id.as_str().into());
        Ok(Leaf { table, id, digest: Digest(digest) })
    });
    root::<Sum>(leaves).map(|root| root.0).map_err(|Sum(error)| error)
}

/// An error while facts are added up.
struct Sum(FactsError);

impl From<FactsError> for Sum {
    fn from(error: FactsError) -> Self {
        Self(error)
    }
}

impl From<Unordered> for Sum {
    fn from(error: Unordered) -> Self {
        Self(FactsError::Broken { path: "facts.redb".into(), why: error.to_string() })
    }
}
