//! What a question asks for, told from its words.

use super::phrases::{self, Phrases};
use crate::skills::language::Language;
use crate::skills::pattern;
use crate::skills::words::Word;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Whether a product is recalled.
    Recall,
    /// What a product contains that makes some people ill.
    Allergens,
    /// Which of two products, or of several, costs less.
    Compare,
    /// What is on offer: of a product, of a category, in the shop.
    Promotions,
    /// What a product costs.
    Price,
    /// When the shop or a service of it is open.
    Hours,
    /// Where a product is.
    Location,
    /// Whether a product, or a service, is there.
    Stock,
    /// What else is known of a product.
    Attribute(Aspect),
    /// What a product is.
    About,
    /// Something that no rule knows.
    Open,
}

/// What is to be known of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// How much is in it.
    Size,
    /// Who makes it.
    Brand,
    /// An attribute by its name.
    Other,
}

impl Intent {
    /// As provenance and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Allergens => "allergens",
            Self::Compare => "compare",
            Self::Promotions => "promotions",
            Self::Price => "price",
            Self::Hours => "hours",
            Self::Location => "location",
            Self::Stock => "stock",
            Self::Attribute(_) => "attribute",
            Self::About => "about",
            Self::Open => "open",
        }
    }
}

impl Intent {
    const ALL: [Self; 13] = [
        Self::Recall,
        Self::Allergens,
        Self::Compare,
        Self::Promotions,
        Self::Price,
        Self::Hours,
        Self::Location,
        Self::Stock,
        Self::Attribute(Aspect::Size),
        Self::Attribute(Aspect::Brand),
        Self::Attribute(Aspect::Other),
        Self::About,
        Self::Open,
    ];

    /// The intent of a name; of attributes the last.
    pub(in crate::skills) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().rfind(|intent| intent.name() == name)
    }

    /// Whether it is asked of a product.
    pub(in crate::skills) fn is_of_products(self) -> bool {
        use Intent::{About, Allergens, Attribute, Compare, Location, Price, Stock};
        matches!(self, Allergens | Compare | Price | Location | Stock | Attribute(_) | About)
    }
}

/// What a question asks for, and which of its words say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Understood {
    pub(super) intent: Intent,
    /// The language of the phrase.
    pub(super) language: Language,
    /// Places of the words that asked.
    pub(super) asking: Vec<usize>,
}

/// What words ask for. Phrases of `language` are tried, and where `certain` is false and none of
/// them matches, those of the others.
pub(super) fn understand(words: &[Word], language: Language, certain: bool) -> Understood {
    let folded: Vec<&str> = words.iter().map(|word| word.folded.as_str()).collect();
    let others = Language::ALL.into_iter().filter(|other| *other != language && !certain);
    let found =
        heaviest(phrases::of(language), &folded).map(|found| (language, found)).or_else(|| {
            others
                .filter_map(|other| Some((other, heaviest(phrases::of(other), &folded)?)))
                .max_by_key(|(_, (_, weight, _))| *weight)
        });
    match found {
        Some((language, (intent, _, asking))) => Understood { intent, language, asking },
        None => Understood { intent: Intent::Open, language, asking: Vec::new() },
    }
}

fn heaviest(phrases: &[Phrases], words: &[&str]) -> Option<(Intent, u8, Vec<usize>)> {
    let matches = phrases.iter().filter_map(|&(intent, weight, patterns)| {
        let found = patterns.split('|').find_map(|pattern| pattern::find(pattern, words))?;
        Some((intent, weight, found))
    });
    // Of equal ones the first in the list.
    matches.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
mod tests;
