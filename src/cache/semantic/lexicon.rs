//! The words of a shop's goods.

use std::collections::HashSet;

use super::language::Language;
use super::signature::Digest;
use super::words::{Token, tokens};

/// Most words that are kept; a catalogue's further ones count as unknown words.
const MAX_WORDS: usize = 200_000;

/// Words of names, brands, sizes and categories. They name what is asked about, so they must be the
/// same, and in the same order, in two questions of one meaning. Kept as digests.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    words: HashSet<Digest>,
}

impl Lexicon {
    /// Takes in the words of a product's name, brand or category.
    pub fn add(&mut self, text: &str) {
        for token in tokens(text).unwrap_or_default() {
            let Token::Word(word) = token else { continue };
            // Single letters are parts of sizes and contractions.
            if word.len() < 2 || self.words.len() >= MAX_WORDS {
                continue;
            }
            for language in Language::ALL {
                self.words.insert(Digest::of(language.stem(&word)));
            }
        }
    }

    pub(super) fn has(&self, stem: Digest) -> bool {
        self.words.contains(&stem)
    }

    /// Different words in it.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether it has no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

impl<'a> FromIterator<&'a str> for Lexicon {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut lexicon = Self::default();
        texts.into_iter().for_each(|text| lexicon.add(text));
        lexicon
    }
}
