//! How much of the made-up personal data in `models/privacy/set.tsv` is found.

use std::collections::BTreeMap;

use super::*;

const SET: &str = include_str!("../../../models/privacy/set.tsv");
/// What the tagger `rampart` said of them, by `measure.py`.
const TAGGED: &str = include_str!("../../../models/privacy/tagged.tsv");
const README: &str = include_str!("../../../models/privacy/README.md");

/// A message, and what of it is personal: entity with its kind, and where it stands.
fn message(marked: &str) -> (String, Option<(&str, Range<usize>)>) {
    let Some((before, rest)) = marked.split_once("[[") else { return (marked.into(), None) };
    let (inner, behind) = rest.split_once("]]").unwrap();
    let (entity, value) = inner.split_once(':').unwrap();
    let range = before.len()..before.len() + value.len();
    (format!("{before}{value}{behind}"), Some((entity, range)))
}

/// What a tagger said of a message: `PERSON:7-10 LOCATION:13-17`, in characters.
fn tagged(text: &str, line: &str) -> Vec<Found> {
    let byte = |at: &str| {
        let at = at.parse().unwrap();
        text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte)
    };
    let part = |part: &str| {
        let (name, place) = part.split_once(':').unwrap();
        let (start, end) = place.split_once('-').unwrap();
        Found { entity: Entity::of_name(name).unwrap(), range: byte(start)..byte(end) }
    };
    line.split_ascii_whitespace().map(part).collect()
}

/// Of one entity in one language.
#[derive(Default, Clone, Copy)]
struct Counts {
    /// Messages that have it.
    of: usize,
    /// Those of which nothing of it is left.
    gone: usize,
    /// Those of which the name of the entity is right, too.
    named: usize,
}

/// By kind and language how much is found; by entity and language what was found beside what was to be
/// found, and on it.
#[derive(Default)]
struct Measured {
    kinds: BTreeMap<(String, String), Counts>,
    precision: BTreeMap<(String, String), [usize; 2]>,
}

impl Measured {
    /// By rules alone, or with what a tagger said.
    fn of(with_tagger: bool) -> Self {
        let mut measured = Self::default();
        for (line, tags) in SET.lines().zip(TAGGED.lines()) {
            let (language, marked) = line.split_once('\t').unwrap();
            let (text, gold) = message(marked);
            let found = match with_tagger {
                true => find_with(&text, &tagged(&text, tags)),
                false => find(&text),
            };
            measured.count(language, &text, gold, &found);
        }
        measured
    }

    fn count(
        &mut self,
        language: &str,
        text: &str,
        gold: Option<(&str, Range<usize>)>,
        found: &[Found],
    ) {
        for found in found {
            let right = gold.as_ref().is_some_and(|(_, range)| {
                found.range.start < range.end && range.start < found.range.end
            });
            let key = (found.entity.name().to_owned(), language.to_owned());
            self.precision.entry(key).or_default()[usize::from(right)] += 1;
        }
        let Some((kind, range)) = gold else { return };
        let counts = self.kinds.entry((kind.to_owned(), language.to_owned())).or_default();
        counts.of += 1;
        let letters = |part: &str| part.chars().filter(|c| c.is_alphanumeric()).count();
        let covered = |found: &Found| {
            let within = found.range.start.max(range.start)..found.range.end.min(range.end);
            text.get(within).map_or(0, letters)
        };
        let gone = found.iter().map(covered).sum::<usize>() == letters(&text[range.clone()]);
        counts.gone += usize::from(gone);
        let entity = kind.split(' ').next().unwrap_or_default();
        counts.named += usize::from(gone && found.iter().any(|f| f.entity.name() == entity));
    }
}

#[test]
fn the_published_recall_and_precision_are_those_of_the_set() {
    assert_eq!(SET.lines().count(), TAGGED.lines().count(), "tagged.tsv is of another set");
    let (rules, both) = (Measured::of(false), Measured::of(true));
    let mut rows = Vec::new();
    for (key @ (kind, language), Counts { of, gone, named }) in &rules.kinds {
        let more = both.kinds[key].gone;
        rows.push(format!("| {kind} | {language} | {of} | {gone} | {named} | {more} |"));
    }
    for (key @ (entity, language), [wrong, right]) in &both.precision {
        let [alone_wrong, alone] = rules.precision.get(key).copied().unwrap_or_default();
        rows.push(format!(
            "| {entity} | {language} | {alone} | {alone_wrong} | {right} | {wrong} |"
        ));
    }
    let missing: Vec<_> = rows.iter().filter(|row| !README.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "models/privacy/README.md lacks:\n{}", rows.join("\n"));
}

/// What has a check or a firm pattern may not be missed; only a name or a place may.
#[test]
fn nothing_that_has_a_pattern_is_missed() {
    for ((kind, language), counts) in Measured::of(false).kinds {
        let told_by_words =
            ["PERSON", "LOCATION", "PHONE", "DATE"].iter().any(|k| kind.starts_with(k));
        assert!(
            told_by_words || counts.gone == counts.of,
            "{kind} {language}: {} of {}",
            counts.gone,
            counts.of
        );
    }
}
