//! The box's audit log: entries in a hash chain, told to HQ in the change that they tell of, and kept
//! until HQ has signed that it has them.

use redb::{ReadableTable, TableError};

use super::error::{During, StateError};
use super::outbox::Acknowledged;
use super::store::Store;
use super::tables::{AUDIT, AUDIT_STORED, OUTBOX, stream_key};
use super::writing::Writing;
use crate::protocol::{
    Ack, AuditBlock, AuditStored, Blob, Digest, Envelope, List, Message, Source, Stream, UnixMillis,
};

const KEY: &str = "head";
const READING: &str = "reading the audit log";
const WRITING: &str = "writing the audit log";
/// The schema under which HQ's word is stored.
const ACK_SCHEMA: u16 = 6;

/// The last head of the log that HQ signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of the last entry that HQ has.
    pub entry: u64,
    /// What HQ signed.
    pub stored: AuditStored,
}

impl Writing<'_> {
    /// Adds an entry to the log. Where the outbox has no room for it, the change does not come about:
    /// nothing is done that cannot be told.
    pub fn audit(&self, now: UnixMillis, entry: &[u8]) -> Result<(), StateError> {
        let mut table = self.transaction().open_table(AUDIT).during(READING)?;
        let held = table.get(KEY).during(READING)?.map(|row| row.value());
        let (last, before) = held.unwrap_or((0, [0; 32]));
        let before = Digest(before);
        let entries = List::new(vec![Blob::new(entry)?])?;
        let after = AuditBlock::head_after(before, &entries);
        table.insert(KEY, (last + 1, after.0)).during(WRITING)?;
        drop(table);
        let block = Message::Audit(AuditBlock { first: last + 1, before, after, entries });
        self.append(Stream::Audit, now, &block).map(drop)
    }

    /// Forgets of the log what HQ signed to have, where the signed head is that of the block that was
    /// written here under that number. `said` is what `ack` has signed, verified by the caller.
    ///
    /// What HQ counted without a block of it (it laid a message aside) stays until a later head
    /// vouches for it.
    pub fn acknowledge_audit(
        &self,
        ack: &Ack,
        said: &AuditStored,
    ) -> Result<Acknowledged, StateError> {
        let ours =
            matches!(&self.store().sender().source, Source::Node(place) if *place == said.place);
        if !ours || said.ledger != self.ledger()? {
            return Ok(Acknowledged::Foreign);
        }
        let mut at = self.position(Stream::Audit)?;
        if said.through >= at.next || said.last > said.through {
            return Ok(Acknowledged::Ahead);
        }
        if said.last >= at.first {
            let Some(block) = self.waiting_block(said.last)?.filter(|it| it.after == said.head)
            else {
                return Ok(Acknowledged::OtherLog);
            };
            let entry = (block.first + block.entries.len() as u64).saturating_sub(1);
            self.forget(Stream::Audit, &mut at, said.last)?;
            let bytes = Message::Ack(ack.clone()).body()?;
            let mut stored = self.transaction().open_table(AUDIT_STORED).during(WRITING)?;
            stored.insert(KEY, (entry, &*bytes)).during(WRITING)?;
        }
        let through = said.through.min(at.first - 1);
        if through <= at.acked {
            return Ok(Acknowledged::Known);
        }
        let more = through - at.acked;
        at.acked = through;
        self.set_position(Stream::Audit, at)?;
        Ok(Acknowledged::Forgotten(more))
    }

    /// The same in answer to a question just asked: HQ may have less than before, and what is gone
    /// here too is declared as a gap.
    pub fn resume_audit(&self, ack: &Ack, said: &AuditStored) -> Result<Acknowledged, StateError> {
        self.forgotten_by_hq(Stream::Audit, said.ledger, said.through)?;
        self.acknowledge_audit(ack, said)
    }

    /// The block that waits under a number.
    fn waiting_block(&self, seq: u64) -> Result<Option<AuditBlock>, StateError> {
        let messages = self.transaction().open_table(OUTBOX).during(READING)?;
        let Some(row) = messages.get((stream_key(Stream::Audit), seq)).during(READING)? else {
            return Ok(None);
        };
        Ok(match Envelope::parse(row.value())?.message()? {
            Message::Audit(block) => Some(block),
            _ => None,
        })
    }
}

impl Store {
    /// The last head of the audit log that HQ signed; none before it ever did.
    pub fn audit_head(&self) -> Result<Option<AuditHead>, StateError> {
        let table = match self.read()?.open_table(AUDIT_STORED) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table.during(READING)?,
        };
        let Some(row) = table.get(KEY).during(READING)? else { return Ok(None) };
        let (entry, bytes) = row.value();
        let signed = match Message::parse(ACK_SCHEMA, bytes)? {
            Message::Ack(ack) => ack.audit,
            _ => None,
        };
        let Some(signed) = signed else {
            let why = "it has no signature".to_owned();
            return Err(StateError::Damaged { what: "the head of the audit log", why });
        };
        Ok(Some(AuditHead { entry, stored: signed.unverified()? }))
    }
}
