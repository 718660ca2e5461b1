//! How large things on the line may be. Each is a promise: both ends build their memory on it.

/// Bytes of a whole envelope; a message at the broker is never longer.
pub const MAX_ENVELOPE_BYTES: usize = 64 * 1024;
/// Bytes of an envelope's body.
pub const MAX_BODY_BYTES: usize = 60 * 1024;
/// Bytes of a document that is carried by its own pointer; larger ones are fetched over HTTP.
pub const MAX_INLINE_BYTES: usize = 4 * 1024;
/// Bytes of what is signed.
pub const MAX_SIGNED_BYTES: usize = 8 * 1024;
/// Signatures of one document: while keys change there are two or three.
pub const MAX_SIGNATURES: usize = 4;
/// Levels of arrays and maps within each other.
pub const MAX_DEPTH: usize = 8;
/// Characters of one level of a topic.
pub const MAX_LABEL_BYTES: usize = 32;
/// Levels of a topic; brokers in the cloud refuse more.
pub const MAX_TOPIC_LEVELS: usize = 7;
/// Bytes of a text that a person reads.
pub const MAX_TEXT_BYTES: usize = 1024;
/// Bytes of the name of a field, an event or a state.
pub const MAX_NAME_BYTES: usize = 64;
/// Fields of an event, a log line or a command.
pub const MAX_FIELDS: usize = 64;
/// Runs that a receiver keeps beyond the contiguous ones.
pub const MAX_RUNS: usize = 32;
/// Entries of one block of the audit log.
pub const MAX_AUDIT_ENTRIES: usize = 256;
/// Bytes of one entry of the audit log.
pub const MAX_AUDIT_ENTRY_BYTES: usize = 8 * 1024;
/// Documents or streams in a list.
pub const MAX_LISTED: usize = 16;
