//! How much of the made-up personal data in `models/privacy/set.tsv` is found.

use std::collections::BTreeMap;

use super::*;

const SET: &str = include_str!("../../../models/privacy/set.tsv");
const README: &str = include_str!("../../../models/privacy/README.md");

/// A message, and what of it is personal: entity with its kind, and where it stands.
fn message(marked: &str) -> (String, Option<(&str, Range<usize>)>) {
    let Some((before, rest)) = marked.split_once("[[") else { return (marked.into(), None) };
    let (inner, behind) = rest.split_once("]]").unwrap();
    let (entity, value) = inner.split_once(':').unwrap();
    let range = before.len()..before.len() + value.len();
    (format!("{before}{value}{behind}"), Some((entity, range)))
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

fn counts() -> (BTreeMap<(String, String), Counts>, BTreeMap<(String, String), [usize; 2]>) {
    let mut kinds: BTreeMap<_, Counts> = BTreeMap::new();
    let mut precision: BTreeMap<_, [usize; 2]> = BTreeMap::new();
    for line in SET.lines() {
        let (language, marked) = line.split_once('\t').unwrap();
        let (text, gold) = message(marked);
        let found = find(&text);
        for found in &found {
            let right = gold.as_ref().is_some_and(|(_, range)| {
                found.range.start < range.end && range.start < found.range.end
            });
            let counts =
                precision.entry((found.entity.name().to_owned(), language.to_owned())).or_default();
            counts[usize::from(right)] += 1;
        }
        let Some((kind, range)) = gold else { continue };
        let counts = kinds.entry((kind.to_owned(), language.to_owned())).or_default();
        counts.of += 1;
        let covered: usize = found
            .iter()
            .map(|found| {
                let within = found.range.start.max(range.start)..found.range.end.min(range.end);
                text.get(within)
                    .map_or(0, |part| part.chars().filter(|c| c.is_alphanumeric()).count())
            })
            .sum();
        let all = text[range].chars().filter(|c| c.is_alphanumeric()).count();
        counts.gone += usize::from(covered == all);
        let entity = kind.split(' ').next().unwrap_or_default();
        counts.named +=
            usize::from(covered == all && found.iter().any(|f| f.entity.name() == entity));
    }
    (kinds, precision)
}

#[test]
fn the_published_recall_and_precision_are_those_of_the_set() {
    let (kinds, precision) = counts();
    let mut rows = Vec::new();
    for ((kind, language), Counts { of, gone, named }) in &kinds {
        rows.push(format!("| {kind} | {language} | {of} | {gone} | {named} |"));
    }
    for ((entity, language), [wrong, right]) in &precision {
        rows.push(format!("| {entity} | {language} | {right} | {wrong} |"));
    }
    let missing: Vec<_> = rows.iter().filter(|row| !README.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "models/privacy/README.md lacks:\n{}", rows.join("\n"));
}

/// What has a check or a firm pattern may not be missed; only a name or a place may.
#[test]
fn nothing_that_has_a_pattern_is_missed() {
    for ((kind, language), counts) in counts().0 {
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
