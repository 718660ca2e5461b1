//! One write transaction.

use std::path::Path;

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::{
    ANSWERED, ANSWERS, CHANGES, GROUPS, HEARD, HISTORY, META, REPLACED, ROWS, SCHEMA, StoredChange,
    failed, number, parse_row, row_json, table_of,
};
use crate::facts::batch::{Idempotency, Written};
use crate::facts::changes::{Event, EventKind};
use crate::facts::error::FactsError;
use crate::facts::name::{Collection, FactId, Name, Revision, Table};
use crate::facts::state::{Kept, Row, State};
use crate::facts::time::UnixSeconds;

/// Keys of requests that may come again are known this long, and at most so many of them.
const ANSWERS_S: i64 = 24 * 3600;
const MAX_ANSWERS: u64 = 10_000;

/// One write transaction: all that it did, or nothing.
pub(in crate::facts) struct Session<'a> {
    path: &'a Path,
    pub(super) transaction: WriteTransaction,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct StoredAnswer {
    digest: [u8; 32],
    written: Written,
}

impl<'a> Session<'a> {
    pub(super) fn new(path: &'a Path, transaction: WriteTransaction) -> Self {
        Self { path, transaction }
    }

    /// Begins a store.
    pub(super) fn create(&self, origin: u64) -> Result<(), FactsError> {
        self.set_meta(&[("schema", SCHEMA), ("origin", origin)])?;
        self.touch_tables()
    }

    /// Makes every table, so that readers find them.
    fn touch_tables(&self) -> Result<(), FactsError> {
        self.transaction.open_table(ROWS).map_err(|error| self.failed(error))?;
        self.transaction.open_table(GROUPS).map_err(|error| self.failed(error))?;
        self.transaction.open_table(HEARD).map_err(|error| self.failed(error))?;
        self.transaction.open_table(CHANGES).map_err(|error| self.failed(error))?;
        self.transaction.open_table(HISTORY).map_err(|error| self.failed(error))?;
        self.transaction.open_table(REPLACED).map_err(|error| self.failed(error))?;
        self.transaction.open_table(ANSWERS).map_err(|error| self.failed(error))?;
        self.transaction.open_table(ANSWERED).map_err(|error| self.failed(error))?;
        Ok(())
    }

    fn set_meta(&self, values: &[(&str, u64)]) -> Result<(), FactsError> {
        let mut meta = self.transaction.open_table(META).map_err(|error| self.failed(error))?;
        for (name, value) in values {
            meta.insert(name, value).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// What the request of this key was answered, where it came before.
    pub(in crate::facts) fn answer(
        &self,
        asked: &Idempotency,
    ) -> Result<Option<Written>, FactsError> {
        let answers = self.transaction.open_table(ANSWERS).map_err(|error| self.failed(error))?;
        let Some(found) = answers.get(asked.key.as_str()).map_err(|error| self.failed(error))?
        else {
            return Ok(None);
        };
        let stored: StoredAnswer = serde_json::from_slice(found.value())
            .map_err(|error| self.broken(format!("an answer: {error}")))?;
        if stored.digest != asked.digest {
            return Err(FactsError::KeyReused);
        }
        Ok(Some(Written { replayed: true, ..stored.written }))
    }

    /// Keeps what a request was answered, and forgets old ones.
    pub(in crate::facts) fn keep_answer(
        &self,
        asked: &Idempotency,
        written: Written,
        now: UnixSeconds,
    ) -> Result<(), FactsError> {
        let mut answers =
            self.transaction.open_table(ANSWERS).map_err(|error| self.failed(error))?;
        let mut answered =
            self.transaction.open_table(ANSWERED).map_err(|error| self.failed(error))?;
        let stored = StoredAnswer { digest: asked.digest, written };
        let json = serde_json::to_vec(&stored).map_err(|error| self.broken(error))?;
        answers.insert(asked.key.as_str(), json.as_slice()).map_err(|error| self.failed(error))?;
        answered.insert((now.0, asked.key.as_str()), ()).map_err(|error| self.failed(error))?;
        loop {
            let many = answers.len().map_err(|error| self.failed(error))? > MAX_ANSWERS;
            let oldest = answered.first().map_err(|error| self.failed(error))?;
            let Some(key) = oldest.map(|(key, _)| (key.value().0, key.value().1.to_owned())) else {
                return Ok(());
            };
            if !many && key.0 > now.0 - ANSWERS_S {
                return Ok(());
            }
            answered.remove((key.0, key.1.as_str())).map_err(|error| self.failed(error))?;
            answers.remove(key.1.as_str()).map_err(|error| self.failed(error))?;
        }
    }

    /// Keeps rows as they are now, and as they were before in the history.
    pub(in crate::facts) fn keep(&self, kept: &[Kept]) -> Result<(), FactsError> {
        let mut rows = self.transaction.open_table(ROWS).map_err(|error| self.failed(error))?;
        let mut groups = self.transaction.open_table(GROUPS).map_err(|error| self.failed(error))?;
        let mut history =
            self.transaction.open_table(HISTORY).map_err(|error| self.failed(error))?;
        let mut replaced =
            self.transaction.open_table(REPLACED).map_err(|error| self.failed(error))?;
        for Kept { id, row, before, names } in kept {
            let json = row_json(row).map_err(|error| self.broken(error))?;
            let (table, key) = (number(id.table), id.id.as_str());
            rows.insert((table, key), json.as_slice()).map_err(|error| self.failed(error))?;
            let (now, revision) = (row.written.0, row.revision.0);
            let changed = !names.is_empty();
            if let Some(before) = before.as_ref().filter(|_| changed) {
                let was = before.revision.0;
                let json = row_json(before).map_err(|error| self.broken(error))?;
                history
                    .insert((table, key, was), json.as_slice())
                    .map_err(|error| self.failed(error))?;
                replaced
                    .insert((now, revision), (table, key, was))
                    .map_err(|error| self.failed(error))?;
            } else if changed && row.fact.is_none() {
                replaced
                    .insert((now, revision), (table, key, revision))
                    .map_err(|error| self.failed(error))?;
            }
            for name in names {
                if let Name::Collection(collection) = name {
                    groups
                        .insert(collection.as_str(), revision)
                        .map_err(|error| self.failed(error))?;
                }
            }
        }
        Ok(())
    }

    /// Keeps what is true of the store as a whole.
    pub(in crate::facts) fn keep_store(&self, state: &State) -> Result<(), FactsError> {
        self.set_meta(&[("revision", state.revision.0), ("floor", state.floor.0)])?;
        let mut heard = self.transaction.open_table(HEARD).map_err(|error| self.failed(error))?;
        for table in Table::ALL {
            if let Some(at) = state.heard(table) {
                heard.insert(number(table), at.0).map_err(|error| self.failed(error))?;
            }
        }
        Ok(())
    }

    /// Keeps changes, and forgets those up to a revision.
    pub(in crate::facts) fn keep_changes<'e>(
        &self,
        events: impl Iterator<Item = &'e Event>,
        oldest: Revision,
    ) -> Result<(), FactsError> {
        self.set_meta(&[("oldest", oldest.0)])?;
        let mut changes =
            self.transaction.open_table(CHANGES).map_err(|error| self.failed(error))?;
        changes.retain_in(..=oldest.0, |_, _| false).map_err(|error| self.failed(error))?;
        for event in events.filter(|event| event.revision > oldest) {
            let FactId { table, id } = event.id.clone();
            let gone = event.kind == EventKind::Delete;
            let stored = StoredChange { table, id, gone, names: event.names.to_vec() };
            let json = serde_json::to_vec(&stored).map_err(|error| self.broken(error))?;
            changes
                .insert(event.revision.0, json.as_slice())
                .map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Forgets old values that were replaced before a moment, or are more than are to be kept, at
    /// most `limit` of them; gives the ids of
    /// facts that were deleted before it and are not there again, with the revision of that.
    pub(in crate::facts) fn forget(
        &self,
        before: UnixSeconds,
        keep: u64,
        limit: usize,
    ) -> Result<Forgotten, FactsError> {
        let mut rows = self.transaction.open_table(ROWS).map_err(|error| self.failed(error))?;
        let mut history =
            self.transaction.open_table(HISTORY).map_err(|error| self.failed(error))?;
        let mut replaced =
            self.transaction.open_table(REPLACED).map_err(|error| self.failed(error))?;
        let mut forgotten = Forgotten::default();
        while forgotten.values < limit {
            let Some((key, value)) = replaced.first().map_err(|error| self.failed(error))? else {
                break;
            };
            let ((at, revision), (table, id, was)) = (key.value(), value.value());
            if at >= before.0 && replaced.len().map_err(|error| self.failed(error))? <= keep {
                break;
            }
            let id = id.to_owned();
            drop((key, value));
            replaced.remove((at, revision)).map_err(|error| self.failed(error))?;
            history.remove((table, id.as_str(), was)).map_err(|error| self.failed(error))?;
            forgotten.values += 1;
            if let Some(fact) = self.deleted(&rows, table, &id, revision)? {
                rows.remove((table, id.as_str())).map_err(|error| self.failed(error))?;
                forgotten.deleted.push((fact, Revision(revision)));
            }
        }
        Ok(forgotten)
    }

    /// The id of this row where it is that of a deletion of this revision.
    fn deleted(
        &self,
        rows: &redb::Table<'_, (u8, &'static str), &'static [u8]>,
        table: u8,
        id: &str,
        revision: u64,
    ) -> Result<Option<FactId>, FactsError> {
        let Some(found) = rows.get((table, id)).map_err(|error| self.failed(error))? else {
            return Ok(None);
        };
        let fact = table_of(table).and_then(|table| FactId::new(table, id).ok());
        let fact = fact.ok_or_else(|| self.broken(format!("{id} is no id")))?;
        let row: Row = parse_row(&fact, found.value()).map_err(|why| self.broken(why))?;
        let gone = row.fact.is_none() && row.revision.0 == revision;
        Ok(gone.then_some(fact))
    }

    /// Forgets collections.
    pub(in crate::facts) fn forget_groups(&self, names: &[Collection]) -> Result<(), FactsError> {
        let mut groups = self.transaction.open_table(GROUPS).map_err(|error| self.failed(error))?;
        for name in names {
            groups.remove(name.as_str()).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Makes it count: when this returns, it is on disk.
    pub(in crate::facts) fn commit(self) -> Result<(), FactsError> {
        let Self { path, transaction } = self;
        transaction.commit().map_err(|error| failed("writing", path, error.into()))
    }

    pub(super) fn failed(&self, error: impl Into<redb::Error>) -> FactsError {
        failed("writing", self.path, error.into())
    }

    pub(super) fn broken(&self, why: impl std::fmt::Display) -> FactsError {
        FactsError::Broken { path: self.path.to_owned(), why: why.to_string() }
    }
}

/// What was forgotten.
#[derive(Debug, Default)]
pub(in crate::facts) struct Forgotten {
    pub(in crate::facts) values: usize,
    pub(in crate::facts) deleted: Vec<(FactId, Revision)>,
}
