//! The tables of the file. Keys of streams and documents are the numbers that they have on the line.

use redb::TableDefinition;

use crate::protocol::{Document, Stream};

/// Changes whenever what is stored means something else.
pub(super) const SCHEMA: u64 = 1;

/// `schema`, `ledger`, `epoch`, `floor`, `hybrid_time`.
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("line.meta");

/// Each stream's next number, first kept number, last acknowledged number, and kept bytes.
pub(super) const STREAMS: TableDefinition<u8, (u64, u64, u64, u64)> =
    TableDefinition::new("line.streams");

/// Envelopes that wait for HQ, by stream and number, as they go on the line.
pub(super) const OUTBOX: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("line.outbox");

/// What has been taken, by sender, ledger and stream; when it was last touched.
pub(super) const INBOX: TableDefinition<(&str, u64, u8), (u64, &[u8])> =
    TableDefinition::new("line.inbox");

/// How often a message failed, by sender, ledger, stream and number.
pub(super) const FAILURES: TableDefinition<(&str, u64, u8, u64), u32> =
    TableDefinition::new("line.failures");

/// What was laid aside, in order.
pub(super) const DEAD: TableDefinition<u64, &[u8]> = TableDefinition::new("line.dead");

/// The newest recorded pointer of each document: version, digest, and the signed bytes.
pub(super) const DESIRED: TableDefinition<u8, (u64, [u8; 32], &[u8])> =
    TableDefinition::new("line.desired");

/// The newest head of each catalogue of facts: epoch, root, and the signed bytes.
pub(super) const HEADS: TableDefinition<&str, (u64, [u8; 32], &[u8])> =
    TableDefinition::new("line.heads");

/// What is reported of each document.
pub(super) const REPORTED: TableDefinition<u8, &[u8]> = TableDefinition::new("line.reported");

/// Commands by id: when they expire, the command, and its state once there is one.
pub(super) const COMMANDS: TableDefinition<[u8; 16], (u64, &[u8], Option<&[u8]>)> =
    TableDefinition::new("line.commands");

/// `head`: the number of the last entry of the audit log, and the head of the chain after it.
pub(super) const AUDIT: TableDefinition<&str, (u64, [u8; 32])> = TableDefinition::new("line.audit");

/// `head`: the number of the last entry that HQ signed to have, and the ack that says so.
pub(super) const AUDIT_STORED: TableDefinition<&str, (u64, &[u8])> =
    TableDefinition::new("line.audit_stored");

/// The key of a stream.
pub(super) fn stream_key(stream: Stream) -> u8 {
    match stream {
        Stream::Evt => 0,
        Stream::Tel => 1,
        Stream::Audit => 2,
        Stream::Log => 3,
        Stream::Cmd => 4,
    }
}

/// The key of a document.
pub(super) fn document_key(document: Document) -> u8 {
    match document {
        Document::Bundle => 0,
        Document::Config => 1,
        Document::Facts => 2,
        Document::Cache => 3,
        Document::Keys => 4,
        Document::Time => 5,
    }
}
