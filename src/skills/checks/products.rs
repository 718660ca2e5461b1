//! Names: only those that facts have.

use super::{Ground, Refused};
use crate::skills::language::Language;
use crate::skills::words::{Word, words};

/// Names that belong to no product, folded.
const ANYBODYS: &str = "\
    i monday tuesday wednesday thursday friday saturday sunday january february march april may \
    june july august september october november december ok";
/// What begins or ends a quotation.
const QUOTES: [char; 9] = ['"', '“', '”', '„', '«', '»', '‹', '›', '‟'];

/// Refuses names that no fact has: words with a capital letter within a sentence (in German, where
/// every noun has one, two of them in a row) and whatever is quoted.
pub(super) fn check(plain: &str, ground: &Ground, language: Language) -> Option<Refused> {
    let words = words(plain);
    let known = |word: &Word| {
        word.is_number()
            || ground.has_word(&word.folded)
            || language.function_words().any(|known| known == word.folded)
            || ANYBODYS.split_ascii_whitespace().any(|known| known == word.folded)
    };
    let run_limit = if language == Language::German { 2 } else { 1 };
    let invented = runs(plain, &words).any(|run| {
        let names = run.iter().filter(|word| !known(word)).count();
        let within = run.len() > 1 || !begins_sentence(plain, run);
        within && names > 0 && run.len() >= run_limit
    });
    let quoted = plain.split(QUOTES).skip(1).step_by(2);
    let quoted = quoted.flat_map(crate::skills::words::words).any(|word| !known(&word));
    (invented || quoted).then_some(Refused::Product)
}

/// Words with a capital letter that stand together, with nothing but a space between.
fn runs<'a>(plain: &'a str, words: &'a [Word]) -> impl Iterator<Item = &'a [Word]> {
    let capital = move |word: &Word| {
        plain.get(word.range.clone()).is_some_and(|text| text.starts_with(char::is_uppercase))
    };
    let together = move |a: &Word, b: &Word| {
        let between = plain.get(a.range.end..b.range.start).unwrap_or_default();
        capital(a) && capital(b) && between.chars().all(|c| c == ' ' || c == '-' || c == '\'')
    };
    words.chunk_by(together).filter(move |run| run.first().is_some_and(capital))
}

/// Whether a run's first word is a sentence's first.
fn begins_sentence(plain: &str, run: &[Word]) -> bool {
    let start = run.first().map_or(0, |word| word.range.start);
    let before = plain.get(..start).unwrap_or_default();
    let before = before.trim_end_matches(|c: char| c.is_whitespace() || "\"“„«¿¡(*-".contains(c));
    before.is_empty() || before.ends_with(['.', '!', '?', ':', '…'])
}
