//! Answers to other questions of the same meaning.

use std::sync::Arc;

use super::{Event, Key, Question, Scope};

/// A question as an encoder sees it: numbers whose squares add up to 1.
pub type Vector = Arc<[f32]>;

/// An entry whose question means the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Near {
    pub(super) key: Key,
    /// Cosine of the two questions.
    pub(super) similarity: f32,
    /// What was compared before and beside the cosine, for `why`.
    pub(super) guards: String,
    /// Whether the answer is to be made as well, and compared.
    pub(super) shadow: bool,
}

/// The index of questions.
#[derive(Default)]
pub(super) struct Semantic;

impl Semantic {
    /// The entry of the same scope and family whose question means the same, if one does.
    pub(super) fn find(&self, _: Scope, _: &Question, _: &[f32]) -> Option<Near> {
        None
    }

    /// Takes up an entry's question. Answers with what is to be kept of it on disk.
    pub(super) fn insert(&self, _: Key, _: Scope, _: &Question, _: &[f32]) -> Option<Arc<[u8]>> {
        None
    }

    /// Takes up what [`Self::insert`] gave to be kept.
    pub(super) fn take_up(&self, _: Key, _: Scope, _: &[u8]) {}

    /// Forgets an entry.
    pub(super) fn remove(&self, _: &Key) {}

    /// What is known of an entry's question and its last hits, a sentence each.
    pub(super) fn explain(&self, _: &Key) -> Vec<String> {
        Vec::new()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {}

    /// A hit was made as well: what was given, and what was made.
    pub(super) fn compared(&self, _: &Question, _: &Near, _given: &[Event], _made: &[Event]) {}
}
