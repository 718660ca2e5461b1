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
/// Bytes of a bundle's document.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;
/// Bytes of an index of facts.
pub const MAX_INDEX_BYTES: usize = 1 << 20;
/// Bytes of an index of a pack of answers.
pub const MAX_PACK_INDEX_BYTES: usize = 8 << 20;
/// Bytes of a config document.
pub const MAX_CONFIG_BYTES: usize = 256 * 1024;

/// Of profiles of small devices within a config document.
pub const MAX_PROFILES_BYTES: usize = 128 * 1024;
/// Bytes of a chunk of a file, as artefacts are made here.
pub const CHUNK_BYTES: u32 = 1 << 20;
/// Bytes of a chunk of a file that are still taken: a fetch holds one in memory.
pub const MAX_CHUNK_BYTES: u32 = 4 << 20;
/// Chunks of a file.
pub const MAX_CHUNKS: usize = 16 * 1024;
/// Deltas that lead to an epoch of facts.
pub const MAX_DELTAS: usize = 32;
/// Bytes of one fact as JSON.
pub const MAX_FACT_BYTES: usize = 64 * 1024;
/// Bytes of one change of a fact.
pub const MAX_CHANGE_BYTES: usize = MAX_FACT_BYTES + 1024;
/// Bytes of a fact's id.
pub const MAX_ID_BYTES: usize = 128;
/// Parts of a bundle.
pub const MAX_PARTS: usize = 16;
/// Files of a part.
pub const MAX_PART_FILES: usize = 256;
/// Bytes of a file's path within its part.
pub const MAX_PATH_BYTES: usize = 200;
/// Checks that a bundle must pass.
pub const MAX_CHECKS: usize = 32;
/// Seconds that a state of a bundle may last: 30 days.
pub const MAX_STATE_SECONDS: u32 = 30 * 24 * 3600;
/// Texts that HQ blocks.
pub const MAX_BLOCKED_TERMS: usize = 1024;
/// Bytes of a bundle's rules about what may be said.
pub const MAX_GUARD_RULES_BYTES: usize = 256 * 1024;
/// Languages that such rules have terms for.
pub const MAX_LANGUAGES: usize = 64;
/// Answers of a pack.
pub const MAX_PACK_ENTRIES: usize = 100_000;
/// Bytes of one answer of a pack.
pub const MAX_PACK_ENTRY_BYTES: u32 = 4 << 20;
/// Facts that one answer of a pack stands on.
pub const MAX_PACK_FACTS: usize = 4096;
/// Bytes of what one answer of a pack says, as JSON.
pub const MAX_PACK_EVENT_BYTES: usize = 3 << 20;
/// Bytes of what is kept of the question of an answer.
pub const MAX_PACK_MEANING_BYTES: usize = 8 * 1024;
/// Bytes of what it takes to make an answer again.
pub const MAX_RECIPE_BYTES: usize = 4 * 1024;
/// Bytes of all answers of a pack, uncompressed.
pub const MAX_PACK_BYTES: u64 = 1 << 30;
