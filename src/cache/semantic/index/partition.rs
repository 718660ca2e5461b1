//! The questions that may answer each other, as columns.

use super::Found;
use super::vector::{Packed, differing, product};

/// Up to so many entries of a key are all compared.
pub(super) const SCAN_ALL: usize = 4096;
/// Of more, so many with the most equal signs are compared.
const RESCORED: usize = 512;

/// Entries as columns: a look-up reads the keys of all, and of those that agree the rest.
#[derive(Debug)]
pub(super) struct Partition<Id> {
    dimensions: usize,
    ids: Vec<Id>,
    keys: Vec<u64>,
    /// When it came, by a count of all that came.
    pushed: Vec<u64>,
    pushes: u64,
    /// `dimensions` values an entry.
    values: Vec<i8>,
    scales: Vec<f32>,
    /// `words` words an entry.
    signs: Vec<u64>,
    words: usize,
}

impl<Id: Copy> Partition<Id> {
    pub(super) fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            ids: Vec::new(),
            keys: Vec::new(),
            pushed: Vec::new(),
            pushes: 0,
            values: Vec::new(),
            scales: Vec::new(),
            signs: Vec::new(),
            words: dimensions.div_ceil(64),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The entry that was pushed first of those that are left.
    pub(super) fn oldest(&self) -> Option<Id> {
        let ages = self.pushed.iter().enumerate();
        let (place, _) = ages.min_by_key(|(_, pushed)| **pushed)?;
        self.ids.get(place).copied()
    }

    /// The vector of the entry at a place.
    pub(super) fn vector(&self, place: u32) -> Option<Packed> {
        let start = (place as usize).checked_mul(self.dimensions)?;
        self.values.get(start..start.checked_add(self.dimensions)?).map(Packed::of_values)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.values.capacity()
            + 8 * (self.keys.capacity() + self.pushed.capacity() + self.signs.capacity())
            + 4 * self.scales.capacity()
            + size_of::<Id>() * self.ids.capacity()
    }

    /// Appends an entry and tells its place; none where the vector is of another encoder.
    pub(super) fn push(&mut self, id: Id, key: u64, vector: &Packed) -> Option<u32> {
        if vector.dimensions() != self.dimensions {
            return None;
        }
        let place = u32::try_from(self.ids.len()).ok()?;
        self.grow();
        self.ids.push(id);
        self.keys.push(key);
        self.pushed.push(self.pushes);
        self.pushes += 1;
        self.values.extend_from_slice(vector.values());
        self.scales.push(vector.scale());
        self.signs.extend(vector.signs());
        Some(place)
    }

    /// Removes the entry at a place. Answers with the one that stands there now, if any.
    pub(super) fn swap_remove(&mut self, place: u32) -> Option<Id> {
        let place = place as usize;
        if place >= self.ids.len() {
            return None;
        }
        self.ids.swap_remove(place);
        self.keys.swap_remove(place);
        self.pushed.swap_remove(place);
        self.scales.swap_remove(place);
        swap_remove_row(&mut self.values, place, self.dimensions);
        swap_remove_row(&mut self.signs, place, self.words);
        self.shrink();
        self.ids.get(place).copied()
    }

    /// Makes room by quarters: twice the room, as vectors of the library take it, is beyond a budget.
    fn grow(&mut self) {
        if self.ids.len() == self.ids.capacity() {
            let more = (self.ids.len() / 4).max(16);
            self.ids.reserve_exact(more);
            self.keys.reserve_exact(more);
            self.pushed.reserve_exact(more);
            self.scales.reserve_exact(more);
            self.values.reserve_exact(more * self.dimensions);
            self.signs.reserve_exact(more * self.words);
        }
    }

    /// Gives memory back once three quarters of it stand empty.
    fn shrink(&mut self) {
        let length = self.ids.len();
        if self.ids.capacity() > 64 && length * 4 < self.ids.capacity() {
            let room = length * 2;
            self.ids.shrink_to(room);
            self.keys.shrink_to(room);
            self.pushed.shrink_to(room);
            self.scales.shrink_to(room);
            self.values.shrink_to(room * self.dimensions);
            self.signs.shrink_to(room * self.words);
        }
    }

    pub(super) fn nearest(&self, key: u64, vector: &Packed) -> Option<Found<Id>> {
        if vector.dimensions() != self.dimensions {
            return None;
        }
        let same = self.keys.iter().enumerate().filter(|(_, other)| **other == key);
        let places: Vec<u32> = same.map(|(place, _)| place as u32).collect();
        let places = if places.len() > SCAN_ALL { self.by_signs(places, vector) } else { places };
        let (place, similarity) = places
            .into_iter()
            .map(|place| (place, self.cosine(place as usize, vector)))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        Some(Found { id: *self.ids.get(place as usize)?, similarity })
    }

    /// The places whose signs are most like the vector's.
    fn by_signs(&self, places: Vec<u32>, vector: &Packed) -> Vec<u32> {
        let signs: Vec<u64> = vector.signs().collect();
        let distance = |place: u32| {
            let row = self.signs.get(place as usize * self.words..).unwrap_or_default();
            differing(row, &signs)
        };
        let mut far: Vec<(u32, u32)> =
            places.into_iter().map(|place| (distance(place), place)).collect();
        if far.len() > RESCORED {
            far.select_nth_unstable(RESCORED);
            far.truncate(RESCORED);
        }
        far.into_iter().map(|(_, place)| place).collect()
    }

    fn cosine(&self, place: usize, vector: &Packed) -> f32 {
        let from = place * self.dimensions;
        let row = self.values.get(from..from + self.dimensions).unwrap_or_default();
        let scale = self.scales.get(place).copied().unwrap_or_default();
        product(row, vector.values()) as f32 * scale * vector.scale()
    }
}

fn swap_remove_row<T: Copy>(rows: &mut Vec<T>, row: usize, width: usize) {
    let last = rows.len().saturating_sub(width);
    rows.copy_within(last.., row * width);
    rows.truncate(last);
}
