//! Which artefacts bring a store's facts to an epoch.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::artefact::Artefact;
use crate::protocol::bounded::List;
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::MAX_DELTAS;
use crate::protocol::octets::Digest;

/// What the head of a catalogue points to. Epoch and root must be those of the head.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct FactsIndex {
    /// The epoch that its artefacts lead to.
    #[n(0)]
    pub epoch: u64,
    /// What the facts of that epoch add up to; see [`super::root`].
    #[n(1)]
    pub root: Digest,
    /// All facts of the epoch.
    #[n(2)]
    pub whole: Artefact,
    /// The shorter ways, each from one older epoch, by descending epoch.
    #[n(3)]
    pub deltas: List<FactsDelta, MAX_DELTAS>,
}

/// What makes the index's epoch of an older one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct FactsDelta {
    /// The epoch that a store must be at.
    #[n(0)]
    pub from_epoch: u64,
    /// The changes.
    #[n(1)]
    pub artefact: Artefact,
}

impl FactsIndex {
    /// Refuses deltas out of order and sizes that contradict each other.
    pub fn check(&self) -> Result<(), ProtocolError> {
        self.whole.check()?;
        let mut before = self.epoch;
        for delta in self.deltas.iter() {
            if delta.from_epoch >= before {
                return Err(ProtocolError::Contradiction(
                    "deltas of facts do not descend from the index's epoch",
                ));
            }
            before = delta.from_epoch;
            delta.artefact.check()?;
        }
        Ok(())
    }

    /// The artefact for a store at this epoch: the delta, or everything where there is none or
    /// where that is less.
    #[must_use]
    pub fn way_from(&self, epoch: Option<u64>) -> (&Artefact, Way) {
        let from = |epoch| self.deltas.iter().find(|delta| delta.from_epoch == epoch);
        match epoch.and_then(from) {
            Some(delta) if delta.artefact.size_bytes <= self.whole.size_bytes => {
                (&delta.artefact, Way::Delta)
            }
            _ => (&self.whole, Way::Whole),
        }
    }
}

/// What an artefact of facts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Changes to what is there.
    Delta,
    /// All facts; what is not in it goes.
    Whole,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(from_epoch: u64, size: usize) -> FactsDelta {
        FactsDelta { from_epoch, artefact: Artefact::of(&vec![0; size]).unwrap() }
    }

    fn index(deltas: Vec<FactsDelta>) -> FactsIndex {
        let whole = Artefact::of(&[1; 100]).unwrap();
        let deltas = List::new(deltas).unwrap();
        FactsIndex { epoch: 9, root: Digest([0; 32]), whole, deltas }
    }

    #[test]
    fn a_store_takes_the_delta_from_its_epoch_or_everything() {
        let index = index(vec![delta(8, 10), delta(5, 20), delta(4, 200)]);
        index.check().unwrap();
        for (at, size, way) in [
            (Some(8), 10, Way::Delta),
            (Some(5), 20, Way::Delta),
            (Some(4), 100, Way::Whole),
            (Some(3), 100, Way::Whole),
            (Some(9), 100, Way::Whole),
            (None, 100, Way::Whole),
        ] {
            let (artefact, found) = index.way_from(at);
            assert_eq!((artefact.size_bytes, found), (size, way), "{at:?}");
        }
    }

    #[test]
    fn deltas_descend_from_the_epoch() {
        for wrong in
            [vec![delta(9, 1)], vec![delta(5, 1), delta(5, 1)], vec![delta(5, 1), delta(6, 1)]]
        {
            assert!(index(wrong).check().is_err());
        }
    }
}
