//! The shop's memory: one writer, any number of readers.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use super::batch::{Batch, Outcomes, Written};
use super::error::FactsError;
use super::fact::Fact;
use super::name::{Class, FactId, Name, Revision, Source, Table};
use super::reader::Reader;
use super::record::{Record, Standing};
use super::state::{Effect, Room, Row, State};
use super::time::{UnixSeconds, Zone};

/// Limits and places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactsConfig {
    /// Facts of all tables together.
    pub max_facts: usize,
    /// Bytes of one fact as JSON.
    pub max_fact_bytes: usize,
    /// Bytes of memory for all facts.
    pub max_memory_bytes: usize,
    /// How long the feed of each table may be silent before answers hedge; without one, for ever.
    pub max_age: [Option<Duration>; Table::ALL.len()],
    /// How long an old value is kept, so that an answer can be made again.
    pub history: Duration,
    /// Changes that a follower may be behind.
    pub max_changes: usize,
    /// Where the shop's clock stands.
    pub zone: Zone,
}

impl Default for FactsConfig {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        let hours = |hours: u64| Some(Duration::from_secs(hours * HOUR));
        Self {
            max_facts: 1_000_000,
            max_fact_bytes: 16 << 10,
            max_memory_bytes: 256 << 20,
            // Products, prices, promotions, stock, hours, recalls.
            max_age: [None, hours(24), hours(24), hours(4), hours(7 * 24), hours(24)],
            history: Duration::from_secs(30 * 24 * HOUR),
            max_changes: 10_000,
            zone: Zone::System,
        }
    }
}

impl FactsConfig {
    /// How long a table's feed may be silent.
    pub fn max_age(&self, table: Table) -> Option<Duration> {
        self.max_age.get(table.index()).copied().flatten()
    }

    fn room(&self) -> Room {
        let bytes = self.max_memory_bytes;
        Room { facts: self.max_facts, fact_bytes: self.max_fact_bytes, bytes }
    }
}

/// A change that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number.
    pub revision: Revision,
    /// Which fact changed.
    pub id: FactId,
    /// How.
    pub kind: EventKind,
    /// Every name of a record that changed with it.
    pub names: Arc<[Name]>,
}

/// How a fact changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It has a value now that it had not.
    Put,
    /// It is gone.
    Delete,
}

/// Changes that are no longer known: whoever follows must begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("changes since revision {after} are no longer known; the oldest is behind {oldest}")]
pub struct Gone {
    /// What was asked for.
    pub after: Revision,
    /// What could have been asked for.
    pub oldest: Revision,
}

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
    state: RwLock<Arc<State>>,
    writer: Mutex<()>,
    changes: Mutex<Changes>,
    revision: watch::Sender<Revision>,
}

#[derive(Debug)]
struct Changes {
    /// Changes up to this one are forgotten.
    oldest: Revision,
    events: VecDeque<Event>,
}

impl Facts {
    /// The facts of a file, which is made where there is none. Blocks on the disk.
    pub fn open(_path: &Path, config: FactsConfig) -> Result<Self, FactsError> {
        Ok(Self::in_memory(config))
    }

    /// Facts that are gone with the process.
    pub fn in_memory(config: FactsConfig) -> Self {
        let state = State::new(1);
        let changes = Changes { oldest: state.revision, events: VecDeque::new() };
        let (revision, _) = watch::channel(state.revision);
        Self(Arc::new(Shared {
            config,
            state: RwLock::new(Arc::new(state)),
            writer: Mutex::new(()),
            changes: Mutex::new(changes),
            revision,
        }))
    }

    /// Their limits.
    pub fn config(&self) -> &FactsConfig {
        &self.0.config
    }

    /// Makes all changes of a batch, or none and tells why. When it returns they are on disk; it
    /// blocks until then, so call it off the async threads.
    pub fn write(&self, batch: Batch, now: UnixSeconds) -> Result<Written, FactsError> {
        let _turn = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = State::clone(&self.snapshot());
        let (mut outcomes, mut last, mut events) = (Outcomes::default(), None, Vec::new());
        for change in batch.changes {
            let effect = state.apply(change, now, self.0.config.room())?;
            outcomes.count(effect.outcome);
            last = Some(effect.outcome);
            events.extend(event(effect));
        }
        let revision = state.revision;
        *self.0.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        self.tell(events, revision);
        Ok(Written { revision, last, outcomes, replayed: false })
    }

    /// A snapshot to read from, at this moment.
    pub fn reader(&self, now: UnixSeconds) -> Reader {
        Reader::new(self.snapshot(), self.0.config.zone, now)
    }

    /// Whether what was made of facts may still be told.
    pub fn check(&self, record: &Record, now: UnixSeconds) -> Standing {
        let state = self.snapshot();
        if !record.read.is_empty() && record.origin != state.origin {
            return Standing::Dead { name: None };
        }
        let mut soft = None;
        for (name, revision) in &record.read {
            if state.revision_of(name) == *revision {
                continue;
            }
            let gone = matches!(name, Name::Fact(id) if !state.holds(id));
            if gone || name.class() == Class::Hard {
                return Standing::Dead { name: Some(name.clone()) };
            }
            soft.get_or_insert(name);
        }
        if let Some(until) = record.until
            && (now >= until || record.at.is_some_and(|at| now < at))
        {
            return Standing::Expired { at: until };
        }
        if let Some(old) = self.too_old(&state, record, now) {
            return old;
        }
        soft.map_or(Standing::Current, |name| Standing::Soft { name: name.clone() })
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

    /// Every table.
    pub fn status(&self) -> Vec<TableStatus> {
        let state = self.snapshot();
        let status = |table: Table| TableStatus {
            table,
            facts: state.rows(table).iter().filter(|(_, row)| row.fact.is_some()).count(),
            heard: state.heard(table),
            max_age: self.0.config.max_age(table),
        };
        Table::ALL.map(status).to_vec()
    }

    /// How long a table's feed is silent; none where it never spoke.
    pub fn feed_age(&self, table: Table, now: UnixSeconds) -> Option<Duration> {
        self.snapshot().heard(table).map(|heard| Duration::from_secs(now.since(heard)))
    }

    /// The revision of the last change, now and whenever there is another.
    pub fn watch(&self) -> watch::Receiver<Revision> {
        self.0.revision.subscribe()
    }

    /// Changes after a revision, oldest first, at most so many.
    pub fn changes(&self, after: Revision, limit: usize) -> Result<Vec<Event>, Gone> {
        let changes = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if after < changes.oldest {
            return Err(Gone { after, oldest: changes.oldest });
        }
        let begin = changes.events.partition_point(|event| event.revision <= after);
        Ok(changes.events.iter().skip(begin).take(limit).cloned().collect())
    }

    /// What is in memory now.
    pub(in crate::facts) fn snapshot(&self) -> Arc<State> {
        Arc::clone(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn too_old(&self, state: &State, record: &Record, now: UnixSeconds) -> Option<Standing> {
        record.heard.iter().find_map(|(table, _)| {
            let limit = self.0.config.max_age(*table)?;
            let age = state.heard(*table).map(|heard| Duration::from_secs(now.since(heard)));
            let fresh = age.is_some_and(|age| age <= limit);
            (!fresh).then_some(Standing::TooOld { table: *table, age, limit })
        })
    }

    fn tell(&self, events: Vec<Event>, revision: Revision) {
        let mut changes = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.events.extend(events);
        while changes.events.len() > self.0.config.max_changes {
            if let Some(event) = changes.events.pop_front() {
                changes.oldest = event.revision;
            }
        }
        drop(changes);
        self.0.revision.send_if_modified(|held| std::mem::replace(held, revision) != revision);
    }
}

fn held(id: FactId, row: &Row) -> Option<Held> {
    let fact = row.fact.clone()?;
    let Row { revision, source, written, .. } = *row;
    Some(Held { id, revision, source, written, fact })
}

fn event(effect: Effect) -> Option<Event> {
    let kept = effect.kept.filter(|kept| !kept.names.is_empty())?;
    let kind = if kept.row.fact.is_some() { EventKind::Put } else { EventKind::Delete };
    let (revision, names) = (kept.row.revision, kept.names.into());
    Some(Event { revision, id: kept.id, kind, names })
}
