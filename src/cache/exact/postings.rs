//! Which entries stand on which fact.

use std::collections::{HashMap, HashSet};

use crate::facts::Name;

/// From a fact's name to places in the index.
#[derive(Default)]
pub(super) struct Postings(HashMap<Name, HashSet<u32>>);

impl Postings {
    pub(super) fn add(&mut self, name: &Name, place: u32) {
        match self.0.get_mut(name) {
            Some(places) => places.insert(place),
            None => self.0.entry(name.clone()).or_default().insert(place),
        };
    }

    pub(super) fn remove(&mut self, name: &Name, place: u32) {
        let Some(places) = self.0.get_mut(name) else { return };
        places.remove(&place);
        if places.is_empty() {
            self.0.remove(name);
        }
    }

    pub(super) fn of(&self, name: &Name) -> impl Iterator<Item = u32> {
        self.0.get(name).into_iter().flatten().copied()
    }

    /// The name as it is kept here already, so that equal names share their text.
    pub(super) fn shared(&self, name: &Name) -> Option<Name> {
        self.0.get_key_value(name).map(|(kept, _)| kept.clone())
    }
}
