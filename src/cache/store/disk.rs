//! The tables of the file, and what they hold.

use std::io::ErrorKind;
use std::path::Path;

use super::row::{self, RowReader};
use super::{Change, Kept, Work};
use crate::cache::entry::Tally;
use crate::cache::{Event, Events, Key};
use redb::{
    Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction,
};

/// Changes whenever a value is written in another way; what is of another form is dropped.
const FORM: &[u8] = b"2";
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
/// In the table of what belongs to no entry.
const WATCHED: &str = "watched";
const HEADS: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("heads");
/// How often entries were asked for and when last, where that has changed since they were written.
const TALLIES: TableDefinition<&[u8; 32], (u32, u64)> = TableDefinition::new("tallies");
const BODIES: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("bodies");
/// Memory that the library may keep pages in: what is read often is kept by ourselves.
const PAGES_BYTES: usize = 8 << 20;
/// Values above it have pages of their own.
const SHARED_PAGE_BYTES: u64 = 2048;
const PAGE_BYTES: u64 = 4096;

/// Why answers cannot be kept on disk.
#[derive(Debug, thiserror::Error)]
pub(in crate::cache) enum StoreError {
    /// The library could not read or write the file.
    #[error("the file of kept answers")]
    File(#[source] Box<redb::Error>),
    /// A value is not in the form it should have.
    #[error("a value in the file of kept answers")]
    Value(#[from] postcard::Error),
    /// A fact has a name that there is none of.
    #[error("the name `{0}` in the file of kept answers")]
    Name(String),
    /// An unreadable file cannot be removed.
    #[error("removing the unreadable file of kept answers")]
    Remove(#[source] std::io::Error),
}

impl StoreError {
    /// Whether the file itself is no good, and not the way to it.
    pub(in crate::cache) fn is_damage(&self) -> bool {
        match self {
            Self::Value(_) | Self::Name(_) => true,
            Self::Remove(_) => false,
            Self::File(error) => match &**error {
                // A file of another kind, or one that a power cut kept from being made.
                redb::Error::Io(error) => error.kind() == ErrorKind::InvalidData,
                redb::Error::Corrupted(_)
                | redb::Error::UpgradeRequired(_)
                | redb::Error::TableTypeMismatch { .. }
                | redb::Error::TypeDefinitionChanged { .. } => true,
                _ => false,
            },
        }
    }
}

macro_rules! from_library {
    ($($error:ty),*) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::File(Box::new(error.into()))
            }
        })*
    };
}
from_library!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

/// The file.
pub(in crate::cache) struct Disk(Database);

impl Disk {
    pub(in crate::cache) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self(Self::builder().create(path)?))
    }

    /// In the place of a file, whatever holds bytes.
    #[cfg(test)]
    pub(in crate::cache) fn with_backend(
        backend: impl redb::StorageBackend,
    ) -> Result<Self, StoreError> {
        Ok(Self(Self::builder().create_with_backend(backend)?))
    }

    fn builder() -> redb::Builder {
        let mut builder = Database::builder();
        builder.set_cache_size(PAGES_BYTES);
        builder
    }

    /// Every entry, where the file is of this form; otherwise it is emptied.
    pub(in crate::cache) fn take_up(&self) -> Result<Vec<Kept>, StoreError> {
        if self.is_of_this_form()? {
            return self.heads();
        }
        let write = self.begin()?;
        write.delete_table(HEADS)?;
        write.delete_table(BODIES)?;
        write.delete_table(TALLIES)?;
        {
            let mut meta = write.open_table(META)?;
            meta.insert("form", FORM)?;
            write.open_table(HEADS)?;
            write.open_table(BODIES)?;
            write.open_table(TALLIES)?;
        }
        write.commit()?;
        Ok(Vec::new())
    }

    fn is_of_this_form(&self) -> Result<bool, StoreError> {
        let read = self.0.begin_read()?;
        let meta = match read.open_table(META) {
            Ok(meta) => meta,
            Err(TableError::TableDoesNotExist(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let form = meta.get("form")?;
        Ok(form.is_some_and(|found| found.value() == FORM))
    }

    /// What the semantic tier saw of its hits, where that was kept.
    pub(in crate::cache) fn watched(&self) -> Option<Vec<u8>> {
        let meta = self.0.begin_read().ok()?.open_table(META).ok()?;
        meta.get(WATCHED).ok()?.map(|found| found.value().to_vec())
    }

    fn heads(&self) -> Result<Vec<Kept>, StoreError> {
        let read = self.0.begin_read()?;
        let table = read.open_table(HEADS)?;
        let tallies = read.open_table(TALLIES)?;
        let (mut kept, mut reader) = (Vec::new(), RowReader::default());
        for row in table.iter()? {
            let (key, value) = row?;
            kept.push(reader.entry(Key::from_bytes(*key.value()), value.value())?);
        }
        // Both tables are in the order of keys; not every entry has been counted.
        let mut entries = kept.iter_mut();
        for row in tallies.iter()? {
            let (key, value) = row?;
            let (asked, last_ms) = value.value();
            let found = entries.find(|entry| entry.head.key.bytes() >= key.value());
            if let Some(entry) = found.filter(|entry| entry.head.key.bytes() == key.value()) {
                entry.tally = Tally::new(asked, last_ms);
            }
        }
        Ok(kept)
    }

    pub(super) fn read(&self, key: &Key) -> Result<Option<Events>, StoreError> {
        let read = self.0.begin_read()?;
        let table = read.open_table(BODIES)?;
        let Some(value) = table.get(key.bytes())? else { return Ok(None) };
        let events: Vec<Event> = postcard::from_bytes(value.value())?;
        Ok(Some(events.into()))
    }

    /// Writes all changes or none; answers with key, time and bytes on disk of what is kept.
    pub(super) fn write(&self, work: &Work) -> Result<Vec<(Key, u64, u64)>, StoreError> {
        let write = self.begin()?;
        if let Some(watched) = work.watched.as_deref() {
            write.open_table(META)?.insert(WATCHED, watched)?;
        }
        if work.clear {
            write.delete_table(HEADS)?;
            write.delete_table(BODIES)?;
            write.delete_table(TALLIES)?;
        }
        let mut stored = Vec::new();
        {
            let (mut heads, mut bodies) = (write.open_table(HEADS)?, write.open_table(BODIES)?);
            let mut tallies = write.open_table(TALLIES)?;
            for (key, change) in &work.changes {
                match change {
                    Change::Drop => {
                        heads.remove(key.bytes())?;
                        bodies.remove(key.bytes())?;
                        tallies.remove(key.bytes())?;
                    }
                    Change::Keep { head, events, tally, meaning } => {
                        let body = postcard::to_stdvec(&**events)?;
                        let meaning = meaning.as_deref();
                        let bytes = room_of(body.len()) + meaning.map_or(0, <[u8]>::len) as u64;
                        let row = row::written(head, tally, bytes, meaning)?;
                        heads.insert(key.bytes(), row.as_slice())?;
                        bodies.insert(key.bytes(), body.as_slice())?;
                        tallies.remove(key.bytes())?;
                        stored.push((*key, head.made_ms, bytes));
                    }
                }
            }
            for (key, count) in &work.counts {
                if heads.get(key.bytes())?.is_some() {
                    tallies.insert(key.bytes(), *count)?;
                }
            }
        }
        write.commit()?;
        Ok(stored)
    }

    pub(super) fn database(&self) -> &Database {
        &self.0
    }

    pub(super) fn begin(&self) -> Result<WriteTransaction, StoreError> {
        let mut write = self.0.begin_write()?;
        // A start after a power cut then need not read the whole file.
        write.set_quick_repair(true);
        Ok(write)
    }
}

/// What a value takes on disk: large ones have a power of two of pages, small ones share a page
/// that is two thirds full.
pub(in crate::cache) fn room_of(bytes: usize) -> u64 {
    let bytes = bytes as u64 + 256;
    if bytes <= SHARED_PAGE_BYTES {
        bytes * 3 / 2
    } else {
        bytes.max(PAGE_BYTES).next_power_of_two()
    }
}
