//! Questions by meaning: vectors of one byte a dimension, compared exactly.
//!
//! Questions are apart by partition, so nothing is found across one, and within a partition by the
//! key of their [`Signature`](super::Signature): the guards come before the comparison. What is
//! left is compared one by one. Only where more than 4096 are left are they first ordered by
//! the signs of their dimensions, and the nearest 512 compared.
//!
//! **Invariants**
//! - What was removed is neither found nor kept: its place is filled by the last entry, and memory
//!   goes back as entries go.
//! - There are never more than the given number of entries; the oldest of the fullest partition
//!   leaves first.

mod partition;
mod vector;

use std::collections::HashMap;
use std::hash::Hash;

#[cfg(test)]
use partition::SCAN_ALL;
pub(super) use vector::Packed;

use partition::Partition;

/// An entry that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found<Id> {
    pub(super) id: Id,
    /// Cosine of both questions; exact but for rounding to a byte a dimension.
    pub(super) similarity: f32,
}

/// Questions of entries `Id` in partitions `P`.
#[derive(Debug)]
pub(super) struct Index<P, Id> {
    partitions: HashMap<P, Partition<Id>>,
    /// Where an entry is.
    places: HashMap<Id, (P, u32)>,
    max_entries: usize,
}

impl<P: Copy + Eq + Hash, Id: Copy + Eq + Hash> Index<P, Id> {
    /// An empty index for at most so many entries.
    pub(super) fn new(max_entries: usize) -> Self {
        Self { partitions: HashMap::new(), places: HashMap::new(), max_entries }
    }

    /// Lets it have so many entries from now on; answers with those that had to leave.
    pub(super) fn set_room(&mut self, max_entries: usize) -> Vec<Id> {
        self.max_entries = max_entries;
        let mut gone = Vec::new();
        while self.len() > max_entries {
            let Some(id) = self.evict() else { break };
            gone.push(id);
        }
        gone
    }

    /// Entries in it.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether an entry is in it.
    pub(super) fn has(&self, id: &Id) -> bool {
        self.places.contains_key(id)
    }

    /// Whether less than a part (numerator, denominator) of all places is taken.
    pub(super) fn has_room(&self, (part, of): (usize, usize)) -> bool {
        self.len() < self.max_entries / of * part
    }

    /// Where an entry is, and its vector.
    pub(super) fn get(&self, id: &Id) -> Option<(P, Packed)> {
        let (at, place) = self.places.get(id)?;
        Some((*at, self.partitions.get(at)?.vector(*place)?))
    }

    /// Takes up an entry's question; one of the same id is replaced. Answers with the entry that had
    /// to leave, if the index was full.
    pub(super) fn insert(&mut self, at: P, id: Id, key: u64, vector: &Packed) -> Option<Id> {
        self.remove(&id);
        let left = (self.len() >= self.max_entries).then(|| self.evict()).flatten();
        let partition =
            self.partitions.entry(at).or_insert_with(|| Partition::new(vector.dimensions()));
        if let Some(place) = partition.push(id, key, vector) {
            self.places.insert(id, (at, place));
        }
        left
    }

    /// Forgets an entry. Answers whether it was there.
    pub(super) fn remove(&mut self, id: &Id) -> bool {
        let Some((at, place)) = self.places.remove(id) else { return false };
        let Some(partition) = self.partitions.get_mut(&at) else { return false };
        if let Some(moved) = partition.swap_remove(place) {
            self.places.insert(moved, (at, place));
        }
        if partition.is_empty() {
            self.partitions.remove(&at);
        }
        if self.places.capacity() > 64 && self.places.len() * 4 < self.places.capacity() {
            self.places.shrink_to(self.places.len() * 2);
        }
        true
    }

    /// The entry of the partition and key whose vector is nearest.
    pub(super) fn nearest(&self, at: &P, key: u64, vector: &Packed) -> Option<Found<Id>> {
        self.partitions.get(at)?.nearest(key, vector)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.partitions = HashMap::new();
        self.places = HashMap::new();
    }

    /// Bytes of vectors, keys and places, with what is kept free for more.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let places = self.places.capacity() * size_of::<(Id, (P, u32))>() * 8 / 7;
        places + self.partitions.values().map(Partition::bytes).sum::<usize>()
    }

    fn evict(&mut self) -> Option<Id> {
        let fullest = self.partitions.values().max_by_key(|partition| partition.len())?;
        let id = fullest.oldest()?;
        self.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(seed: u64) -> Packed {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        Packed::of(&(0..384).map(|_| next()).collect::<Vec<_>>())
    }

    #[test]
    fn the_nearest_of_the_same_partition_and_key_is_found() {
        let mut index = Index::new(100);
        index.insert("a", 1, 7, &vector(1));
        index.insert("a", 2, 7, &vector(2));
        index.insert("a", 3, 8, &vector(3));
        index.insert("b", 4, 7, &vector(4));
        let found = index.nearest(&"a", 7, &vector(2)).unwrap();
        assert_eq!(found.id, 2);
        assert!(found.similarity > 0.999);
        assert_ne!(index.nearest(&"a", 7, &vector(3)).unwrap().id, 3);
        assert_eq!(index.nearest(&"a", 9, &vector(3)), None);
        assert_ne!(index.nearest(&"a", 7, &vector(4)).map(|found| found.id), Some(4));
        assert_eq!(index.nearest(&"c", 7, &vector(1)), None);
    }

    #[test]
    fn what_was_removed_is_never_found_and_its_memory_is_given_back() {
        let mut index = Index::new(10_000);
        for id in 0..5000u64 {
            index.insert((), id, 1, &vector(id));
        }
        let full = index.bytes();
        for id in (0..5000).filter(|id| id % 10 != 0) {
            assert!(index.remove(&id));
            assert!(!index.remove(&id));
        }
        assert_eq!(index.len(), 500);
        assert!(index.bytes() * 4 < full, "{} of {full} bytes", index.bytes());
        for id in 0..5000 {
            let found = index.nearest(&(), 1, &vector(id)).unwrap();
            assert_eq!(found.id % 10, 0);
            assert_eq!(found.id == id, id % 10 == 0, "{id}");
        }
        (0..5000).filter(|id| id % 10 == 0).for_each(|id| assert!(index.remove(&id)));
        assert!(index.partitions.is_empty());
    }

    #[test]
    fn a_full_index_loses_an_entry_for_each_that_comes() {
        let mut index = Index::new(50);
        for id in 0..200u64 {
            index.insert(id % 3, id, 1, &vector(id));
            assert!(index.len() <= 50);
        }
        assert!((155..200).all(|id| index.has(&id)), "the newest stay");
    }

    #[test]
    fn a_question_that_comes_again_is_there_once() {
        let mut index = Index::new(50);
        index.insert("a", 1, 1, &vector(1));
        index.insert("b", 1, 2, &vector(2));
        assert_eq!(index.len(), 1);
        assert_eq!(index.nearest(&"a", 1, &vector(1)), None);
        assert_eq!(index.nearest(&"b", 2, &vector(2)).unwrap().id, 1);
    }

    #[test]
    fn vectors_of_another_encoder_are_not_compared() {
        let mut index = Index::new(50);
        index.insert((), 1, 1, &vector(1));
        assert_eq!(index.nearest(&(), 1, &Packed::of(&[1.0, 0.0])), None);
        index.insert((), 2, 1, &Packed::of(&[1.0, 0.0]));
        assert!(!index.has(&2));
    }

    #[test]
    fn ordering_by_signs_first_finds_nearly_what_comparing_all_finds() {
        let mut index = Index::new(20_000);
        let base: Vec<Packed> = (0..SCAN_ALL as u64 * 2).map(vector).collect();
        for (id, packed) in base.iter().enumerate() {
            index.insert((), id, 1, packed);
        }
        let near = |id: u64| {
            let (a, b) = (vector(id).unpacked(), vector(id + 1_000_000).unpacked());
            Packed::of(&a.iter().zip(b).map(|(a, b)| a + 0.6 * b).collect::<Vec<_>>())
        };
        let right = (0..200).map(near).filter(|asked| {
            let found = index.nearest(&(), 1, asked).unwrap();
            let best = base.iter().map(|other| other.cosine(asked)).fold(f32::MIN, f32::max);
            (found.similarity - best).abs() < 1e-6
        });
        assert!(right.count() >= 199);
    }
}
