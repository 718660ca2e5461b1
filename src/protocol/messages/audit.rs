//! The audit log on its way to HQ.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::bounded::{Blob, List};
use crate::protocol::limits::{MAX_AUDIT_ENTRIES, MAX_AUDIT_ENTRY_BYTES};
use crate::protocol::octets::Digest;

/// Entries of the node's hash chain, in order. How the chain is made is the audit log's business.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct AuditBlock {
    /// Number of the first entry in the chain.
    #[n(0)]
    pub first: u64,
    /// Head of the chain before the first entry.
    #[n(1)]
    pub before: Digest,
    /// Head of the chain after the last entry.
    #[n(2)]
    pub after: Digest,
    /// The entries as they were written.
    #[n(3)]
    pub entries: List<Blob<MAX_AUDIT_ENTRY_BYTES>, MAX_AUDIT_ENTRIES>,
}
