//! Who is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::handoff::Associate;

/// A page that loses its line comes back within this time, milliseconds; until then its person is there.
const COMES_BACK_MS: u64 = 15_000;
/// Associates that are known at once; those who left first are forgotten.
const MAX_KNOWN: usize = 256;

/// Whether somebody may be rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Yes.
    #[default]
    Available,
    /// Not now.
    Away,
}

#[derive(Debug)]
struct Known {
    associate: Associate,
    state: State,
    /// Pages that listen.
    pages: u32,
    /// When a page was there last, or something was done without one.
    left_ms: u64,
    rung_ms: u64,
}

/// Everybody who was there since the start.
#[derive(Debug)]
pub(super) struct People {
    known: Mutex<BTreeMap<String, Known>>,
    since_ms: u64,
}

impl People {
    /// Nobody yet, at this moment.
    pub(super) fn since(since_ms: u64) -> Self {
        Self { known: Mutex::default(), since_ms }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Known>) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn entry<T>(&self, of: &Associate, act: impl FnOnce(&mut Known) -> T) -> T {
        self.with(|all| {
            if all.len() >= MAX_KNOWN && !all.contains_key(&of.id) {
                let first = all.iter().filter(|(_, known)| known.pages == 0);
                let first = first.min_by_key(|(_, known)| known.left_ms).map(|(id, _)| id.clone());
                first.and_then(|id| all.remove(&id));
            }
            let known = all.entry(of.id.clone()).or_insert_with(|| Known {
                associate: of.clone(),
                state: State::Available,
                pages: 0,
                left_ms: 0,
                rung_ms: 0,
            });
            known.associate = of.clone();
            act(known)
        })
    }

    /// One more page of this person's listens.
    pub(super) fn came(&self, who: &Associate) {
        self.entry(who, |known| known.pages += 1);
    }

    /// One page less.
    fn left(&self, id: &str, now_ms: u64) {
        self.with(|all| {
            if let Some(known) = all.get_mut(id) {
                known.pages = known.pages.saturating_sub(1);
                known.left_ms = now_ms;
            }
        });
    }

    /// This person did something, whether or not a page listens.
    pub(super) fn acted(&self, who: &Associate, now_ms: u64) {
        self.entry(who, |known| known.left_ms = known.left_ms.max(now_ms));
    }

    /// How long nothing was heard of this person: 0 while a page listens.
    pub(super) fn gone_ms(&self, id: &str, now_ms: u64) -> u64 {
        self.with(|all| match all.get(id) {
            Some(known) if known.pages > 0 => 0,
            Some(known) => now_ms.saturating_sub(known.left_ms.max(self.since_ms)),
            None => now_ms.saturating_sub(self.since_ms),
        })
    }

    /// Whether this person may be rung; whether that changed.
    pub(super) fn set(&self, who: &Associate, state: State) -> bool {
        self.entry(who, |known| std::mem::replace(&mut known.state, state) != state)
    }

    pub(super) fn state(&self, id: &str) -> State {
        self.with(|all| all.get(id).map(|known| known.state).unwrap_or_default())
    }

    pub(super) fn rung(&self, id: &str, now_ms: u64) {
        self.with(|all| all.get_mut(id).map(|known| known.rung_ms = now_ms));
    }

    /// Who may be rung now, and when each was rung last.
    pub(super) fn present(&self, now_ms: u64) -> Vec<(Associate, u64)> {
        let there = |known: &&Known| {
            let listens = known.pages > 0 || now_ms < known.left_ms.saturating_add(COMES_BACK_MS);
            known.state == State::Available && listens
        };
        self.with(|all| {
            let present = all.values().filter(there);
            present.map(|known| (known.associate.clone(), known.rung_ms)).collect()
        })
    }
}

/// Somebody listens as long as this is held.
#[derive(Debug)]
pub struct Listening {
    pub(super) people: Arc<People>,
    pub(super) id: String,
    pub(super) clock: fn() -> u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.people.left(&self.id, (self.clock)());
    }
}
