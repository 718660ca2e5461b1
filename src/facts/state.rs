//! All facts at one moment, and what a change makes of them. Nothing here does I/O.

use std::sync::Arc;
use std::time::Duration;

use super::batch::{Change, Outcome};
use super::error::{FactsError, Fault};
use super::fact::Fact;
use super::name::{Collection, FactId, Name, Revision, Source, Table};
use super::sorted::Sorted;
use super::time::UnixSeconds;
use super::weight;

/// Limits of what is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) facts: usize,
    pub(super) fact_bytes: usize,
    pub(super) bytes: usize,
}

/// One id of one table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Of its last change.
    pub(super) revision: Revision,
    /// Of the last change that was about more than words.
    pub(super) safety: Revision,
    pub(super) source: Option<Source>,
    pub(super) written: UnixSeconds,
    /// None where it was deleted.
    pub(super) fact: Option<Fact>,
    pub(super) bytes: usize,
}

/// Facts that belong together.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) revision: Revision,
    pub(super) members: Sorted<()>,
}

/// All facts at one moment. A clone costs nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// Which store this is.
    pub(super) origin: u64,
    /// Of the last change of all.
    pub(super) revision: Revision,
    /// What is not there has this revision: that of the last change that was forgotten.
    pub(super) floor: Revision,
    pub(super) heard: [Option<UnixSeconds>; Table::ALL.len()],
    pub(super) bytes: usize,
    /// Of facts that are there, by table.
    counts: [usize; Table::ALL.len()],
    rows: [Sorted<Arc<Row>>; Table::ALL.len()],
    groups: Sorted<Group>,
}

/// What a change did to the state.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) outcome: Outcome,
    /// None where nothing is to be kept.
    pub(super) kept: Option<Kept>,
}

/// A row as it is now.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: FactId,
    pub(super) row: Arc<Row>,
    pub(super) before: Option<Arc<Row>>,
    /// Everything that has the row's revision now; nothing where only the stamp is newer.
    pub(super) names: Vec<Name>,
}

impl Effect {
    fn none(outcome: Outcome) -> Self {
        Self { outcome, kept: None }
    }
}

impl State {
    /// Nothing yet, of this store.
    pub(super) fn new(origin: u64) -> Self {
        Self { origin, ..Self::default() }
    }

    pub(super) fn rows(&self, table: Table) -> &Sorted<Arc<Row>> {
        // A table's index is within its array.
        self.rows.get(table.index()).unwrap_or(&self.rows[0])
    }

    /// The row of an id, deleted ones included.
    pub(super) fn row(&self, table: Table, id: &str) -> Option<&Arc<Row>> {
        self.rows(table).get(id)
    }

    pub(super) fn group(&self, collection: &Collection) -> Option<&Group> {
        self.groups.get(collection.as_str())
    }

    #[cfg(test)]
    pub(super) fn groups(&self) -> impl Iterator<Item = (&Arc<str>, &Group)> {
        self.groups.iter()
    }

    pub(super) fn heard(&self, table: Table) -> Option<UnixSeconds> {
        self.heard.get(table.index()).copied().flatten()
    }

    /// Facts of a table that are there.
    pub(super) fn count(&self, table: Table) -> usize {
        self.counts.get(table.index()).copied().unwrap_or(0)
    }

    /// How long a table's feed is silent; none where it never spoke.
    pub(super) fn age(&self, table: Table, now: UnixSeconds) -> Option<Duration> {
        self.heard(table).map(|heard| Duration::from_secs(now.since(heard)))
    }

    /// The revision that this name has now.
    pub(super) fn revision_of(&self, name: &Name) -> Revision {
        let found = match name {
            Name::Fact(id) => self.row(id.table, &id.id).map(|row| row.revision),
            Name::Safety(sku) => self.row(Table::Products, sku).map(|row| row.safety),
            Name::Collection(collection) => self.group(collection).map(|group| group.revision),
        };
        found.unwrap_or(self.floor)
    }

    /// Whether this fact is there.
    pub(super) fn holds(&self, id: &FactId) -> bool {
        self.row(id.table, &id.id).is_some_and(|row| row.fact.is_some())
    }

    /// Makes a change. Where it is refused, the state is not to be used any more.
    pub(super) fn apply(
        &mut self,
        change: Change,
        now: UnixSeconds,
        room: Room,
    ) -> Result<Effect, FactsError> {
        let table = change.table();
        let effect = match change {
            Change::Put { id, fact, source } => {
                let id = FactId { table, id };
                self.put(id, fact, source, now, room)?
            }
            Change::Patch { id, patch, source } => self.patch(id, patch, source, now, room)?,
            Change::Delete { id, source } => self.delete(id, source, now),
            Change::Confirm { .. } => Effect::none(Outcome::Confirmed),
        };
        // A feed that says what it said before may be an old recording.
        if effect.outcome != Outcome::Stale {
            self.hear(table, now);
        }
        Ok(effect)
    }

    /// Notes that a table was heard of.
    pub(super) fn hear(&mut self, table: Table, now: UnixSeconds) {
        if let Some(heard) = self.heard.get_mut(table.index()) {
            *heard = (*heard).max(Some(now));
        }
    }

    fn put(
        &mut self,
        id: FactId,
        fact: Fact,
        source: Option<Source>,
        now: UnixSeconds,
        room: Room,
    ) -> Result<Effect, FactsError> {
        fact.check().map_err(|fault| FactsError::Invalid { id: id.clone(), fault })?;
        let before = self.row(id.table, &id.id).cloned();
        if is_late(before.as_deref(), source) {
            return Ok(Effect::none(Outcome::Stale));
        }
        let held = before.as_ref().and_then(|row| row.fact.as_ref());
        if held == Some(&fact) {
            return Ok(self.restamp(id, before, source));
        }
        let bytes = weight::row(&id, Some(&fact), check_size(&id, &fact, room.fact_bytes)?);
        let outcome = if held.is_some() { Outcome::Changed } else { Outcome::Created };
        let safe = held.is_some_and(|held| held.is_as_safe_as(&fact));
        let kept = self.replace(id, Some(fact), before, source, now, bytes, safe);
        self.check_room(&kept.id, room)?;
        Ok(Effect { outcome, kept: Some(kept) })
    }

    fn patch(
        &mut self,
        id: FactId,
        patch: serde_json::Value,
        source: Option<Source>,
        now: UnixSeconds,
        room: Room,
    ) -> Result<Effect, FactsError> {
        let row = self.row(id.table, &id.id);
        if is_late(row.map(Arc::as_ref), source) {
            return Ok(Effect::none(Outcome::Stale));
        }
        let Some(fact) = row.and_then(|row| row.fact.as_ref()) else {
            return Err(FactsError::Absent { id });
        };
        let invalid = |fault| FactsError::Invalid { id: id.clone(), fault };
        let broken = |error: serde_json::Error| invalid(Fault::new("", error.to_string()));
        let mut value = serde_json::to_value(fact).map_err(broken)?;
        merge(&mut value, patch);
        let json = serde_json::to_vec(&value).map_err(broken)?;
        let fact = Fact::parse(id.table, &json).map_err(invalid)?;
        self.put(id, fact, source, now, room)
    }

    fn delete(&mut self, id: FactId, source: Option<Source>, now: UnixSeconds) -> Effect {
        let before = self.row(id.table, &id.id).cloned();
        if is_late(before.as_deref(), source) {
            return Effect::none(Outcome::Stale);
        }
        let there = before.as_ref().is_some_and(|row| row.fact.is_some());
        // Without a stamp there is nothing to remember of what was not there.
        if !there && (before.is_some() || source.is_none()) {
            let mut effect = self.restamp(id, before, source);
            effect.outcome = Outcome::Absent;
            return effect;
        }
        let bytes = weight::row(&id, None, 0);
        let kept = self.replace(id, None, before, source, now, bytes, false);
        let outcome = if there { Outcome::Deleted } else { Outcome::Absent };
        Effect { outcome, kept: Some(kept) }
    }

    /// Keeps a newer stamp of what is the same.
    fn restamp(&mut self, id: FactId, before: Option<Arc<Row>>, source: Option<Source>) -> Effect {
        let Some((before, source)) = before.zip(source) else {
            return Effect::none(Outcome::Unchanged);
        };
        let row = Arc::new(Row { source: Some(source), ..Row::clone(&before) });
        self.insert(&id, Arc::clone(&row));
        let kept = Kept { id, row, before: Some(before), names: Vec::new() };
        Effect { outcome: Outcome::Unchanged, kept: Some(kept) }
    }

    #[allow(clippy::too_many_arguments, reason = "they are the fields of a row")]
    fn replace(
        &mut self,
        id: FactId,
        fact: Option<Fact>,
        before: Option<Arc<Row>>,
        source: Option<Source>,
        now: UnixSeconds,
        bytes: usize,
        safe: bool,
    ) -> Kept {
        self.revision = Revision(self.revision.0 + 1);
        let revision = self.revision;
        let held = before.as_ref();
        let safety = held.filter(|_| safe).map_or(revision, |row| row.safety);
        let source = source.or(held.and_then(|row| row.source));
        let names = self.regroup(&id, held.and_then(|row| row.fact.as_ref()), fact.as_ref(), safe);
        let row = Arc::new(Row { revision, safety, source, written: now, fact, bytes });
        self.insert(&id, Arc::clone(&row));
        Kept { id, row, before, names }
    }

    /// Moves a fact from its old groups to its new ones; gives the names that changed with it.
    fn regroup(
        &mut self,
        id: &FactId,
        old: Option<&Fact>,
        new: Option<&Fact>,
        safe: bool,
    ) -> Vec<Name> {
        let mut names = vec![Name::Fact(id.clone())];
        let mut touched = vec![Collection::table(id.table)];
        if id.table == Table::Products && !safe {
            names.push(Name::Safety(id.id.clone()));
            touched.push(Collection::safety());
        }
        let (left, joined) = (old.map(Fact::collections), new.map(Fact::collections));
        for collection in left.into_iter().flatten() {
            self.change_group(&collection, |members| members.remove(&id.id));
            touched.push(collection);
        }
        for collection in joined.into_iter().flatten() {
            let key = id.id.clone().into();
            self.change_group(&collection, |members| members.insert(key, ()));
            touched.push(collection);
        }
        touched.sort();
        touched.dedup();
        for collection in touched {
            self.change_group(&collection, |_| None);
            names.push(Name::Collection(collection));
        }
        names
    }

    fn change_group(
        &mut self,
        collection: &Collection,
        change: impl FnOnce(&mut Sorted<()>) -> Option<()>,
    ) {
        let name = collection.as_str();
        if self.groups.get(name).is_none() {
            self.bytes += weight::group(collection);
            self.groups.insert(name.into(), Group::default());
        }
        let revision = self.revision;
        if let Some(group) = self.groups.get_mut(name) {
            change(&mut group.members);
            group.revision = revision;
        }
    }

    /// Puts back a row that was on disk.
    pub(super) fn restore(&mut self, id: &FactId, row: Row) {
        for collection in row.fact.iter().flat_map(Fact::collections) {
            let key = id.id.clone().into();
            self.change_group(&collection, |members| members.insert(key, ()));
        }
        self.insert(id, Arc::new(row));
    }

    /// Puts back the revision of a collection that was on disk.
    pub(super) fn restore_group(&mut self, collection: &Collection, revision: Revision) {
        self.change_group(collection, |_| None);
        if let Some(group) = self.groups.get_mut(collection.as_str()) {
            group.revision = revision;
        }
    }

    /// Forgets a fact that is gone: what is not there has at least this revision from now on.
    pub(super) fn forget(&mut self, id: &FactId, revision: Revision) {
        self.floor = self.floor.max(revision);
        let Some(rows) = self.rows.get_mut(id.table.index()) else { return };
        if let Some(row) = rows.remove(&id.id) {
            self.bytes -= row.bytes;
        }
    }

    /// Forgets collections that are empty and changed last before what is forgotten; gives them.
    pub(super) fn forget_groups(&mut self) -> Vec<Collection> {
        let floor = self.floor;
        let idle = self.groups.iter().filter(|(name, group)| {
            // A table as a whole, and `products#safety`, stay.
            name.contains(':') && group.members.len() == 0 && group.revision <= floor
        });
        let idle: Vec<_> = idle.filter_map(|(name, _)| Collection::from_known(name)).collect();
        for collection in &idle {
            self.groups.remove(collection.as_str());
            self.bytes -= weight::group(collection);
        }
        idle
    }

    fn insert(&mut self, id: &FactId, row: Arc<Row>) {
        let (bytes, there) = (row.bytes, row.fact.is_some());
        let Some(rows) = self.rows.get_mut(id.table.index()) else { return };
        let before = rows.insert(id.id.clone().into(), row);
        self.bytes = self.bytes + bytes - before.as_ref().map_or(0, |row| row.bytes);
        let was = before.is_some_and(|row| row.fact.is_some());
        if let Some(count) = self.counts.get_mut(id.table.index()) {
            *count = *count + usize::from(there) - usize::from(was);
        }
    }

    fn check_room(&self, id: &FactId, room: Room) -> Result<(), FactsError> {
        let over = |given: usize, unit, limit: usize, setting| FactsError::Limit {
            id: id.clone(),
            given: given as u64,
            unit,
            limit: limit as u64,
            setting,
        };
        let facts = self.counts.iter().sum();
        if facts > room.facts {
            return Err(over(facts, "facts", room.facts, "max_facts"));
        }
        if self.bytes > room.bytes {
            return Err(over(self.bytes, "bytes of memory", room.bytes, "max_memory"));
        }
        Ok(())
    }
}

/// Whether an update says itself that a newer one is held.
fn is_late(row: Option<&Row>, source: Option<Source>) -> bool {
    let held = row.and_then(|row| row.source);
    matches!((held, source), (Some(held), Some(source)) if source <= held)
}

/// Bytes of a fact's JSON; refused where they are more than one may have.
pub(super) fn check_size(id: &FactId, fact: &Fact, limit: usize) -> Result<usize, FactsError> {
    let json = serde_json::to_vec(fact).map_err(|error| {
        let fault = Fault::new("", error.to_string());
        FactsError::Invalid { id: id.clone(), fault }
    })?;
    if json.len() <= limit {
        return Ok(json.len());
    }
    Err(FactsError::Limit {
        id: id.clone(),
        given: json.len() as u64,
        unit: "bytes of JSON",
        limit: limit as u64,
        setting: "max_fact_bytes",
    })
}

/// JSON Merge Patch, RFC 7396.
fn merge(value: &mut serde_json::Value, patch: serde_json::Value) {
    use serde_json::Value;
    let Value::Object(patch) = patch else {
        *value = patch;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = value else { return };
    for (name, change) in patch {
        match change {
            Value::Null => drop(fields.shift_remove(&name)),
            change => merge(fields.entry(name).or_insert(Value::Null), change),
        }
    }
}
