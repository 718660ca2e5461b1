//! Whether two answers say the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::words::{Token, tokens_of_any_length};

/// Share of words that two answers of one meaning have in common at least. The same thing said
/// twice shares most of its content words; answers about different things share few.
const COMMON_WORDS: f64 = 0.5;

/// What an answer says, as far as it can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    text: String,
    cited: BTreeSet<String>,
}

impl Said {
    /// Adds a part of the text.
    pub(super) fn text(&mut self, part: &str) {
        self.text.push_str(part);
    }

    /// Adds what a maker noted: of an object its `text` and what it has `cited`, for the rest of
    /// it, such as seeds and revisions, may differ; of anything else all.
    pub(super) fn note(&mut self, note: &str) {
        let Ok(Value::Object(fields)) = serde_json::from_str(note) else {
            return self.text(note);
        };
        if let Some(Value::String(text)) = fields.get("text") {
            self.text(text);
        }
        let cited = fields.get("cited").and_then(Value::as_array);
        self.cited.extend(cited.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
}

/// Whether one of two answers may stand for the other: facts in common, the same numbers and codes,
/// and mostly the same words. Not all that is cited is the same: each wording finds neighbours of its own.
pub(super) fn alike(given: &Said, made: &Said) -> bool {
    if given.cited != made.cited && given.cited.is_disjoint(&made.cited) {
        return false;
    }
    let (given, made) = (Content::of(&given.text), Content::of(&made.text));
    given.figures == made.figures && given.common(&made) >= COMMON_WORDS
}

/// Figures and words of a text.
struct Content {
    figures: BTreeSet<String>,
    words: BTreeMap<String, usize>,
}

impl Content {
    fn of(text: &str) -> Self {
        let (mut figures, mut words) = (BTreeSet::new(), BTreeMap::new());
        for token in tokens_of_any_length(text) {
            match token {
                Token::Number(value) => {
                    figures.insert(value.to_string());
                }
                Token::Code(code) => {
                    figures.insert(code);
                }
                Token::Word(word) => *words.entry(word).or_default() += 1,
            }
        }
        Self { figures, words }
    }

    /// Words that both have, as a share of those of the longer one; 1 where neither has any.
    fn common(&self, other: &Self) -> f64 {
        let both =
            |(word, count): (&String, &usize)| *count.min(other.words.get(word).unwrap_or(&0));
        let common: usize = self.words.iter().map(both).sum();
        let longer = self.words.values().sum::<usize>().max(other.words.values().sum());
        if longer == 0 { 1.0 } else { common as f64 / longer as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        let mut said = Said::default();
        said.text(text);
        said
    }

    #[test]
    fn the_same_said_otherwise_is_alike() {
        assert!(alike(
            &said("Oat milk stands in aisle 4."),
            &said("Aisle 4 is where oat milk stands")
        ));
        assert!(alike(&said("Yes.\n"), &said("yes")));
        assert!(alike(&said(""), &said("")));
    }

    #[test]
    fn another_figure_or_another_thing_is_not() {
        let given = said("Oat milk stands in aisle 4.");
        assert!(!alike(&given, &said("Oat milk stands in aisle 5.")));
        assert!(!alike(&given, &said("Our bakery bakes rolls every morning, aisle 4.")));
        assert!(!alike(&given, &said("")));
    }

    #[test]
    fn notes_are_alike_by_text_and_citations() {
        let note = |text: &str| {
            let mut said = Said::default();
            said.note(text);
            said
        };
        let first = note(r#"{"text": "Yes, it is vegan.", "cited": ["41", "42"], "seed": 1}"#);
        assert!(alike(
            &first,
            &note(r#"{"text": "Yes, it is vegan", "cited": ["42", "41"], "seed": 2}"#)
        ));
        assert!(alike(&first, &note(r#"{"text": "Yes, it is vegan", "cited": ["41", "43"]}"#)));
        for other in [r#"["43"]"#, "[]"] {
            let other = format!(r#"{{"text": "Yes, it is vegan.", "cited": {other}}}"#);
            assert!(!alike(&first, &note(&other)));
        }
    }
}
