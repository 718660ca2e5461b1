//! Everything into memory, and old values for those who ask.

use redb::{ReadTransaction, ReadableDatabase, ReadableTable};

use super::{
    CHANGES, Disk, GROUPS, HEARD, HISTORY, META, ROWS, StoredChange, number, parse_row, table_of,
};
use crate::facts::changes::{Event, EventKind};
use crate::facts::error::FactsError;
use crate::facts::name::{Collection, FactId, Revision};
use crate::facts::state::{Row, State};
use crate::facts::time::UnixSeconds;

/// What was on disk.
pub(in crate::facts) struct Loaded {
    pub(in crate::facts) state: State,
    pub(in crate::facts) events: Vec<Event>,
    /// Changes up to this one are forgotten.
    pub(in crate::facts) oldest: Revision,
}

impl Disk {
    /// Reads everything.
    pub(in crate::facts) fn load(&self) -> Result<Loaded, FactsError> {
        let read = self.read()?;
        let meta = |name: &str| self.meta(&read, name);
        let origin = meta("origin")?.ok_or_else(|| self.broken("it has no origin"))?;
        let mut state = State::new(origin);
        state.revision = Revision(meta("revision")?.unwrap_or(0));
        state.floor = Revision(meta("floor")?.unwrap_or(0));
        self.load_rows(&read, &mut state)?;
        self.load_groups(&read, &mut state)?;
        self.load_heard(&read, &mut state)?;
        let oldest = Revision(meta("oldest")?.unwrap_or(0));
        Ok(Loaded { state, events: self.load_changes(&read)?, oldest })
    }

    /// A fact as it was at a revision, where that is known.
    pub(in crate::facts) fn past(
        &self,
        id: &FactId,
        revision: Revision,
    ) -> Result<Option<Row>, FactsError> {
        let history = self.read()?.open_table(HISTORY).map_err(|error| self.failed(error))?;
        let key = (number(id.table), id.id.as_str(), revision.0);
        let Some(found) = history.get(key).map_err(|error| self.failed(error))? else {
            return Ok(None);
        };
        parse_row(id, found.value()).map(Some).map_err(|why| self.broken(why))
    }

    /// Every value that a fact had and that is known, latest last.
    pub(in crate::facts) fn past_of(&self, id: &FactId) -> Result<Vec<Row>, FactsError> {
        let history = self.read()?.open_table(HISTORY).map_err(|error| self.failed(error))?;
        let (table, key) = (number(id.table), id.id.as_str());
        let range = history
            .range((table, key, 0)..=(table, key, u64::MAX))
            .map_err(|error| self.failed(error))?;
        let row = |entry: Result<_, redb::StorageError>| {
            let (_, value): (redb::AccessGuard<'_, (u8, &str, u64)>, redb::AccessGuard<'_, &[u8]>) =
                entry.map_err(|error| self.failed(error))?;
            parse_row(id, value.value()).map_err(|why| self.broken(why))
        };
        range.map(row).collect()
    }

    pub(super) fn read(&self) -> Result<ReadTransaction, FactsError> {
        self.database.begin_read().map_err(|error| self.failed(error))
    }

    fn meta(&self, read: &ReadTransaction, name: &str) -> Result<Option<u64>, FactsError> {
        let meta = read.open_table(META).map_err(|error| self.failed(error))?;
        Ok(meta.get(name).map_err(|error| self.failed(error))?.map(|value| value.value()))
    }

    fn load_rows(&self, read: &ReadTransaction, state: &mut State) -> Result<(), FactsError> {
        let rows = read.open_table(ROWS).map_err(|error| self.failed(error))?;
        for entry in rows.iter().map_err(|error| self.failed(error))? {
            let (key, value) = entry.map_err(|error| self.failed(error))?;
            let (table, id) = key.value();
            let table = table_of(table).ok_or_else(|| self.broken(format!("no table {table}")))?;
            let id = FactId::new(table, id).map_err(|error| self.broken(error))?;
            let row = parse_row(&id, value.value()).map_err(|why| self.broken(why))?;
            state.restore(&id, row);
        }
        Ok(())
    }

    fn load_groups(&self, read: &ReadTransaction, state: &mut State) -> Result<(), FactsError> {
        let groups = read.open_table(GROUPS).map_err(|error| self.failed(error))?;
        for entry in groups.iter().map_err(|error| self.failed(error))? {
            let (name, revision) = entry.map_err(|error| self.failed(error))?;
            let unknown = || self.broken(format!("no collection {}", name.value()));
            let collection = Collection::from_known(name.value()).ok_or_else(unknown)?;
            state.restore_group(&collection, Revision(revision.value()));
        }
        Ok(())
    }

    fn load_heard(&self, read: &ReadTransaction, state: &mut State) -> Result<(), FactsError> {
        let heard = read.open_table(HEARD).map_err(|error| self.failed(error))?;
        for entry in heard.iter().map_err(|error| self.failed(error))? {
            let (table, at) = entry.map_err(|error| self.failed(error))?;
            if let Some(table) = table_of(table.value()) {
                state.hear(table, UnixSeconds(at.value()));
            }
        }
        Ok(())
    }

    fn load_changes(&self, read: &ReadTransaction) -> Result<Vec<Event>, FactsError> {
        let changes = read.open_table(CHANGES).map_err(|error| self.failed(error))?;
        let event = |entry: Result<_, redb::StorageError>| {
            let (revision, value): (redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, &[u8]>) =
                entry.map_err(|error| self.failed(error))?;
            let stored: StoredChange = serde_json::from_slice(value.value())
                .map_err(|error| self.broken(format!("change {}: {error}", revision.value())))?;
            Ok(Event {
                revision: Revision(revision.value()),
                id: FactId { table: stored.table, id: stored.id },
                kind: if stored.gone { EventKind::Delete } else { EventKind::Put },
                names: stored.names.into(),
            })
        };
        changes.iter().map_err(|error| self.failed(error))?.map(event).collect()
    }
}
