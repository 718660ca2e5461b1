//! The languages that the guards read.

use serde::{Deserialize, Serialize};

/// A language with a vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Language {
    /// English.
    English,
    /// German.
    German,
    /// Spanish.
    Spanish,
    /// French.
    French,
}

impl Language {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::English, Self::German, Self::Spanish, Self::French];

    /// Its ISO 639-1 code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Spanish => "es",
            Self::French => "fr",
        }
    }

    /// A word without the endings of number and case. Two words of one stem may still differ: this
    /// only spares the vocabulary from listing plurals.
    pub(super) fn stem(self, word: &str) -> &str {
        let cut = |endings: &[&str], least: usize| {
            let end = endings.iter().find_map(|end| word.strip_suffix(end));
            end.filter(|stem| stem.len() >= least).unwrap_or(word)
        };
        match self {
            Self::English => match word {
                _ if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") => word,
                _ if ["ches", "shes", "xes", "sses", "zes", "oes"]
                    .iter()
                    .any(|end| word.ends_with(end)) =>
                {
                    cut(&["es"], 3)
                }
                _ => cut(&["s"], 3),
            },
            Self::German => {
                let stem = cut(&["en", "er", "es", "em", "e", "n", "s"], 4);
                // "veganer" and "vegan" meet at the end only.
                if stem.len() == word.len() { word } else { self.stem(stem) }
            }
            Self::Spanish => cut(&["s"], 3),
            Self::French => cut(&["s", "x"], 3),
        }
    }
}
