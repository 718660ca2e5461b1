//! What a chain decides about its assistant.

use std::collections::BTreeMap;

use crate::skills::language::Language;

/// The voice of a brand, and what it does not talk about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct House {
    /// What the assistant calls itself.
    pub name: Option<String>,
    /// How it speaks, in a sentence that a model is told.
    pub tone: Option<String>,
    /// How it greets, by language; without one as everybody does.
    pub greetings: BTreeMap<Language, String>,
    /// The languages that it speaks; none for all there are.
    pub languages: Vec<Language>,
    /// Words and phrases of what it does not talk about.
    pub blocked_topics: Vec<String>,
    /// The model that is asked where the usual one is not fit, or found nothing to say.
    pub larger_model: Option<String>,
}

impl House {
    /// Whether it speaks a language.
    pub(super) fn speaks(&self, language: Language) -> bool {
        self.languages.is_empty() || self.languages.contains(&language)
    }

    /// The languages that it speaks, in their usual order.
    pub(super) fn spoken(&self) -> Vec<Language> {
        Language::ALL.into_iter().filter(|language| self.speaks(*language)).collect()
    }
}
