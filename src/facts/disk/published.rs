//! What headquarters have published, beside the facts themselves.

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition};

use super::{Disk, Session};
use crate::facts::error::FactsError;
use crate::facts::label::Id;
use crate::facts::name::{FactId, Revision};
use crate::facts::publication::{Extent, HeldEpoch, Publication, PublishedFact, StampedLeaf, Sum};

/// By catalogue, table's name and id: the digest of the fact's JSON, the revision of the row
/// that has that value, and the generation in which it was last among everything.
const PUBLISHED: TableDefinition<(&str, &str, &str), Leaf> = TableDefinition::new("published");
/// By catalogue: its epoch, what its facts add up to, and its generation.
const EPOCHS: TableDefinition<&str, ([u8; 32], u64, u64)> = TableDefinition::new("epochs");

type Leaf = ([u8; 32], u64, u64);
type Entry<'a> = Result<
    (
        redb::AccessGuard<'a, (&'static str, &'static str, &'static str)>,
        redb::AccessGuard<'a, Leaf>,
    ),
    redb::StorageError,
>;

/// A catalogue as it is being changed.
pub(in crate::facts) struct Published<'s> {
    session: &'s Session<'s>,
    table: Table<'s, (&'static str, &'static str, &'static str), Leaf>,
    catalogue: Id,
    held: Option<HeldEpoch>,
    generation: u64,
    max_facts: u64,
    whole: bool,
}

impl<'a> Session<'a> {
    /// Begins to change what is published.
    pub(in crate::facts) fn published<'s>(
        &'s self,
        publication: &Publication,
        max_facts: usize,
    ) -> Result<Published<'s>, FactsError>
    where
        'a: 's,
    {
        let epochs = self.transaction.open_table(EPOCHS).map_err(|error| self.failed(error))?;
        let catalogue = publication.catalogue.clone();
        let row = epochs.get(catalogue.as_str()).map_err(|error| self.failed(error))?;
        let row = row.map(|row| row.value());
        let whole = publication.extent == Extent::Whole;
        let generation = row.map_or(0, |(_, _, generation)| generation) + u64::from(whole);
        let table = self.transaction.open_table(PUBLISHED).map_err(|error| self.failed(error))?;
        Ok(Published {
            session: self,
            table,
            catalogue,
            held: row.map(|(root, epoch, _)| HeldEpoch { epoch, root }),
            generation,
            max_facts: max_facts as u64,
            whole,
        })
    }
}

impl Published<'_> {
    /// What was held before.
    pub(in crate::facts) fn held(&self) -> Option<HeldEpoch> {
        self.held
    }

    /// What is known of a fact.
    pub(in crate::facts) fn known(&self, id: &FactId) -> Result<Option<StampedLeaf>, FactsError> {
        let key = (self.catalogue.as_str(), id.table.as_str(), id.id.as_str());
        let known = self.table.get(key).map_err(|error| self.session.failed(error))?;
        Ok(known.map(|known| {
            let (digest, revision, _) = known.value();
            StampedLeaf { id: id.clone(), digest, revision: Revision(revision) }
        }))
    }

    /// Notes a fact, and the revision of the row that has headquarters' value.
    pub(in crate::facts) fn note(
        &mut self,
        id: &FactId,
        digest: [u8; 32],
        revision: Revision,
    ) -> Result<(), FactsError> {
        let Self { session, table, catalogue, .. } = self;
        let key = (catalogue.as_str(), id.table.as_str(), id.id.as_str());
        table
            .insert(key, (digest, revision.0, self.generation))
            .map_err(|error| session.failed(error))?;
        let given = table.len().map_err(|error| session.failed(error))?;
        if given > self.max_facts {
            let (id, unit, setting) = (id.clone(), "published facts", "max_facts");
            return Err(FactsError::Limit { id, given, unit, limit: self.max_facts, setting });
        }
        Ok(())
    }

    /// Forgets a fact; tells whether it was known.
    pub(in crate::facts) fn remove(&mut self, id: &FactId) -> Result<bool, FactsError> {
        let key = (self.catalogue.as_str(), id.table.as_str(), id.id.as_str());
        let gone = self.table.remove(key).map_err(|error| self.session.failed(error))?;
        Ok(gone.is_some())
    }

    /// Forgets and gives what was published before and is not among everything.
    pub(in crate::facts) fn left_over(&mut self) -> Result<Vec<FactId>, FactsError> {
        let mut gone = Vec::new();
        if !self.whole {
            return Ok(gone);
        }
        for entry in self.range()? {
            let (key, leaf) = entry.map_err(|error| self.session.failed(error))?;
            if key.value().0 != self.catalogue.as_str() {
                break;
            }
            if leaf.value().2 != self.generation {
                gone.push(fact_id(key.value()).map_err(|why| self.session.broken(why))?);
            }
        }
        for id in &gone {
            self.remove(id)?;
        }
        Ok(gone)
    }

    fn range(
        &self,
    ) -> Result<redb::Range<'_, (&'static str, &'static str, &'static str), Leaf>, FactsError> {
        let range = self.table.range((self.catalogue.as_str(), "", "")..);
        range.map_err(|error| self.session.failed(error))
    }

    /// Adds all of the catalogue up.
    pub(in crate::facts) fn sum(&self, sum: Sum<'_>) -> Result<[u8; 32], FactsError> {
        let failed = |error: redb::StorageError| self.session.failed(error);
        let broken = |why: String| self.session.broken(why);
        let leaves = leaves(self.range()?, self.catalogue.as_str(), &failed, &broken);
        sum(&mut leaves
            .map(|leaf| leaf.map(|StampedLeaf { id, digest, .. }| PublishedFact { id, digest })))
    }

    /// Notes that the epoch is held.
    pub(in crate::facts) fn keep(&self, publication: &Publication) -> Result<(), FactsError> {
        let failed = |error: redb::Error| self.session.failed(error);
        let mut epochs =
            self.session.transaction.open_table(EPOCHS).map_err(|error| failed(error.into()))?;
        let row = (publication.root, publication.epoch, self.generation);
        epochs.insert(self.catalogue.as_str(), row).map_err(|error| failed(error.into()))?;
        Ok(())
    }
}

impl Disk {
    /// The epoch of a catalogue that is held.
    pub(in crate::facts) fn held_epoch(
        &self,
        catalogue: &str,
    ) -> Result<Option<HeldEpoch>, FactsError> {
        let epochs = match self.read()?.open_table(EPOCHS) {
            Ok(epochs) => epochs,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let row = epochs.get(catalogue).map_err(|error| self.failed(error))?;
        Ok(row.map(|row| HeldEpoch { root: row.value().0, epoch: row.value().1 }))
    }

    /// Reads all that is published of a catalogue.
    pub(in crate::facts) fn published<T>(
        &self,
        catalogue: &str,
        read: impl FnOnce(
            &mut dyn Iterator<Item = Result<StampedLeaf, FactsError>>,
        ) -> Result<T, FactsError>,
    ) -> Result<T, FactsError> {
        let transaction: ReadTransaction = self.read()?;
        let table = match transaction.open_table(PUBLISHED) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return read(&mut std::iter::empty()),
            Err(error) => return Err(self.failed(error)),
        };
        let range = table.range((catalogue, "", "")..).map_err(|error| self.failed(error))?;
        let failed = |error: redb::StorageError| self.failed(error);
        let broken = |why: String| self.broken(why);
        read(&mut leaves(range, catalogue, &failed, &broken))
    }
}

fn leaves<'r>(
    range: impl Iterator<Item = Entry<'r>>,
    catalogue: &str,
    failed: &dyn Fn(redb::StorageError) -> FactsError,
    broken: &dyn Fn(String) -> FactsError,
) -> impl Iterator<Item = Result<StampedLeaf, FactsError>> {
    range
        .take_while(move |entry| entry.as_ref().map_or(true, |(key, _)| key.value().0 == catalogue))
        .map(move |entry| {
            let (key, leaf) = entry.map_err(failed)?;
            let (digest, revision, _) = leaf.value();
            let id = fact_id(key.value()).map_err(broken)?;
            Ok(StampedLeaf { id, digest, revision: Revision(revision) })
        })
}

fn fact_id((_, table, id): (&str, &str, &str)) -> Result<FactId, String> {
    let table = table.parse().map_err(|error: crate::facts::ParseTableError| error.to_string())?;
    FactId::new(table, id).map_err(|error| error.to_string())
}
