//! The tables of the file.

use redb::TableDefinition;

/// Changes whenever what is stored means something else.
pub(super) const SCHEMA: u64 = 1;

/// `schema`, `inputs_bytes`.
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("audit.meta");

/// `last`: the last entry's number and the head after it. `before`: the same of the last one that left.
pub(super) const HEADS: TableDefinition<&str, (u64, [u8; 32])> =
    TableDefinition::new("audit.heads");

/// Entries by number, from 1 on.
pub(super) const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("audit.entries");

/// Numbers of entries by id.
pub(super) const IDS: TableDefinition<[u8; 16], u64> = TableDefinition::new("audit.ids");

/// What is sealed beside an entry: by whose key, and it; empty where it was erased.
pub(super) const INPUTS: TableDefinition<u64, ([u8; 16], &[u8])> =
    TableDefinition::new("audit.inputs");

/// Entries with inputs by subject.
pub(super) const BY_SUBJECT: TableDefinition<([u8; 16], u64), ()> =
    TableDefinition::new("audit.by_subject");

/// `day`: the day since 1970 whose key seals what is nobody's, and the key's subject.
pub(super) const DAY: TableDefinition<&str, (u64, [u8; 16])> = TableDefinition::new("audit.day");
