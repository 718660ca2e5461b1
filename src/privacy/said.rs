//! Words of a text and phrases that announce what follows them.

use std::borrow::Cow;
use std::ops::Range;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// In small letters.
    pub lower: Cow<'a, str>,
    /// Whether its first letter is a capital.
    pub capital: bool,
    /// Bytes of the text.
    pub range: Range<usize>,
}

impl Word<'_> {
    /// Whether it is of letters alone.
    pub(super) fn is_letters(&self) -> bool {
        self.lower.chars().all(char::is_alphabetic)
    }
}

/// A text as words, with what stands between them.
pub(super) struct Said<'a> {
    pub text: &'a str,
    pub words: Vec<Word<'a>>,
}

impl<'a> Said<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut words = Vec::new();
        let mut from = None;
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            match (from, c.is_alphanumeric()) {
                (None, true) => from = Some(at),
                (Some(start), false) => {
                    let word = text.get(start..at).unwrap_or_default();
                    let capital = word.chars().next().is_some_and(char::is_uppercase);
                    let lower = if word.chars().any(char::is_uppercase) {
                        Cow::Owned(word.to_lowercase())
                    } else {
                        Cow::Borrowed(word)
                    };
                    words.push(Word { lower, capital, range: start..at });
                    from = None;
                }
                _ => {}
            }
        }
        Self { text, words }
    }

    /// What stands between a word and the next one.
    pub(super) fn gap(&self, at: usize) -> &str {
        let (Some(one), Some(next)) = (self.words.get(at), self.words.get(at + 1)) else {
            return "";
        };
        self.text.get(one.range.end..next.range.start).unwrap_or_default()
    }

    /// The number of words of the longest phrase that stands at a place; phrases are words with
    /// spaces between.
    pub(super) fn phrase_at(&self, at: usize, phrases: &[&str]) -> Option<usize> {
        let first = self.words.get(at)?.lower.as_ref();
        let stands = |phrase: &&&str| {
            if !phrase.starts_with(first) {
                return false;
            }
            let mut words = phrase.split(' ').enumerate();
            words.all(|(nth, word)| {
                let joined = nth == 0 || is_joint(self.gap(at + nth - 1));
                joined && self.words.get(at + nth).is_some_and(|said| said.lower == word)
            })
        };
        phrases.iter().filter(stands).map(|phrase| phrase.split(' ').count()).max()
    }

    /// Whether a word is no continuation of what stands before it: without it that could become an
    /// address of its own.
    pub(super) fn is_apart(&self, at: usize) -> bool {
        let start = self.words.get(at).map_or(0, |word| word.range.start);
        let begins = |c: char| c.is_whitespace() || "(\"“„«':,<>¿¡".contains(c);
        super::before(self.text, start).is_none_or(begins)
    }

    /// The word at a place.
    pub(super) fn word(&self, at: usize) -> Option<&Word<'a>> {
        self.words.get(at)
    }
}

/// Whether two words with this between them belong to one phrase or name.
pub(super) fn is_joint(gap: &str) -> bool {
    matches!(gap, " " | "'" | "’" | "-" | "\u{a0}" | ". " | "." | "´" | "`")
}

/// Whether what a phrase announces may stand behind this.
pub(super) fn announces(gap: &str) -> bool {
    gap.len() <= 4 && gap.chars().all(|c| " :'\"“„«’\u{a0}-".contains(c))
}
