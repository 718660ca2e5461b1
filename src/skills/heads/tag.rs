//! What the words of a text are: names, places and the like.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::classes::Activation;
use super::fault::{HeadError, named, read, split, within};
use super::names::Names;
use super::tensor::OutputError;
use super::text::TextInput;

/// How labels begin that tell where in an entity a word stands, in the schemes that are usual.
const POSITIONS: [&str; 6] = ["B-", "I-", "E-", "S-", "L-", "U-"];
/// The label of words that are nothing.
const OUTSIDE: &str = "O";
/// What may stand between two words of one entity, in bytes at most.
const MAX_GAP: usize = 3;
/// How sure a word must be, where the card does not say.
const THRESHOLD: f32 = 0.5;

/// What the words of a text are:
/// `{"task": "tag_text", "max_tokens": 512, "labels": ["O", "B-PER", "I-PER"], "entities": {"PER": "PERSON"}}`.
#[derive(Debug, Clone, PartialEq)]
pub struct TagText {
    /// How a text becomes the inputs.
    pub text: TextInput,
    /// The output, where the graph has several: of shape `[texts, tokens, labels]`, as logits.
    pub output: Option<String>,
    /// What the numbers of a token stand for, in their order.
    pub labels: Names,
    /// How labels without `B-` and `I-` are called in answers. Where it is empty they keep their
    /// names, else those that are not in it are not told.
    pub entities: BTreeMap<String, String>,
    /// How likely a word must be, from 0 to 1.
    pub threshold: f32,
}

/// A token's place in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPlace {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Which word it is of; none for what begins and ends a sequence.
    pub word: Option<u32>,
}

/// A part of a text that is something.
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged {
    /// What.
    pub entity: String,
    /// Bytes of the text: whole words.
    pub range: Range<usize>,
    /// How likely, from 0 to 1: that of the least likely word.
    pub score: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    output: Option<String>,
    labels: Names,
    #[serde(default)]
    entities: BTreeMap<String, String>,
    threshold: Option<f32>,
}

impl TagText {
    pub(super) fn parse(mut fields: Map<String, Value>) -> Result<Self, HeadError> {
        let text: TextInput = read(split(&mut fields, &TextInput::FIELDS))?;
        text.check()?;
        let Own { output, labels, entities, threshold } = read(fields)?;
        named("output", output.as_deref())?;
        labels.check("labels")?;
        for (label, entity) in &entities {
            named(&format!("entities.{label}"), Some(entity))?;
        }
        let threshold = threshold.unwrap_or(THRESHOLD);
        within("threshold", threshold, 0.0, 1.0)?;
        Ok(Self { text, output, labels, entities, threshold })
    }

    /// The tagged parts of a text, in order. `numbers` are the output's, one for each label of each
    /// token; `places` are those of the same tokens.
    pub fn tagged(
        &self,
        text: &str,
        places: &[TokenPlace],
        numbers: &[f32],
    ) -> Result<Vec<Tagged>, OutputError> {
        let labels = self.labels.list();
        let wanted = labels.len() * places.len();
        if labels.is_empty() || numbers.len() != wanted {
            return Err(OutputError::Count { scores: numbers.len(), names: wanted });
        }
        let (names, of_label) = self.kinds();
        let mut words: Vec<Word> = Vec::new();
        for (place, numbers) in places.iter().zip(numbers.chunks_exact(labels.len())) {
            let Some(number) = place.word else { continue };
            let best = self.best(numbers, &of_label, names.len());
            match words.last_mut().filter(|word| word.number == number) {
                Some(word) => word.add(place, best),
                None => words.push(Word { number, range: place.range.clone(), best }),
            }
        }
        Ok(joined(text, &words, &names))
    }

    /// Names of what is told, and which of them each label is.
    fn kinds(&self) -> (Vec<&str>, Vec<Option<usize>>) {
        let mut names: Vec<&str> = Vec::new();
        let mut of_label = Vec::new();
        for label in self.labels.list() {
            let bare = POSITIONS.iter().find_map(|position| label.strip_prefix(position));
            let bare = bare.unwrap_or(label);
            let entity = match self.entities.get(bare) {
                Some(entity) => Some(entity.as_str()),
                None if self.entities.is_empty() && bare != OUTSIDE => Some(bare),
                None => None,
            };
            of_label.push(entity.map(|entity| {
                names.iter().position(|known| *known == entity).unwrap_or_else(|| {
                    names.push(entity);
                    names.len() - 1
                })
            }));
        }
        (names, of_label)
    }

    /// The likeliest of what is told, where it is likely enough.
    fn best(&self, numbers: &[f32], of_label: &[Option<usize>], kinds: usize) -> Option<Best> {
        let mut sums = vec![0.0; kinds];
        for (score, kind) in Activation::Softmax.scores(numbers).into_iter().zip(of_label) {
            if let Some(sum) = kind.and_then(|kind| sums.get_mut(kind)) {
                *sum += score;
            }
        }
        let best = sums.into_iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        let best = best.map(|(kind, score)| Best { kind, score });
        best.filter(|best| best.score >= self.threshold)
    }
}

/// What a word is.
#[derive(Debug, Clone, Copy)]
struct Best {
    kind: usize,
    score: f32,
}

struct Word {
    number: u32,
    range: Range<usize>,
    best: Option<Best>,
}

impl Word {
    /// A word is what its likeliest token is.
    fn add(&mut self, place: &TokenPlace, best: Option<Best>) {
        self.range.end = self.range.end.max(place.range.end);
        let score = |best: Option<Best>| best.map_or(0.0, |best| best.score);
        if score(best) > score(self.best) {
            self.best = best;
        }
    }
}

/// Words that are the same, with no more than a space or a sign between, are one part.
fn joined(text: &str, words: &[Word], names: &[&str]) -> Vec<Tagged> {
    let mut parts: Vec<(usize, Tagged)> = Vec::new();
    for Word { range, best, .. } in words {
        let Some(Best { kind, score }) = *best else { continue };
        if let Some((_, part)) = parts.last_mut().filter(|(last, _)| *last == kind)
            && text.get(part.range.end..range.start).is_some_and(is_joint)
        {
            part.range.end = range.end;
            part.score = part.score.min(score);
            continue;
        }
        let entity = names.get(kind).copied().unwrap_or_default().to_owned();
        parts.push((kind, Tagged { entity, range: range.clone(), score }));
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

fn is_joint(gap: &str) -> bool {
    gap.len() <= MAX_GAP && gap.chars().all(|c| c.is_whitespace() || "-'’.,".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn head(entities: Value) -> TagText {
        let fields = json!({
            "max_tokens": 8, "labels": ["O", "B-GIVEN", "I-GIVEN", "B-LAST", "B-CITY"], "entities": entities,
        });
        TagText::parse(fields.as_object().unwrap().clone()).unwrap()
    }

    fn places(text: &str, words: &[&str]) -> Vec<TokenPlace> {
        let mut from = 0;
        let place = |(number, word): (usize, &&str)| {
            let start = from + text[from..].find(word).unwrap();
            from = start + word.len();
            TokenPlace { range: start..from, word: u32::try_from(number).ok() }
        };
        words.iter().enumerate().map(place).collect()
    }

    /// Logits that make one label nearly certain.
    fn sure(label: usize) -> [f32; 5] {
        std::array::from_fn(|at| if at == label { 9.0 } else { 0.0 })
    }

    #[test]
    fn words_of_one_kind_are_one_part_whatever_their_labels() {
        let text = "Hi Ana-Lea Ruiz, of Lyon";
        let places = places(text, &["Hi", "Ana", "-", "Lea", "Ruiz", ",", "of", "Lyon"]);
        let numbers = [0, 1, 2, 2, 3, 0, 0, 4].map(sure).concat();
        let head = head(json!({"GIVEN": "PERSON", "LAST": "PERSON", "CITY": "LOCATION"}));
        let found = head.tagged(text, &places, &numbers).unwrap();
        let found: Vec<_> =
            found.iter().map(|part| (part.entity.as_str(), &text[part.range.clone()])).collect();
        assert_eq!(found, [("PERSON", "Ana-Lea Ruiz"), ("LOCATION", "Lyon")]);
    }

    #[test]
    fn labels_add_up_and_what_is_not_called_is_not_told() {
        let text = "Ana";
        let places = places(text, &["Ana"]);
        // Neither of two labels is likely, and together they are.
        let numbers = [2.0, 2.0, -9.0, 2.0, -9.0];
        let both = head(json!({"GIVEN": "PERSON", "LAST": "PERSON"}));
        let found = both.tagged(text, &places, &numbers).unwrap();
        assert!(found.len() == 1 && (found[0].score - 2.0 / 3.0).abs() < 1e-3, "{found:?}");
        assert!(head(json!({"CITY": "X"})).tagged(text, &places, &numbers).unwrap().is_empty());
        let own = head(json!({})).tagged(text, &places, &sure(1)).unwrap();
        assert_eq!(own[0].entity, "GIVEN");
    }

    #[test]
    fn a_word_is_what_its_likeliest_token_is_and_sequence_ends_are_none() {
        let text = "Schmidtke";
        let end = TokenPlace { range: 0..0, word: None };
        let part = |range| TokenPlace { range, word: Some(0) };
        let places = [end.clone(), part(0..7), part(7..9), end];
        let numbers = [3, 3, 0, 3].map(sure).concat();
        let found = head(json!({})).tagged(text, &places, &numbers).unwrap();
        assert_eq!(found[0].range, 0..9);
        assert!(head(json!({})).tagged(text, &places, &numbers[1..]).is_err());
    }
}
