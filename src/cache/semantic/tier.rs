//! The semantic tier of the cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::calibration::Calibration;
use super::category::Category;
use super::index::{Index, Packed};
use super::meaning::{Meaning, Partition};
use super::shadow::{Said, alike};
use super::signature::{Digest, Signature, signature};
use super::watch::{Seen, Switch, Watch};
use crate::cache::{Event, Key, Question, Scope};
use crate::facts::UnixSeconds;
use crate::telemetry::CacheMetrics;

/// What an entry takes here at most, in bytes: a vector of 384 dimensions, its signature, and room
/// that tables keep free to grow.
const BYTES_PER_ENTRY: u64 = 1536;
/// Questions of packs are taken up while the index is filled to no more than this part.
const PACKS_PART: (usize, usize) = (1, 2);

/// An entry whose question means the same.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cache) struct Near {
    pub(in crate::cache) key: Key,
    /// Cosine of the two questions.
    pub(in crate::cache) similarity: f32,
    /// What both questions are about.
    category: Category,
    /// Whether the answer is to be made as well, and compared.
    pub(in crate::cache) shadow: bool,
}

/// The index of questions, and how its answers do.
pub(in crate::cache) struct Semantic {
    state: Mutex<State>,
    metrics: CacheMetrics,
}

struct State {
    index: Index<Partition, Key>,
    entries: HashMap<Key, Entry>,
    calibration: Calibration,
    watch: Watch,
}

/// What `why` tells of an entry.
#[derive(Debug, Clone, Copy)]
struct Entry {
    signature: Signature,
    hits: u64,
    last_similarity: f32,
}

/// Entries that have room in so much memory.
fn entries_in(memory_bytes: u64) -> usize {
    usize::try_from(memory_bytes / BYTES_PER_ENTRY).unwrap_or(usize::MAX)
}

impl Semantic {
    /// A tier without thresholds, which finds nothing until it is given some. Of questions that have no
    /// room in the memory, the oldest leave.
    pub(in crate::cache) fn new(memory_bytes: u64, metrics: CacheMetrics) -> Self {
        let state = State {
            index: Index::new(entries_in(memory_bytes)),
            entries: HashMap::new(),
            calibration: Calibration::default(),
            watch: Watch::default(),
        };
        Self { state: Mutex::new(state), metrics }
    }

    /// Sets what questions may take of the memory.
    pub(in crate::cache) fn set_memory(&self, memory_bytes: u64) {
        let mut state = self.lock();
        for gone in state.index.set_room(entries_in(memory_bytes)) {
            state.entries.remove(&gone);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides by these thresholds from now on, and compares vectors of their encoder only.
    pub(in crate::cache) fn calibrate(&self, calibration: Calibration) {
        self.lock().calibration = calibration;
    }

    /// The entry of the same scope and family whose question means the same, if one does.
    pub(in crate::cache) fn find(
        &self,
        scope: Scope,
        question: &Question,
        vector: &[f32],
    ) -> Option<Near> {
        let signature = signature(&question.text);
        let category = signature.category().filter(|category| category.may_share())?;
        let now_s = UnixSeconds::now().0;
        let mut state = self.lock();
        let least = state.calibration.threshold(category)?;
        let (on, switch) = state.watch.may_answer(category, now_s);
        if let Some(switch) = switch {
            self.tell(category, switch);
        }
        let encoder = Digest::of(&state.calibration.encoder);
        let at = Partition { scope, family: question.family, category, encoder };
        let found =
            on.then(|| state.index.nearest(&at, signature.key(), &Packed::of(vector)))??;
        if found.similarity < least {
            return None;
        }
        if let Some(entry) = state.entries.get_mut(&found.id) {
            entry.hits += 1;
            entry.last_similarity = found.similarity;
        }
        let shadow = state.watch.hit(category);
        Some(Near { key: found.id, similarity: found.similarity, category, shadow })
    }

    /// Takes up an entry's question. Answers with what is to be kept of it on disk.
    pub(in crate::cache) fn insert(
        &self,
        key: Key,
        scope: Scope,
        question: &Question,
        vector: &[f32],
    ) -> Option<Arc<[u8]>> {
        let signature = signature(&question.text);
        let mut state = self.lock();
        let encoder = Digest::of(&state.calibration.encoder);
        let meaning = Meaning::of(question.family, encoder, signature, &Packed::of(vector));
        let kept = state.put(key, scope, &meaning);
        kept.then(|| meaning.to_bytes())?.map(Arc::from)
    }

    /// Takes up what [`Self::insert`] gave to be kept.
    pub(in crate::cache) fn take_up(&self, key: Key, scope: Scope, meaning: &[u8]) {
        if let Some(meaning) = Meaning::read(meaning) {
            self.lock().put(key, scope, &meaning);
        }
    }

    /// Takes up the question of an answer that came with a pack, as far as there is room beside what was
    /// asked here; an answer of this key that was made here keeps its own.
    pub(in crate::cache) fn take_up_beside(&self, key: Key, scope: Scope, meaning: &[u8]) {
        let Some(meaning) = Meaning::read(meaning) else { return };
        let mut state = self.lock();
        if state.index.has_room(PACKS_PART) && !state.index.has(&key) {
            state.put(key, scope, &meaning);
        }
    }

    /// What [`Self::insert`] gave to be kept, where the entry's question is there still.
    pub(in crate::cache) fn meaning(&self, key: &Key) -> Option<Arc<[u8]>> {
        let state = self.lock();
        let signature = state.entries.get(key)?.signature;
        let (Partition { family, encoder, .. }, vector) = state.index.get(key)?;
        let meaning = Meaning::of(family, encoder, signature, &vector);
        meaning.to_bytes().map(Arc::from)
    }

    /// Forgets an entry.
    pub(in crate::cache) fn remove(&self, key: &Key) {
        let mut state = self.lock();
        state.index.remove(key);
        state.entries.remove(key);
    }

    /// What is known of an entry's question and its last hits, a sentence each.
    pub(in crate::cache) fn explain(&self, key: &Key) -> Vec<String> {
        let state = self.lock();
        let Some(entry) = state.entries.get(key) else { return Vec::new() };
        let Some(category) = entry.signature.category() else { return Vec::new() };
        let language = entry.signature.language().map_or("?", |language| language.code());
        let mut told = vec![format!("its question is about {category}, in `{language}`")];
        match state.calibration.threshold(category) {
            Some(least) => told.push(format!(
                "others are given it from a similarity of {least:.2} on, where {AGREED}"
            )),
            None => {
                told.push(format!("no threshold is known for {category}: nobody else is given it"))
            }
        }
        if entry.hits > 0 {
            let (hits, last) = (entry.hits, entry.last_similarity);
            told.push(format!("it was given to {hits} other questions, the last at {last:.3}"));
        }
        let Seen { compared, false_hits, off_since, .. } = state.watch.seen(category);
        if compared > 0 {
            told.push(format!("of {compared} compared hits of {category} {false_hits} were false"));
        }
        if off_since.is_some() {
            told.push(format!("{category} has switched itself off"));
        }
        told
    }

    /// Bytes of what is held, with what tables keep free.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let state = self.lock();
        state.index.bytes() + state.entries.capacity() * size_of::<(Key, Entry)>() * 8 / 7
    }

    /// Forgets everything but how the categories did.
    pub(in crate::cache) fn clear(&self) {
        self.lock().clear();
    }

    /// A hit was made as well: what was given, and what was made.
    pub(in crate::cache) fn compared(&self, near: &Near, given: &[Event], made: &[Event]) {
        let same = alike(&said(given), &said(made));
        let mut state = self.lock();
        let budget = state.calibration.budget;
        let now_s = UnixSeconds::now().0;
        let switch = state.watch.compared(near.category, same, budget, now_s);
        self.metrics.compared(near.category.as_str(), same);
        if let Some(switch) = switch {
            self.tell(near.category, switch);
        }
    }

    /// How the categories did, to be kept on disk.
    pub(in crate::cache) fn watched(&self) -> Option<Vec<u8>> {
        postcard::to_allocvec(&self.lock().watch).ok()
    }

    /// Goes on with what [`Self::watched`] gave.
    pub(in crate::cache) fn go_on_watching(&self, watched: &[u8]) {
        if let Ok(watch) = postcard::from_bytes(watched) {
            self.lock().watch = watch;
        }
    }

    fn tell(&self, category: Category, switch: Switch) {
        self.metrics.by_meaning(category.as_str(), switch == Switch::On);
        match switch {
            Switch::Off { compared, false_hits } => tracing::warn!(
                category = category.as_str(),
                compared,
                false_hits,
                "answers by meaning are off: too many were false"
            ),
            Switch::On => tracing::info!(
                category = category.as_str(),
                "answers by meaning are on again, all compared at first"
            ),
        }
    }
}

/// What the guards have compared.
const AGREED: &str =
    "language, numbers, codes, other words, what is negated, their order and what is asked agree";

impl State {
    /// Answers whether the question is one that others may be answered by.
    fn put(&mut self, key: Key, scope: Scope, meaning: &Meaning) -> bool {
        let signature = meaning.signature;
        let category = signature.category().filter(|category| category.may_share());
        let Some(category) = category else { return false };
        let Meaning { family, encoder, .. } = *meaning;
        let at = Partition { scope, family, category, encoder };
        let left = self.index.insert(at, key, signature.key(), &meaning.vector());
        if let Some(left) = left {
            self.entries.remove(&left);
        }
        let kept = self.index.has(&key);
        if kept {
            self.entries.insert(key, Entry { signature, hits: 0, last_similarity: 0.0 });
        }
        kept
    }

    fn clear(&mut self) {
        self.index.clear();
        self.entries = HashMap::new();
    }
}

fn said(events: &[Event]) -> Said {
    let mut said = Said::default();
    for event in events {
        match event {
            Event::Chunk { chunk, .. } => said.text(&chunk.text),
            Event::Note(note) => said.note(note),
            Event::Withheld { .. } => {}
        }
    }
    said
}
