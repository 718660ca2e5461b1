//! The box's audit log: entries in a hash chain, told to HQ in the change that they tell of.

use redb::ReadableTable;

use super::error::{During, StateError};
use super::tables::AUDIT;
use super::writing::Writing;
use crate::protocol::{AuditBlock, Blob, Digest, List, Message, Stream, UnixMillis};

const KEY: &str = "head";

impl Writing<'_> {
    /// Adds an entry to the log. Where the outbox has no room for it, the change does not come about:
    /// nothing is done that cannot be told.
    pub fn audit(&self, now: UnixMillis, entry: &[u8]) -> Result<(), StateError> {
        let mut table = self.transaction().open_table(AUDIT).during("reading the audit log")?;
        let held = table.get(KEY).during("reading the audit log")?.map(|row| row.value());
        let (last, before) = held.unwrap_or((0, [0; 32]));
        let before = Digest(before);
        let entries = List::new(vec![Blob::new(entry)?])?;
        let after = AuditBlock::head_after(before, &entries);
        table.insert(KEY, (last + 1, after.0)).during("writing the audit log")?;
        drop(table);
        let block = Message::Audit(AuditBlock { first: last + 1, before, after, entries });
        self.append(Stream::Audit, now, &block).map(drop)
    }
}
