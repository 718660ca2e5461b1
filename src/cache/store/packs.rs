//! Packs in the file: which there are, and their answers by the digest of their bytes.
//!
//! Two packs are kept at most: the one whose answers are given, and the one before it, so that going
//! back needs nobody. What both have is there once. A change is one transaction.

use std::collections::HashSet;

use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::disk::{Disk, room_of};

/// By [`Slot`].
const PACKS: TableDefinition<&str, &[u8]> = TableDefinition::new("packs");
const ENTRIES: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("pack_entries");
/// Entries that somebody purged here: they are not given again, whichever pack has them.
const PURGED: TableDefinition<&[u8; 32], ()> = TableDefinition::new("pack_purged");

/// One entry of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cache) struct PackRow {
    /// SHA-256 of its bytes.
    pub(in crate::cache) digest: [u8; 32],
    pub(in crate::cache) size_bytes: u32,
    /// Its answer's key; none where the entry cannot be read or had no room.
    pub(in crate::cache) key: Option<[u8; 32]>,
    /// What its question means, in the form of the semantic tier.
    pub(in crate::cache) meaning: Option<Vec<u8>>,
    pub(in crate::cache) is_store: bool,
}

/// A pack as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cache) struct PackSet {
    /// SHA-256 of its index.
    pub(in crate::cache) digest: [u8; 32],
    pub(in crate::cache) epoch: u64,
    pub(in crate::cache) name: Option<String>,
    /// In the order of the index.
    pub(in crate::cache) rows: Vec<PackRow>,
}

impl PackSet {
    /// Entries whose bytes are kept.
    pub(in crate::cache) fn kept(&self) -> impl Iterator<Item = &PackRow> {
        self.rows.iter().filter(|row| row.key.is_some())
    }

    /// What its entries take on disk.
    pub(in crate::cache) fn disk_bytes(&self) -> u64 {
        self.kept().map(|row| room_of(row.size_bytes as usize)).sum()
    }
}

/// Both packs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::cache) struct PackSets {
    pub(in crate::cache) current: Option<PackSet>,
    pub(in crate::cache) previous: Option<PackSet>,
}

impl PackSets {
    fn digests(&self) -> HashSet<[u8; 32]> {
        let sets = self.current.iter().chain(&self.previous);
        sets.flat_map(|set| set.kept().map(|row| row.digest)).collect()
    }
}

impl Disk {
    /// The packs that there are.
    pub(in crate::cache) fn packs(&self) -> Result<PackSets, StoreError> {
        let read = self.database().begin_read()?;
        let table = match read.open_table(PACKS) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(PackSets::default()),
            Err(error) => return Err(error.into()),
        };
        let set = |slot| -> Result<Option<PackSet>, StoreError> {
            let Some(value) = table.get(slot)? else { return Ok(None) };
            Ok(Some(postcard::from_bytes(value.value())?))
        };
        Ok(PackSets { current: set("current")?, previous: set("previous")? })
    }

    /// Entries that somebody purged.
    pub(in crate::cache) fn purged_of_packs(&self) -> Result<HashSet<[u8; 32]>, StoreError> {
        let read = self.database().begin_read()?;
        let table = match read.open_table(PURGED) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(HashSet::new()),
            Err(error) => return Err(error.into()),
        };
        table.iter()?.map(|row| Ok(*row?.0.value())).collect()
    }

    /// The bytes of an entry.
    pub(in crate::cache) fn pack_entry(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.database().begin_read()?;
        let table = match read.open_table(ENTRIES) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(table.get(digest)?.map(|value| value.value().to_vec()))
    }

    /// Makes these the packs, with what is new of their entries, and forgets all others; all or
    /// nothing.
    pub(in crate::cache) fn put_packs<E: From<StoreError>>(
        &self,
        fill: impl FnOnce(&mut PackEntries<'_>) -> Result<PackSets, E>,
    ) -> Result<PackSets, E> {
        let write = self.begin().map_err(E::from)?;
        let sets = fill(&mut PackEntries::of(&write).map_err(E::from)?)?;
        keep_only(&write, &sets).map_err(E::from)?;
        write.commit().map_err(|error| E::from(error.into()))?;
        Ok(sets)
    }

    /// Notes that these entries were purged.
    pub(in crate::cache) fn purge_of_packs(&self, digests: &[[u8; 32]]) -> Result<(), StoreError> {
        let write = self.begin()?;
        {
            let mut table = write.open_table(PURGED)?;
            for digest in digests {
                table.insert(digest, ())?;
            }
        }
        Ok(write.commit()?)
    }
}

/// Writes which packs there are, and removes what none of them has.
fn keep_only(write: &WriteTransaction, sets: &PackSets) -> Result<(), StoreError> {
    let kept = sets.digests();
    write.open_table(ENTRIES)?.retain(|digest, _| kept.contains(digest))?;
    write.open_table(PURGED)?.retain(|digest, ()| kept.contains(digest))?;
    let mut packs = write.open_table(PACKS)?;
    for (slot, set) in [("current", &sets.current), ("previous", &sets.previous)] {
        match set {
            Some(set) => packs.insert(slot, &*postcard::to_stdvec(set)?)?,
            None => packs.remove(slot)?,
        };
    }
    Ok(())
}

/// The entries while packs change.
pub(in crate::cache) struct PackEntries<'a>(redb::Table<'a, &'static [u8; 32], &'static [u8]>);

impl<'a> PackEntries<'a> {
    fn of(write: &'a WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self(write.open_table(ENTRIES)?))
    }

    /// Takes an entry.
    pub(in crate::cache) fn insert(
        &mut self,
        digest: &[u8; 32],
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.0.insert(digest, bytes)?;
        Ok(())
    }

    /// An entry that is there.
    pub(in crate::cache) fn get(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(digest)?.map(|value| value.value().to_vec()))
    }
}
