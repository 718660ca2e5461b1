//! The record on the disk, in one change with what is told of it.

use redb::TableDefinition;

use super::machine::{Moved, word};
use super::record::Record;
use crate::protocol::{
    Applied, Digest, Document, Event, Fields, Message, Reported, Stage as State, Stream,
    UnixMillis, Value,
};
use crate::reconcile::error::{During, ReconcileError};
use crate::state::Store;

/// The record, as JSON so that later programs may add to it.
const TABLE: TableDefinition<&str, &[u8]> = TableDefinition::new("reconcile.bundle");
const KEY: &str = "record";

/// What was recorded; an empty record where nothing was.
pub(crate) fn load(store: &Store) -> Result<Record, ReconcileError> {
    let act = "reading the record of bundles";
    let table = match store.read()?.open_table(TABLE) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Record::default()),
        Err(error) => return Err(error).during(act),
    };
    let Some(bytes) = table.get(KEY).during(act)? else { return Ok(Record::default()) };
    serde_json::from_slice(bytes.value()).map_err(|error| ReconcileError::Damaged {
        what: "the record of bundles",
        why: error.to_string(),
    })
}

/// Writes the record, an event for each move, and what is reported.
pub(crate) fn save(
    store: &Store,
    record: &Record,
    moved: &[Moved],
    observed: Option<Digest>,
    now: UnixMillis,
) -> Result<(), ReconcileError> {
    let act = "writing the record of bundles";
    let what = "the record of bundles";
    let bytes = serde_json::to_vec(record)
        .map_err(|error| ReconcileError::Damaged { what, why: error.to_string() })?;
    let reported = reported(record, observed, now);
    let known = store.reported()?;
    // When it was looked at is news only together with something else.
    let reported = reported.filter(|one| {
        let same = |known: &Reported| Reported { at: now, ..known.clone() } == *one;
        !known.iter().any(same)
    });
    store.write(|writing| {
        let mut table = writing.transaction().open_table(TABLE).during(act)?;
        table.insert(KEY, &*bytes).during(act)?;
        drop(table);
        for moved in moved {
            writing.append(Stream::Evt, now, &event(moved)?)?;
        }
        if let Some(reported) = &reported {
            writing.report(reported)?;
        }
        Ok(())
    })
}

/// What HQ is told of the bundle document.
pub(crate) fn reported(
    record: &Record,
    observed: Option<Digest>,
    at: UnixMillis,
) -> Option<Reported> {
    let attempt = record.attempt.as_ref()?;
    Some(Reported {
        document: Document::Bundle,
        desired: Some(attempt.offer.version),
        stage: attempt.stage,
        applied: record.good.map(|good| Applied { version: good.version, digest: good.digest }),
        observed,
        at,
        failure: attempt.failure.clone(),
        local: None,
    })
}

fn event(moved: &Moved) -> Result<Message, ReconcileError> {
    let mut fields = std::collections::BTreeMap::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.parse()?, value);
        Ok::<(), ReconcileError>(())
    };
    put("version", Value::from(i64::try_from(moved.version).unwrap_or(i64::MAX)))?;
    put("from", Value::from(word(moved.from)))?;
    put("to", Value::from(word(moved.to)))?;
    if let Some(epoch) = moved.facts_epoch {
        put("facts_epoch", Value::from(i64::try_from(epoch).unwrap_or(i64::MAX)))?;
    }
    if let Some(failure) = &moved.failure {
        put("code", Value::from(failure.code.as_str()))?;
        put("reason", Value::from(&*failure.text))?;
    }
    let name = match moved.to {
        State::Committed => "bundle.committed",
        State::Reverted => "bundle.reverted",
        State::Refused => "bundle.refused",
        _ => "bundle.moved",
    };
    Ok(Message::Event(Event { name: name.parse()?, fields: Fields::new(fields)? }))
}
