//! How something is said: length, language, terms, repetitions.

use super::Refused;
use crate::skills::language::Language;
use crate::skills::words::{Word, fold, words};

/// Words that must be the same to be a repetition.
const REPEATED_WORDS: usize = 4;
/// How often they may be said.
const MAX_TIMES: usize = 2;
/// Texts with fewer words do not tell their language.
const MIN_WORDS_OF_LANGUAGE: usize = 6;

/// How a text is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// Characters at most, slots counted as they are written.
    pub max_chars: usize,
    /// Words at least.
    pub min_words: usize,
    /// Terms that are not to be said, as the shop wrote them.
    pub blocked: Vec<String>,
    /// What was asked, where the text answers a question.
    pub question: String,
}

/// `plain` is the text without its slots.
pub(super) fn check(
    text: &str,
    plain: &str,
    language: Language,
    wording: &Wording,
) -> Vec<Refused> {
    let mut refused = Vec::new();
    if text.chars().count() > wording.max_chars || is_cut(text) {
        refused.push(Refused::Length);
    }
    let words = words(plain);
    if words.len() < wording.min_words {
        refused.push(Refused::Empty);
    }
    if is_other_language(&words, language) {
        refused.push(Refused::Language);
    }
    let folded = format!(" {} ", fold(plain));
    let said = |term: &String| {
        let term = fold(term);
        !term.is_empty() && folded.contains(&format!(" {term} "))
    };
    if wording.blocked.iter().any(said) {
        refused.push(Refused::Blocked);
    }
    if repeats(words.iter().map(|word| word.folded.as_str()).collect()) {
        refused.push(Refused::Repeats);
    }
    refused
}

/// Whether a text ends in the middle of a sentence.
fn is_cut(text: &str) -> bool {
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || "\"”»)*".contains(c));
    !text.is_empty() && !text.ends_with(['.', '!', '?', '…', '}'])
}

/// Whether another language has more of its own words in a text than the one that is wanted.
fn is_other_language(words: &[Word], language: Language) -> bool {
    let is = |language: Language, word: &Word| {
        language.function_words().any(|known| known == word.folded)
    };
    let only = |of: Language, not: Language| {
        words.iter().filter(|word| is(of, word) && !is(not, word)).count()
    };
    let none = !words.iter().any(|word| is(language, word));
    let mut others = Language::ALL.into_iter().filter(|other| *other != language);
    let other = others.any(|other| only(other, language) > only(language, other));
    words.len() >= MIN_WORDS_OF_LANGUAGE && (none || other)
}

fn repeats(words: Vec<&str>) -> bool {
    let windows: Vec<&[&str]> = words.windows(REPEATED_WORDS).collect();
    windows.iter().enumerate().any(|(at, window)| {
        let rest = windows.get(at + 1..).unwrap_or_default();
        rest.iter().filter(|other| *other == window).count() >= MAX_TIMES
    })
}
