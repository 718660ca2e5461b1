//! How people ask for things, by language. The number is how much a phrase weighs against others.

use super::intent::Intent;
use crate::skills::language::Language;

mod english;
mod french;
mod german;
mod spanish;

/// What phrases of one weight ask for; the patterns are those of `pattern`, with `|` between.
pub(super) type Phrases = (Intent, u8, &'static str);

/// All phrases of a language.
pub(super) fn of(language: Language) -> &'static [Phrases] {
    match language {
        Language::English => english::PHRASES,
        Language::German => german::PHRASES,
        Language::Spanish => spanish::PHRASES,
        Language::French => french::PHRASES,
    }
}

/// Words besides function words that say nothing about which product is meant.
pub(super) fn noise(language: Language) -> &'static str {
    match language {
        Language::English => english::NOISE,
        Language::German => german::NOISE,
        Language::Spanish => spanish::NOISE,
        Language::French => french::NOISE,
    }
}

/// Words that stand between two things that are compared: those that always do, and one that may
/// stand in a name as well.
pub(super) fn between(language: Language) -> [&'static [&'static str]; 2] {
    match language {
        Language::English => [&["or", "than", "vs", "versus"], &["and"]],
        Language::German => [&["oder", "als", "vs", "gegen"], &["und"]],
        Language::Spanish => [&["o", "que", "vs"], &["y"]],
        Language::French => [&["ou", "que", "vs"], &["et"]],
    }
}
