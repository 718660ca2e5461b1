//! The places of entries, and how to find them.

use std::collections::HashMap;
use std::sync::Arc;

use super::postings::Postings;
use super::{Found, Kept};
use crate::cache::entry::Tally;
use crate::cache::{Events, Head, Key, Provenance};
use crate::facts::Name;

/// What an entry takes beside its body: head, place, postings. Names share their text.
const PLACE_BYTES: u64 = 400;
/// Of that, for each fact that it stands on.
const NAME_BYTES: u64 = 64;
/// Provenances that are looked through for an equal one.
const MAX_PROVENANCES: usize = 64;

/// One entry.
pub(super) struct Slot {
    head: Arc<Head>,
    tally: Arc<Tally>,
    events: Option<Events>,
    /// Bytes on disk, where it is there.
    disk_bytes: Option<u64>,
}

impl Slot {
    pub(super) fn in_memory(found: &Found, events: Events) -> Self {
        let (head, tally) = (Arc::clone(&found.head), Arc::clone(&found.tally));
        Self { head, tally, events: Some(events), disk_bytes: None }
    }

    pub(super) fn on_disk(head: Head, tally: Tally, bytes: u64) -> Self {
        let (head, tally) = (Arc::new(head), Arc::new(tally));
        Self { head, tally, events: None, disk_bytes: Some(bytes) }
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn found(&self) -> Found {
        let (head, tally) = (Arc::clone(&self.head), Arc::clone(&self.tally));
        Found { head, tally, events: self.events.clone() }
    }

    /// Whether its body can leave memory and be read again.
    pub(super) fn can_unload(&self) -> bool {
        self.events.is_some() && self.disk_bytes.is_some()
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        let names = self.head.record.read.len() as u64 * NAME_BYTES;
        let recipe = self.head.recipe.as_ref().map_or(0, |recipe| recipe.order.len() as u64);
        let body = if self.events.is_some() { self.head.bytes } else { 0 };
        PLACE_BYTES + names + recipe + body
    }

    pub(super) fn disk_bytes(&self) -> u64 {
        self.disk_bytes.unwrap_or(0)
    }
}

/// Entries in places that stay while they live.
#[derive(Default)]
pub(in crate::cache) struct Index {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    places: HashMap<Key, u32>,
    postings: Postings,
    /// As entries share them: there are few, as many as routes, models and templates.
    provenances: Vec<Arc<Provenance>>,
    memory_bytes: u64,
    disk_bytes: u64,
    /// Where the next search for something to evict begins.
    pub(super) hand: u64,
}

impl Index {
    pub(super) fn get(&self, key: &Key) -> Option<&Slot> {
        self.at(*self.places.get(key)?)
    }

    pub(super) fn at(&self, place: u32) -> Option<&Slot> {
        self.slots.get(place as usize)?.as_ref()
    }

    /// Places that were ever used; some are empty.
    pub(super) fn places(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.places.keys()
    }

    pub(super) fn kept(&self) -> Kept {
        let (memory_bytes, disk_bytes) = (self.memory_bytes, self.disk_bytes);
        Kept { entries: self.places.len() as u64, memory_bytes, disk_bytes }
    }

    pub(super) fn shared(&mut self, provenance: Provenance) -> Arc<Provenance> {
        if let Some(known) = self.provenances.iter().find(|known| ***known == provenance) {
            return Arc::clone(known);
        }
        // Old ones are those of models and templates that are gone.
        if self.provenances.len() == MAX_PROVENANCES {
            self.provenances.remove(0);
        }
        let made = Arc::new(provenance);
        self.provenances.push(Arc::clone(&made));
        made
    }

    pub(super) fn insert(&mut self, mut slot: Slot) {
        self.remove(&slot.head.key);
        if let Some(head) = Arc::get_mut(&mut slot.head) {
            for (name, _) in &mut head.record.read {
                if let Some(shared) = self.postings.shared(name) {
                    *name = shared;
                }
            }
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.places.insert(slot.head.key, place);
        for (name, _) in &slot.head.record.read {
            self.postings.add(name, place);
        }
        self.count(&slot, u64::wrapping_add);
        if let Some(free) = self.slots.get_mut(place as usize) {
            *free = Some(slot);
        }
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Found> {
        let place = self.places.remove(key)?;
        let slot = self.slots.get_mut(place as usize)?.take()?;
        self.free.push(place);
        for (name, _) in &slot.head.record.read {
            self.postings.remove(name, place);
        }
        self.count(&slot, u64::wrapping_sub);
        Some(slot.found())
    }

    /// Lets go of a body that is on disk.
    pub(super) fn unload(&mut self, place: u32) {
        self.change(place, |slot| slot.events = None);
    }

    pub(super) fn bring(&mut self, head: &Head, events: &Events) {
        let Some(&place) = self.places.get(&head.key) else { return };
        self.change(place, |slot| {
            if slot.head.made_ms == head.made_ms {
                slot.events = Some(Arc::clone(events));
            }
        });
    }

    /// Notes that the entry which was made then is on disk.
    pub(super) fn stored(&mut self, key: &Key, made_ms: u64, bytes: u64) {
        let Some(&place) = self.places.get(key) else { return };
        self.change(place, |slot| {
            if slot.head.made_ms == made_ms {
                slot.disk_bytes = Some(bytes);
            }
        });
    }

    pub(super) fn standing_on(&self, name: &Name) -> impl Iterator<Item = Key> {
        self.postings.of(name).filter_map(|place| Some(self.at(place)?.head.key))
    }

    fn change(&mut self, place: u32, change: impl FnOnce(&mut Slot)) {
        let Some(slot) = self.slots.get_mut(place as usize).and_then(Option::as_mut) else {
            return;
        };
        let before = (slot.memory_bytes(), slot.disk_bytes());
        change(slot);
        let after = (slot.memory_bytes(), slot.disk_bytes());
        self.memory_bytes = self.memory_bytes - before.0 + after.0;
        self.disk_bytes = self.disk_bytes - before.1 + after.1;
    }

    fn count(&mut self, slot: &Slot, with: fn(u64, u64) -> u64) {
        self.memory_bytes = with(self.memory_bytes, slot.memory_bytes());
        self.disk_bytes = with(self.disk_bytes, slot.disk_bytes());
    }
}
