//! Entries by their keys, and by the facts that they stand on.
//!
//! Heads are all in memory; bodies are as long as there is room, and on disk otherwise.

mod eviction;
mod index;
mod postings;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::entry::Tally;
use super::{Events, Head, Key, Provenance};
use crate::facts::Name;
use index::{Index, Slot};

/// How much may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Of heads and bodies in memory.
    pub(super) memory_bytes: u64,
    /// Of entries on disk; 0 where nothing is kept there.
    pub(super) disk_bytes: u64,
}

/// An entry that was found.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) head: Arc<Head>,
    pub(super) tally: Arc<Tally>,
    /// `None` where the body is on disk only.
    pub(super) events: Option<Events>,
}

impl Found {
    pub(super) fn of(head: Head, tally: Tally) -> Self {
        Self { head: Arc::new(head), tally: Arc::new(tally), events: None }
    }
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Answers.
    pub entries: u64,
    /// What they take in memory.
    pub memory_bytes: u64,
    /// What they take on disk.
    pub disk_bytes: u64,
}

/// All entries.
pub(super) struct Exact {
    index: RwLock<Index>,
    room: RwLock<Room>,
}

impl Exact {
    pub(super) fn new(room: Room) -> Self {
        Self { index: RwLock::default(), room: RwLock::new(room) }
    }

    /// How much may be kept.
    pub(super) fn room(&self) -> Room {
        *self.room.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how much may be kept in memory. Answers with what had to leave.
    pub(super) fn set_memory(&self, memory_bytes: u64) -> Vec<Key> {
        self.room.write().unwrap_or_else(PoisonError::into_inner).memory_bytes = memory_bytes;
        eviction::make_room(&mut self.write(), self.room())
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &Key) -> Option<Found> {
        self.read().get(key).map(Slot::found)
    }

    /// Keeps an entry in the place of its former self. Answers with what had to leave for it, which
    /// may be the entry itself.
    pub(super) fn insert(&self, found: &Found, events: Events) -> Vec<Key> {
        let mut index = self.write();
        index.insert(Slot::in_memory(found, events));
        eviction::make_room(&mut index, self.room())
    }

    /// Takes up what is on disk, such as at the start.
    pub(super) fn take_up(&self, kept: impl Iterator<Item = (Head, Tally, u64)>) -> Vec<Key> {
        let mut index = self.write();
        kept.for_each(|(head, tally, bytes)| index.insert(Slot::on_disk(head, tally, bytes)));
        eviction::make_room(&mut index, self.room())
    }

    /// An entry's body was read from disk. It stays in memory where there is room.
    pub(super) fn brought(&self, head: &Head, events: &Events) {
        let mut index = self.write();
        index.bring(head, events);
        // What is on disk too leaves memory and nothing else.
        eviction::unload(&mut index, self.room());
    }

    /// An entry is on disk now, where it takes this many bytes.
    pub(super) fn stored(&self, made: &[(Key, u64, u64)]) -> Vec<Key> {
        let mut index = self.write();
        for (key, made_ms, bytes) in made {
            index.stored(key, *made_ms, *bytes);
        }
        eviction::make_room(&mut index, self.room())
    }

    /// Forgets an entry, where it is the one that was made then.
    pub(super) fn remove(&self, key: &Key, made_ms: Option<u64>) -> Option<Found> {
        let mut index = self.write();
        let right = |slot: &Slot| made_ms.is_none_or(|made| slot.head().made_ms == made);
        index.get(key).is_some_and(right).then(|| index.remove(key))?
    }

    /// Forgets every entry that stands on one of these facts.
    pub(super) fn remove_standing_on(&self, names: &[Name]) -> Vec<Found> {
        let mut index = self.write();
        let keys: Vec<Key> = names.iter().flat_map(|name| index.standing_on(name)).collect();
        keys.iter().filter_map(|key| index.remove(key)).collect()
    }

    /// Forgets every entry that came with a pack.
    pub(super) fn remove_of_packs(&self) {
        let mut index = self.write();
        let of_packs = index.slots().filter(|slot| slot.head().pack.is_some());
        let keys: Vec<Key> = of_packs.map(|slot| slot.head().key).collect();
        keys.iter().for_each(|key| drop(index.remove(key)));
    }

    /// The entries that stand on one of these facts.
    pub(super) fn standing_on(&self, names: &[Name]) -> Vec<Found> {
        let index = self.read();
        let keys = names.iter().flat_map(|name| index.standing_on(name));
        keys.filter_map(|key| index.get(&key).map(Slot::found)).collect()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) -> Vec<Key> {
        std::mem::take(&mut *self.write()).keys().copied().collect()
    }

    /// The provenance as other entries have it already.
    pub(super) fn shared(&self, provenance: Provenance) -> Arc<Provenance> {
        self.write().shared(provenance)
    }

    /// Every entry.
    pub(super) fn all(&self) -> Vec<Found> {
        self.read().slots().map(Slot::found).collect()
    }

    pub(super) fn kept(&self) -> Kept {
        self.read().kept()
    }
}
