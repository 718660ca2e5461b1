//! Answers that HQ had made, for stores that hold the same facts.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::artefact::Artefact;
use crate::protocol::bounded::List;
use crate::protocol::error::ProtocolError;
use crate::protocol::label::Label;
use crate::protocol::limits::{MAX_DELTAS, MAX_PACK_ENTRIES, MAX_PACK_ENTRY_BYTES};
use crate::protocol::octets::Digest;

/// Which answers a pack has, and where they are. A store that has entries of an earlier pack
/// fetches only the others.
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
    /// The artefact's bytes compressed with zstd: what is fetched where it is there.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Artefact>,
    /// The shorter ways, each from one other pack.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deltas: Option<List<PackDelta, MAX_DELTAS>>,
    /// What people call it.
    #[n(5)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
}

/// What a store that has one pack lacks of another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct PackDelta {
    /// SHA-256 of the index of the pack that it has.
    #[n(0)]
    pub from: Digest,
    /// The entries that it lacks, one after the other in the order of the index, compressed with
    /// zstd.
    #[n(1)]
    pub artefact: Artefact,
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
        self.packed.iter().try_for_each(Artefact::check)?;
        self.deltas.iter().flat_map(|deltas| deltas.iter()).try_for_each(|d| d.artefact.check())
    }

    /// What a store that holds these packs fetches: the shortest delta from one of them, where that is
    /// shorter than everything.
    #[must_use]
    pub fn way_from(&self, held: &[Digest]) -> PackWay<'_> {
        let deltas = self.deltas.iter().flat_map(|deltas| deltas.iter());
        let from = deltas.filter(|delta| held.contains(&delta.from));
        let whole = self.packed.as_ref().unwrap_or(&self.artefact);
        match from.min_by_key(|delta| delta.artefact.size_bytes) {
            Some(delta) if delta.artefact.size_bytes < whole.size_bytes => PackWay::Delta(delta),
            _ => match &self.packed {
                Some(packed) => PackWay::Packed(packed),
                None => PackWay::Plain(&self.artefact),
            },
        }
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

/// What brings a store to a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackWay<'a> {
    /// All entries as they are.
    Plain(&'a Artefact),
    /// All entries, compressed.
    Packed(&'a Artefact),
    /// The entries that it lacks, compressed.
    Delta(&'a PackDelta),
}

impl PackWay<'_> {
    /// What is fetched.
    #[must_use]
    pub fn artefact(&self) -> &Artefact {
        match self {
            Self::Plain(artefact) | Self::Packed(artefact) => artefact,
            Self::Delta(delta) => &delta.artefact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(packed: Option<usize>, deltas: &[(u8, usize)]) -> PackIndex {
        let artefact = |size| Artefact::of(&vec![0; size]).unwrap();
        let delta =
            |&(from, size)| PackDelta { from: Digest([from; 32]), artefact: artefact(size) };
        let entry = PackEntry { digest: Digest([0; 32]), size_bytes: 100 };
        PackIndex {
            epoch: 1,
            artefact: artefact(100),
            entries: List::new(vec![entry]).unwrap(),
            packed: packed.map(artefact),
            deltas: Some(List::new(deltas.iter().map(delta).collect()).unwrap()),
            name: None,
        }
    }

    #[test]
    fn a_store_takes_the_shortest_delta_from_what_it_has_or_everything() {
        let index = index(Some(50), &[(1, 30), (2, 10), (3, 60)]);
        index.check().unwrap();
        for (held, size) in [(vec![], 50), (vec![1], 30), (vec![1, 2], 10), (vec![3], 50)] {
            let held: Vec<_> = held.into_iter().map(|held| Digest([held; 32])).collect();
            assert_eq!(index.way_from(&held).artefact().size_bytes, size, "{held:?}");
        }
        let plain = super::tests::index(None, &[]);
        assert!(matches!(plain.way_from(&[]), PackWay::Plain(_)));
    }
}
