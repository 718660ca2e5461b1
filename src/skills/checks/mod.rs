//! What a generated text may not say.
//!
//! A model is handed facts and may still say something else. Each check compares a text, as the
//! model wrote it, with the facts that it was handed: [`Ground`]. Amounts of money stand in slots
//! that are bound later, so a text with any other is refused; allergens, products and quantities
//! are those of the facts, or the text is refused. The checks would rather refuse what is true
//! than let through what is not.

mod allergens;
mod amounts;
mod ground;
mod health;
mod products;
mod substance;
mod wording;

pub use ground::Ground;
pub use wording::Wording;

use super::language::Language;
use super::slots;

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// An amount of money, a share or a gift that is in no slot.
    Money,
    /// A quantity that no fact has.
    Quantity,
    /// A slot for something that was not handed over.
    Slot,
    /// A product, brand or place that no fact names.
    Product,
    /// A statement on allergens that facts do not make.
    Allergen,
    /// That something is good for somebody's health.
    Health,
    /// Longer than asked for, or cut off.
    Length,
    /// Nothing, or next to nothing.
    Empty,
    /// Another language than asked for.
    Language,
    /// A term that the shop does not want.
    Blocked,
    /// The same again and again.
    Repeats,
    /// Personal data that has a pattern.
    Personal,
    /// Nothing but what was asked.
    Echo,
    /// None of the things that it was to be about.
    Ungrounded,
    /// The model is not fit for the skill, so it was not asked.
    Unfit,
    /// The model's template makes no prompt of what it is to be told.
    Template,
}

impl Refused {
    /// Every reason.
    pub const ALL: [Self; 16] = [
        Self::Money,
        Self::Quantity,
        Self::Slot,
        Self::Product,
        Self::Allergen,
        Self::Health,
        Self::Length,
        Self::Empty,
        Self::Language,
        Self::Blocked,
        Self::Repeats,
        Self::Personal,
        Self::Echo,
        Self::Ungrounded,
        Self::Unfit,
        Self::Template,
    ];

    /// As provenance and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Quantity => "quantity",
            Self::Slot => "slot",
            Self::Product => "product",
            Self::Allergen => "allergen",
            Self::Health => "health",
            Self::Length => "length",
            Self::Empty => "empty",
            Self::Language => "language",
            Self::Blocked => "blocked_term",
            Self::Repeats => "repeats",
            Self::Personal => "personal_data",
            Self::Echo => "echo",
            Self::Ungrounded => "ungrounded",
            Self::Unfit => "unfit",
            Self::Template => "template",
        }
    }
}

/// Why a text may not be said, every reason once; none where it may.
pub fn check(text: &str, ground: &Ground, language: Language, wording: &Wording) -> Vec<Refused> {
    let mut refused = Vec::new();
    let (plain, unknown) = slots::without(text, |slot| ground.has_slot(slot));
    if unknown {
        refused.push(Refused::Slot);
    }
    refused.extend(amounts::check(&plain, ground));
    refused.extend(products::check(&plain, ground, language));
    refused.extend(allergens::check(&plain, ground));
    refused.extend(health::check(&plain, ground));
    refused.extend(wording::check(text, &plain, language, wording));
    refused.extend(substance::check(text, &plain, ground, language, wording));
    // Streets and people that words announce are a shop's own in what a shop says.
    if crate::privacy::find(&plain).iter().any(|found| found.entity.has_pattern()) {
        refused.push(Refused::Personal);
    }
    refused.sort_unstable();
    refused.dedup();
    refused
}

#[cfg(test)]
mod tests;
