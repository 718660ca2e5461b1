//! The audit log on its way to HQ.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::bounded::{Blob, List};
use crate::protocol::limits::{MAX_AUDIT_ENTRIES, MAX_AUDIT_ENTRY_BYTES};
use crate::protocol::octets::Digest;

/// Entries of the node's hash chain, in order. Its first entry has number 1 and comes after a head of
/// zeros; see [`AuditBlock::head_after`].
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

/// Stands before what is hashed.
const CONTEXT: &[u8] = b"endcap audit v1\0";

impl AuditBlock {
    /// The head of the chain after more entries: for each the SHA-256 over the head before it and the
    /// entry's own SHA-256.
    #[must_use]
    pub fn head_after<const MAX: usize>(
        before: Digest,
        entries: &List<Blob<MAX_AUDIT_ENTRY_BYTES>, MAX>,
    ) -> Digest {
        entries.iter().fold(before, |head, entry| {
            Digest::of(&[CONTEXT, &head.0, &Digest::of(entry).0].concat())
        })
    }

    /// Whether its entries lead from the head before to the head after.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        Self::head_after(self.before, &self.entries) == self.after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_the_same_in_one_block_and_in_many_and_no_entry_can_be_otherwise() {
        let blob = |text: &str| Blob::new(text.as_bytes()).unwrap();
        let list = |entries: Vec<Blob<MAX_AUDIT_ENTRY_BYTES>>| List::new(entries).unwrap();
        let start = Digest([0; 32]);
        let all: List<_, MAX_AUDIT_ENTRIES> = list(vec![blob("a"), blob("b")]);
        let after = AuditBlock::head_after(start, &all);
        let first: List<_, MAX_AUDIT_ENTRIES> = list(vec![blob("a")]);
        let second: List<_, MAX_AUDIT_ENTRIES> = list(vec![blob("b")]);
        let singly = AuditBlock::head_after(AuditBlock::head_after(start, &first), &second);
        assert_eq!(after, singly);
        let block = AuditBlock { first: 1, before: start, after, entries: all };
        assert!(block.is_sound());
        for entries in [vec!["b", "a"], vec!["a"], vec!["a", "b", ""], vec!["ab"], vec!["a", "c"]] {
            let entries = list(entries.into_iter().map(blob).collect());
            assert!(!AuditBlock { entries, ..block.clone() }.is_sound());
        }
    }
}
