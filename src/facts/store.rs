//! The shop's memory: one writer, any number of readers.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use tokio::sync::watch;

use super::attempt::Attempt;
use super::batch::{Batch, Change, Idempotency, Written};
use super::changes::{Changes, Event, Gone};
use super::config::FactsConfig;
use super::disk::{Disk, Loaded, Session};
use super::error::FactsError;
use super::fact::Fact;
use super::name::{FactId, Revision, Source, Table};
use super::past;
use super::reader::Reader;
use super::record::{Record, Standing};
use super::seal::GroupDigests;
use super::stage::{Refused, Staged};
use super::state::{Row, State};
use super::time::UnixSeconds;

/// How often old values are forgotten.
const TIDY_PERIOD_S: u64 = 3600;
/// Old values that are forgotten in one transaction.
const FORGET_AT_ONCE: usize = 10_000;
/// Changes of one second that do not reach into the next one's revisions.
const REVISION_BITS: u32 = 20;

/// A fact as it is held.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Which fact.
    pub id: FactId,
    /// Of its last change.
    pub revision: Revision,
    /// The stamp of its feed.
    pub source: Option<Source>,
    /// When it last changed.
    pub written: UnixSeconds,
    /// Its value.
    pub fact: Fact,
}

/// The store as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Which store this is.
    pub origin: u64,
    /// Of the last change.
    pub revision: Revision,
    /// What all facts take, as it is counted against the limit.
    pub memory_bytes: usize,
    /// What stands beside: the last changes, kept for those who follow, and pages of the file. Each has a
    /// limit of its own.
    pub beside_bytes: usize,
    /// Every table.
    pub tables: [TableStatus; Table::ALL.len()],
}

/// A table as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    /// Which table.
    pub table: Table,
    /// Facts in it.
    pub facts: usize,
    /// When its feed was last heard of.
    pub heard: Option<UnixSeconds>,
    /// How long its feed may be silent.
    pub max_age: Option<Duration>,
}

/// The shop's facts. A clone is the same shop.
#[derive(Debug, Clone)]
pub struct Facts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: FactsConfig,
    disk: Disk,
    state: RwLock<Arc<State>>,
    changes: Mutex<Changes>,
    revision: watch::Sender<Revision>,
    group_digests: GroupDigests,
    /// Held by whoever writes; when old values were last forgotten.
    writer: Mutex<Option<UnixSeconds>>,
}

impl Facts {
    /// The facts of a file, which is made where there is none. Blocks on the disk.
    pub fn open(path: &Path, config: FactsConfig) -> Result<Self, FactsError> {
        Self::of(Disk::open(path)?, config, UnixSeconds::now())
    }

    /// Facts that are gone with the process.
    pub fn in_memory(config: FactsConfig) -> Result<Self, FactsError> {
        Self::on(InMemoryBackend::new(), config, UnixSeconds::now())
    }

    /// The facts of something else than a file.
    pub(crate) fn on(
        backend: impl StorageBackend,
        config: FactsConfig,
        now: UnixSeconds,
    ) -> Result<Self, FactsError> {
        Self::of(Disk::on(backend, Path::new("facts.redb"))?, config, now)
    }

    fn of(disk: Disk, config: FactsConfig, now: UnixSeconds) -> Result<Self, FactsError> {
        let Loaded { mut state, events, oldest } = disk.load()?;
        state.revision = state.revision.max(first_revision(now));
        let mut changes = Changes::new(oldest, config.max_changes);
        events.into_iter().for_each(|event| changes.push(event));
        let (revision, _) = watch::channel(state.revision);
        Ok(Self(Arc::new(Shared {
            config,
            disk,
            state: RwLock::new(Arc::new(state)),
            changes: Mutex::new(changes),
            revision,
            group_digests: GroupDigests::default(),
            writer: Mutex::new(None),
        })))
    }

    /// Their limits.
    pub fn config(&self) -> &FactsConfig {
        &self.0.config
    }

    /// Makes all changes of a batch, or none and tells why. When it returns they are on disk; it
    /// blocks until then, so call it off the async threads.
    pub fn write(&self, batch: Batch, now: UnixSeconds) -> Result<Written, FactsError> {
        let Batch { changes, idempotency } = batch;
        let changes = (1..).zip(changes.into_iter().map(Ok));
        let written = self.apply(changes, idempotency.as_ref(), now);
        written.map_err(|refused| refused.error)
    }

    /// Begins a batch that is too large for memory. Blocks on the disk.
    pub fn stage(&self) -> Result<Staged, FactsError> {
        let spool = match self.0.disk.folder() {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        let spool = spool.map_err(|error| self.spool_failed("making", error))?;
        Ok(Staged::new(self.clone(), spool))
    }

    /// A snapshot to read from, at this moment.
    pub fn reader(&self, now: UnixSeconds) -> Reader {
        Reader::new(self.snapshot(), self.0.config.zone, now)
    }

    /// A reader that sees again what the reader of a record saw, and nothing else. Blocks on the
    /// disk. Values that were replaced long ago are no longer known.
    pub fn as_of(&self, record: &Record) -> Result<Reader, FactsError> {
        let past = past::state_of(record, &self.snapshot(), &self.0.disk)?;
        let at = record.at.unwrap_or(UnixSeconds(0));
        Ok(Reader::new(Arc::new(past), self.0.config.zone, at))
    }

    /// Whether what was made of facts may still be told.
    pub fn check(&self, record: &Record, now: UnixSeconds) -> Standing {
        record.standing(&self.snapshot(), &self.0.config, now)
    }

    /// One fact.
    pub fn get(&self, id: &FactId) -> Option<Held> {
        let state = self.snapshot();
        held(id.clone(), state.row(id.table, &id.id)?)
    }

    /// Facts of a table behind an id, in the order of ids, at most so many.
    pub fn list(&self, table: Table, after: &str, limit: usize) -> Vec<Held> {
        let state = self.snapshot();
        let rows = state.rows(table).iter_after(after);
        let found = rows.filter_map(|(id, row)| held(FactId::new(table, id).ok()?, row));
        found.take(limit).collect()
    }

    /// The store as a whole.
    pub fn status(&self) -> Status {
        let state = self.snapshot();
        let table = |table: Table| TableStatus {
            table,
            facts: state.count(table),
            heard: state.heard(table),
            max_age: self.0.config.max_age(table),
        };
        Status {
            origin: state.origin,
            revision: state.revision,
            memory_bytes: state.bytes,
            beside_bytes: lock(&self.0.changes).bytes() + self.0.disk.cache_bytes(),
            tables: Table::ALL.map(table),
        }
    }

    /// How long a table's feed is silent; none where it never spoke.
    pub fn feed_age(&self, table: Table, now: UnixSeconds) -> Option<Duration> {
        self.snapshot().age(table, now)
    }

    /// The revision of the last change, now and whenever there is another.
    pub fn watch(&self) -> watch::Receiver<Revision> {
        self.0.revision.subscribe()
    }

    /// Changes after a revision, oldest first, at most so many.
    pub fn changes(&self, after: Revision, limit: usize) -> Result<Vec<Event>, Gone> {
        lock(&self.0.changes).after(after, limit)
    }

    /// What is in memory now.
    pub(in crate::facts) fn snapshot(&self) -> Arc<State> {
        Arc::clone(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(in crate::facts) fn group_digests(&self) -> &GroupDigests {
        &self.0.group_digests
    }

    pub(super) fn spool_failed(&self, act: &'static str, error: std::io::Error) -> FactsError {
        let folder = self.0.disk.folder().unwrap_or(Path::new("."));
        FactsError::Disk { act, path: folder.join("a batch's changes"), source: Box::new(error) }
    }
}

/// Writing.
impl Facts {
    /// Makes all changes, each given with its line, or none. The first that is refused ends it.
    pub(super) fn apply(
        &self,
        changes: impl Iterator<Item = (u64, Result<Change, FactsError>)>,
        asked: Option<&Idempotency>,
        now: UnixSeconds,
    ) -> Result<Written, Refused> {
        let mut tidied = lock(&self.0.writer);
        let refused = |error| Refused { line: 0, error };
        let session = self.0.disk.begin().map_err(refused)?;
        if let Some(asked) = asked
            && let Some(written) = session.answer(asked).map_err(refused)?
        {
            return Ok(written);
        }
        let mut attempt = Attempt::new(&self.snapshot(), &self.0.config, now);
        for (line, change) in changes {
            let made = change.and_then(|change| attempt.make(change, &session));
            made.map_err(|error| Refused { line, error })?;
        }
        let written = self.conclude(session, attempt, asked, now).map_err(refused)?;
        self.forget_in_time(&mut tidied, now);
        Ok(written)
    }

    /// Makes what `act` does of an attempt, or nothing.
    pub(super) fn write_session<E: From<FactsError>>(
        &self,
        now: UnixSeconds,
        act: impl FnOnce(&Session<'_>, &mut Attempt<'_>) -> Result<(), E>,
    ) -> Result<Written, E> {
        let mut tidied = lock(&self.0.writer);
        let session = self.0.disk.begin()?;
        let mut attempt = Attempt::new(&self.snapshot(), &self.0.config, now);
        act(&session, &mut attempt)?;
        let written = self.conclude(session, attempt, None, now)?;
        self.forget_in_time(&mut tidied, now);
        Ok(written)
    }

    /// Brings an attempt to the disk, and then into memory.
    fn conclude(
        &self,
        session: Session<'_>,
        attempt: Attempt<'_>,
        asked: Option<&Idempotency>,
        now: UnixSeconds,
    ) -> Result<Written, FactsError> {
        let (state, changes, written) = attempt.finish(&session)?;
        let oldest = lock(&self.0.changes).oldest_after(&changes);
        session.keep_store(&state)?;
        session.keep_changes(changes.iter(), oldest)?;
        if let Some(asked) = asked {
            session.keep_answer(asked, written, now)?;
        }
        session.commit()?;
        self.show(state, Some(changes));
        Ok(written)
    }

    /// What `look` sees while nobody writes.
    pub(super) fn quietly<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        let _writer = lock(&self.0.writer);
        look(&self.snapshot())
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.0.disk
    }

    /// Makes what is on disk what is read.
    fn show(&self, state: State, changes: Option<Changes>) {
        let revision = state.revision;
        *self.0.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        if let Some(changes) = changes {
            lock(&self.0.changes).append(changes);
        }
        self.0.revision.send_if_modified(|held| std::mem::replace(held, revision) != revision);
    }

    /// Forgets old values, once an hour. What fails is tried again in an hour.
    fn forget_in_time(&self, tidied: &mut Option<UnixSeconds>, now: UnixSeconds) {
        if tidied.is_some_and(|tidied| now.since(tidied) < TIDY_PERIOD_S) {
            return;
        }
        *tidied = Some(now);
        if let Err(error) = self.forget(now) {
            tracing::warn!(%error, "old facts were not forgotten; they will be later");
        }
    }

    fn forget(&self, now: UnixSeconds) -> Result<(), FactsError> {
        let history = i64::try_from(self.0.config.history.as_secs()).unwrap_or(i64::MAX);
        let before = UnixSeconds(now.0.saturating_sub(history));
        loop {
            let session = self.0.disk.begin()?;
            let forgotten = session.forget(before, self.0.config.max_history, FORGET_AT_ONCE)?;
            if forgotten.values == 0 {
                return Ok(());
            }
            let mut state = State::clone(&self.snapshot());
            for (id, revision) in &forgotten.deleted {
                state.forget(id, *revision);
            }
            session.forget_groups(&state.forget_groups())?;
            session.keep_store(&state)?;
            session.commit()?;
            self.show(state, None);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Revisions begin anew above all that an earlier run gave out, even where an old copy of the file
/// was put back meanwhile: seconds since 1970 are the upper digits.
fn first_revision(now: UnixSeconds) -> Revision {
    Revision(u64::try_from(now.0).unwrap_or(0) << REVISION_BITS)
}

fn held(id: FactId, row: &Row) -> Option<Held> {
    let fact = row.fact.clone()?;
    let Row { revision, source, written, .. } = *row;
    Some(Held { id, revision, source, written, fact })
}
