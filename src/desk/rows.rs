//! What is on the disk: open handoffs and examples, each sealed by its subject's key.

use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{DeskError, During};
use super::handoff::{Handoff, HandoffId};
use super::shoppers::{Shoppers, ShoppersError, SubjectId};

/// By id: the subject and the sealed handoff.
pub(super) const HANDOFFS: TableDefinition<u64, ([u8; 16], &[u8])> =
    TableDefinition::new("desk.handoffs");
/// By number, from 1: the subject and the sealed example.
pub(super) const FEEDBACK: TableDefinition<u64, ([u8; 16], &[u8])> =
    TableDefinition::new("desk.feedback");

/// Numbers of examples that were erased and of which HQ does not know that yet.
pub(super) const ERASED: TableDefinition<u64, ()> = TableDefinition::new("desk.erased");
/// What the file is called by whoever reads its numbers.
const NAME: TableDefinition<&str, u64> = TableDefinition::new("desk.name");
/// Erased numbers that are remembered; a box without HQ tells them nobody.
const MAX_ERASED: u64 = 10_000;

const WRITING: &str = "writing to the desk's file";
const READING: &str = "reading the desk's file";

pub(super) fn seal(
    shoppers: &Shoppers,
    subject: &SubjectId,
    (table, row): (&str, u64),
    value: &impl Serialize,
) -> Result<Vec<u8>, DeskError> {
    let plain = serde_json::to_vec(value).map_err(|error| DeskError::Damaged(error.to_string()))?;
    Ok(shoppers.seal(subject, &context(table, row), &plain)?)
}

/// The value; none where its subject was erased.
pub(super) fn open<T: DeserializeOwned>(
    shoppers: &Shoppers,
    subject: &SubjectId,
    (table, row): (&str, u64),
    sealed: &[u8],
) -> Result<Option<T>, DeskError> {
    let plain = match shoppers.open_sealed(subject, &context(table, row), sealed) {
        Ok(plain) => plain,
        Err(ShoppersError::Erased) => return Ok(None),
        Err(error) => return Err(DeskError::Shoppers(error)),
    };
    serde_json::from_slice(&plain).map(Some).map_err(|error| DeskError::Damaged(error.to_string()))
}

fn context(table: &str, row: u64) -> Vec<u8> {
    format!("desk {table} {row:x}").into_bytes()
}

pub(super) fn put(
    transaction: &WriteTransaction,
    shoppers: &Shoppers,
    handoff: &Handoff,
) -> Result<(), DeskError> {
    let row = handoff.id.0;
    let sealed = seal(shoppers, &handoff.subject, ("handoff", row), handoff)?;
    let mut table = transaction.open_table(HANDOFFS).during(WRITING)?;
    table.insert(row, (handoff.subject.to_bytes(), &*sealed)).during(WRITING)?;
    Ok(())
}

pub(super) fn remove(transaction: &WriteTransaction, id: HandoffId) -> Result<(), DeskError> {
    transaction.open_table(HANDOFFS).during(WRITING)?.remove(id.0).during(WRITING)?;
    Ok(())
}

/// Every handoff that can be opened still, and the number of the last example; the others leave.
pub(super) fn load(
    transaction: &WriteTransaction,
    shoppers: &Shoppers,
) -> Result<(Vec<Handoff>, u64), DeskError> {
    let examples = transaction.open_table(FEEDBACK).during(WRITING)?;
    let last = examples.last().during(READING)?.map_or(0, |(key, _)| key.value());
    drop(examples);
    transaction.open_table(ERASED).during(WRITING)?;
    let mut table = transaction.open_table(HANDOFFS).during(WRITING)?;
    let (mut known, mut gone) = (Vec::new(), Vec::new());
    for row in table.iter().during(READING)? {
        let (key, value) = row.during(READING)?;
        let (subject, sealed) = value.value();
        let subject = SubjectId::of_bytes(subject);
        match open(shoppers, &subject, ("handoff", key.value()), sealed) {
            Ok(Some(handoff)) => known.push(handoff),
            Ok(None) => gone.push(key.value()),
            Err(error) => {
                tracing::error!(%error, "a handoff of before the restart is lost");
                gone.push(key.value());
            }
        }
    }
    for row in gone {
        table.remove(row).during(WRITING)?;
    }
    Ok((known, last))
}

/// The file's name: drawn when it was made.
pub(super) fn name(transaction: &WriteTransaction) -> Result<u64, DeskError> {
    let mut table = transaction.open_table(NAME).during(WRITING)?;
    if let Some(name) = table.get("file").during(READING)? {
        return Ok(name.value());
    }
    let name = getrandom::u64().map_err(DeskError::Random)?;
    table.insert("file", name).during(WRITING)?;
    Ok(name)
}

/// Removes the examples of a subject, remembers their numbers, and says how many they were.
pub(super) fn erase_examples(
    transaction: &WriteTransaction,
    subject: &SubjectId,
) -> Result<u64, DeskError> {
    let mut examples = transaction.open_table(FEEDBACK).during(WRITING)?;
    let mut erased = transaction.open_table(ERASED).during(WRITING)?;
    let mut numbers = Vec::new();
    examples
        .retain(|number, (of, _)| {
            let theirs = of == subject.to_bytes();
            numbers.extend(theirs.then_some(number));
            !theirs
        })
        .during(WRITING)?;
    for number in &numbers {
        erased.insert(number, ()).during(WRITING)?;
    }
    while redb::ReadableTableMetadata::len(&erased).during(READING)? > MAX_ERASED {
        erased.pop_first().during(WRITING)?;
    }
    Ok(numbers.len() as u64)
}

/// Removes the rows of a subject from a table, and says how many.
pub(super) fn erase(
    transaction: &WriteTransaction,
    table: TableDefinition<u64, ([u8; 16], &[u8])>,
    subject: &SubjectId,
) -> Result<u64, DeskError> {
    let mut table = transaction.open_table(table).during(WRITING)?;
    let before = redb::ReadableTableMetadata::len(&table).during(READING)?;
    table.retain(|_, (of, _)| of != subject.to_bytes()).during(WRITING)?;
    Ok(before - redb::ReadableTableMetadata::len(&table).during(READING)?)
}
