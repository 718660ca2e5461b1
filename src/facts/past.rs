//! Facts as they were, so that an answer can be made again.

use super::disk::Disk;
use super::error::FactsError;
use super::name::{FactId, Name, Revision, Table};
use super::record::Record;
use super::state::{Row, State};

/// What a record's reader saw: of every fact the value that it had then, of everything else the
/// revision. Blocks on the disk.
pub(super) fn state_of(record: &Record, current: &State, disk: &Disk) -> Result<State, FactsError> {
    let mut past = State::new(record.origin);
    past.floor = record.floor;
    for (name, revision) in &record.read {
        if let Name::Fact(id) = name
            && let Some(row) = row_at(id, *revision, record, current, disk)?
        {
            past.restore(id, row);
        }
    }
    // Promotions are found by a product's category, which is known by its safety's revision.
    for (name, revision) in &record.read {
        let Name::Safety(sku) = name else { continue };
        let id = FactId { table: Table::Products, id: sku.clone() };
        if past.row(id.table, &id.id).is_none()
            && let Some(row) = row_by_safety(&id, *revision, record, current, disk)?
        {
            past.restore(&id, row);
        }
    }
    for (name, revision) in &record.read {
        if let Name::Collection(collection) = name {
            past.restore_group(collection, *revision);
        }
    }
    for (table, heard) in &record.heard {
        if let Some(heard) = heard {
            past.hear(*table, *heard);
        }
    }
    Ok(past)
}

fn row_at(
    id: &FactId,
    revision: Revision,
    record: &Record,
    current: &State,
    disk: &Disk,
) -> Result<Option<Row>, FactsError> {
    if was_absent(revision, record) {
        return Ok(None);
    }
    if let Some(row) = current.row(id.table, &id.id).filter(|row| row.revision == revision) {
        return Ok(Some(Row::clone(row)));
    }
    let found = disk.past(id, revision)?;
    let forgotten = || FactsError::Forgotten { name: Name::Fact(id.clone()), revision };
    found.map(Some).ok_or_else(forgotten)
}

fn row_by_safety(
    id: &FactId,
    safety: Revision,
    record: &Record,
    current: &State,
    disk: &Disk,
) -> Result<Option<Row>, FactsError> {
    if was_absent(safety, record) {
        return Ok(None);
    }
    if let Some(row) = current.row(id.table, &id.id).filter(|row| row.safety == safety) {
        return Ok(Some(Row::clone(row)));
    }
    let found = disk.past_of(id)?.into_iter().find(|row| row.safety == safety);
    let name = || Name::Safety(id.id.clone());
    let forgotten = || FactsError::Forgotten { name: name(), revision: safety };
    found.map(Some).ok_or_else(forgotten)
}

/// What was not there has the floor's revision, and nothing else has.
fn was_absent(revision: Revision, record: &Record) -> bool {
    revision == record.floor
}
