//! Whether a text says something, of what it was to be about.

use std::collections::BTreeSet;

use super::{Ground, Refused, Wording};
use crate::skills::language::Language;
use crate::skills::words::words;

/// Refuses a text that has no word of its own beside the question's, and one that names none of
/// the things that it was to be about.
pub(super) fn check(
    text: &str,
    plain: &str,
    ground: &Ground,
    language: Language,
    wording: &Wording,
) -> Vec<Refused> {
    let idle = |word: &str| language.function_words().any(|known| known == word);
    let said: BTreeSet<String> = words(plain).into_iter().map(|word| word.folded).collect();
    let asked: BTreeSet<String> =
        words(&wording.question).into_iter().map(|word| word.folded).collect();
    let mut refused = Vec::new();
    let own = said.iter().any(|word| !asked.contains(word) && !idle(word));
    if !asked.is_empty() && !said.is_empty() && !own {
        refused.push(Refused::Echo);
    }
    let named = said.iter().any(|word| ground.names_with(word)) || text.contains('{');
    if !ground.is_nameless() && !named {
        refused.push(Refused::Ungrounded);
    }
    refused
}
