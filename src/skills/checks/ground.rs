//! What a text may stand on.

use std::collections::BTreeSet;

use crate::facts::{Allergen, Allergens};
use crate::skills::allergens::akin;
use crate::skills::words::{Word, words};

/// What was handed to a model: all that its text may say of numbers, names and allergens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ground {
    numbers: BTreeSet<String>,
    words: BTreeSet<String>,
    names: BTreeSet<String>,
    slots: BTreeSet<String>,
    contained: BTreeSet<Allergen>,
    traces: BTreeSet<Allergen>,
    products: usize,
    /// Products whose allergens are known.
    declared: usize,
}

impl Ground {
    /// Every word and number of a fact may be said.
    pub fn text(&mut self, text: &str) {
        for word in words(text) {
            let known = if word.is_number() { &mut self.numbers } else { &mut self.words };
            known.insert(word.folded);
        }
    }

    /// What a text is to be about: one of the words of these names is to be in it, or a slot.
    pub fn name(&mut self, name: &str) {
        self.text(name);
        let letters = |word: &Word| !word.is_number() && word.folded.chars().count() > 2;
        self.names.extend(words(name).into_iter().filter(letters).map(|word| word.folded));
    }

    /// A slot, as `{price:0041}`, may be used.
    pub fn slot(&mut self, slot: String) {
        self.slots.insert(slot);
    }

    /// A product with what is known of its allergens.
    pub fn product(&mut self, allergens: Option<&Allergens>) {
        self.products += 1;
        let Some(known) = allergens else { return };
        self.declared += 1;
        self.contained.extend(known.contains.iter().copied());
        self.traces.extend(known.may_contain.iter().copied());
    }

    /// The slots that may be used.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(String::as_str)
    }

    /// The numbers that may be said.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        self.numbers.iter().map(String::as_str)
    }

    /// Whether nothing is named that a text is to be about.
    pub(super) fn is_nameless(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn names_with(&self, word: &str) -> bool {
        self.names.contains(word)
    }

    pub(super) fn has_slot(&self, slot: &str) -> bool {
        self.slots.contains(slot)
    }

    pub(super) fn has_number(&self, number: &str) -> bool {
        self.numbers.contains(number)
    }

    /// Whether a folded word stands in what was handed over.
    pub(in crate::skills) fn has_word(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// Whether facts say that this is in it, or may be.
    pub(super) fn contains(&self, allergen: Allergen) -> bool {
        self.contained.contains(&allergen) || self.traces.contains(&allergen)
    }

    /// Whether facts say that this is in none of the products.
    pub(super) fn is_free_of(&self, allergen: Allergen) -> bool {
        let absent = !akin(allergen).iter().any(|allergen| self.contains(*allergen));
        self.products > 0 && self.declared == self.products && absent
    }
}
