//! Answers that HQ had made, for stores that hold the same facts.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::artefact::Artefact;
use crate::protocol::bounded::List;
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::{MAX_PACK_ENTRIES, MAX_PACK_ENTRY_BYTES};
use crate::protocol::octets::Digest;

/// Which answers a pack has, and where they are. A store that has entries of an earlier pack
/// fetches only the ranges of the others.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct PackIndex {
    /// The pack's number; ascends.
    #[n(0)]
    pub epoch: u64,
    /// The entries one after the other.
    #[n(1)]
    pub artefact: Artefact,
    /// Which they are, in the order in which they stand there, without gaps.
    #[n(2)]
    pub entries: List<PackEntry, MAX_PACK_ENTRIES>,
}

/// One answer of a pack, named by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(deny_unknown_fields)]
pub struct PackEntry {
    /// SHA-256 of its bytes.
    #[n(0)]
    pub digest: Digest,
    /// How many it has.
    #[n(1)]
    pub size_bytes: u32,
}

impl PackIndex {
    /// Refuses entries that do not fill the artefact.
    pub fn check(&self) -> Result<(), ProtocolError> {
        self.artefact.check()?;
        let fits = |entry: &PackEntry| (1..=MAX_PACK_ENTRY_BYTES).contains(&entry.size_bytes);
        if !self.entries.iter().all(fits) {
            return Err(ProtocolError::Contradiction("an entry of a pack is empty or too large"));
        }
        let bytes: u64 = self.entries.iter().map(|entry| u64::from(entry.size_bytes)).sum();
        if bytes != self.artefact.size_bytes {
            return Err(ProtocolError::Contradiction("a pack's entries do not fill its artefact"));
        }
        Ok(())
    }

    /// Every entry with the place where it begins in the artefact.
    pub fn entries(&self) -> impl Iterator<Item = (u64, PackEntry)> {
        self.entries.iter().scan(0, |offset, entry| {
            let at = *offset;
            *offset += u64::from(entry.size_bytes);
            Some((at, *entry))
        })
    }
}
