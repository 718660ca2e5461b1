//! Packs: answers that were made elsewhere, for whoever holds the same facts.
//!
//! A pack is a set of answers that HQ signed. Its answers lie on disk, apart from those that were made
//! here, and are looked at where nothing else is found: what an answer stands on is compared by
//! content ([`crate::facts::Facts::unseal`]), and where all of it is the same here, it is taken up like
//! an answer that was made here and checked by the same rule from then on. So a pack may come before
//! the facts that it was made of, and is silent until then.
//!
//! **Invariants**
//! - No answer of a pack is given in a shop where anything that it stands on is otherwise.
//! - A pack comes and goes as a set, in one transaction; answers that were made here stay.
//! - Packs have a share of memory and disk of their own: they never push out what was made here.
//! - What somebody purged is not given again, whichever pack has it.

mod bind;
mod census;
mod export;
mod install;
mod portable;
mod purge;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use super::store::{PackSet, PackSets};
use super::{Key, Scope};

pub use census::Census;
pub use export::{Choice, Export};
pub use install::{Installed, PackError};

/// What an answer of a pack takes in memory beside its question: key, digest, and room that tables keep
/// free.
pub(super) const BYTES_PER_ENTRY: u64 = 160;

/// A pack that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackState {
    /// SHA-256 of its index.
    pub digest: [u8; 32],
    /// Its number.
    pub epoch: u64,
    /// What people call it.
    pub name: Option<String>,
    /// Answers that are kept of it.
    pub entries: usize,
    /// Answers that it has beside these: they have no room here, or cannot be read.
    pub left_out: usize,
    /// What it takes on disk.
    pub disk_bytes: u64,
}

/// From which pack an answer comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackMark {
    /// Its number.
    pub epoch: u64,
    /// What people call it.
    pub name: Option<Arc<str>>,
    /// SHA-256 of the entry.
    pub entry: [u8; 32],
}

/// What is in memory of the packs.
#[derive(Debug, Default)]
pub(super) struct Packs(RwLock<Inside>);

#[derive(Debug, Default)]
struct Inside {
    /// Of the pack whose answers are given: entries by their answers' keys.
    by_key: HashMap<Key, [u8; 32]>,
    name: Option<Arc<str>>,
    epoch: u64,
    current: Option<PackState>,
    previous: Option<PackState>,
    /// Counts changes, so that what was looked up before one is not taken up after it.
    changes: u64,
}

impl Packs {
    /// Takes up what the file has.
    pub(super) fn show(&self, sets: &PackSets, purged: &HashSet<[u8; 32]>) {
        let current = sets.current.as_ref();
        let kept = current.into_iter().flat_map(PackSet::kept);
        let kept = kept.filter(|row| !purged.contains(&row.digest));
        let by_key = kept.filter_map(|row| Some((Key::from_bytes(row.key?), row.digest)));
        let by_key: HashMap<_, _> = by_key.collect();
        let mut inside = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *inside = Inside {
            by_key,
            name: current.and_then(|set| set.name.as_deref()).map(Arc::from),
            epoch: current.map_or(0, |set| set.epoch),
            current: current.map(state),
            previous: sets.previous.as_ref().map(state),
            changes: inside.changes + 1,
        };
    }

    /// The entry with this answer, and the count of changes at which it was looked up.
    pub(super) fn entry(&self, key: &Key) -> Option<(PackMark, u64)> {
        let inside = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entry = *inside.by_key.get(key)?;
        let mark = PackMark { epoch: inside.epoch, name: inside.name.clone(), entry };
        Some((mark, inside.changes))
    }

    pub(super) fn holds(&self, key: &Key) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_key.contains_key(key)
    }

    pub(super) fn changes(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).changes
    }

    /// The pack whose answers are given, and the one before.
    pub(super) fn states(&self) -> (Option<PackState>, Option<PackState>) {
        let inside = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (inside.current.clone(), inside.previous.clone())
    }

    /// Every answer that can be given, with its entry.
    pub(super) fn all(&self) -> Vec<(Key, [u8; 32])> {
        let inside = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inside.by_key.iter().map(|(key, entry)| (*key, *entry)).collect()
    }

    /// Does not give these any more.
    pub(super) fn hide(&self, keys: &[Key]) {
        let mut inside = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            inside.by_key.remove(key);
        }
        inside.changes += 1;
    }
}

fn state(set: &PackSet) -> PackState {
    let entries = set.kept().count();
    PackState {
        digest: set.digest,
        epoch: set.epoch,
        name: set.name.clone(),
        entries,
        left_out: set.rows.len() - entries,
        disk_bytes: set.disk_bytes(),
    }
}

/// In which scope an entry's answer is.
pub(super) fn scope_of(is_store: bool) -> Scope {
    if is_store { Scope::Store } else { Scope::Public }
}
