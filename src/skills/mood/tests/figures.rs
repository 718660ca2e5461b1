//! The published figures of the head, made anew from the kept logits.

use crate::skills::ask::Read;
use crate::skills::concierge::is_unclear;
use crate::skills::language::Language;
use crate::skills::mood::{cues::Cues, head::Head, phrases, phrases::Heard, read, trigger};

const TEST: &str = include_str!("../../../../models/sentiment/test.tsv");
const VECTORS: &str = include_str!("../../../../models/sentiment/vectors.json");
const README: &str = include_str!("../../../../models/sentiment/README.md");

/// A held-out message.
struct Held {
    set: &'static str,
    language: Language,
    is_angry: bool,
    logit: f32,
    cues: &'static str,
    text: &'static str,
}

fn held() -> Vec<Held> {
    let message = |line: &'static str| {
        let [set, language, label, logit, cues, text] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let language = Language::ALL.into_iter().find(|l| l.code() == language).unwrap();
        Held { set, language, is_angry: label == "1", logit: logit.parse().unwrap(), cues, text }
    };
    TEST.lines().map(message).collect()
}

/// As [`super::read`] reads it.
fn heard(held: &Held) -> (Language, Heard) {
    let own = Language::of(held.text).unwrap_or(held.language);
    let heard = phrases::hear(held.text, own).with(phrases::hear(held.text, held.language));
    (own, heard)
}

/// A message as it was judged.
struct Judged {
    is_angry: bool,
    anger: f64,
    /// Whether its anger fetches a person.
    fetched: bool,
}

fn judge(held: &Held, with_vector: bool) -> Judged {
    let (own, heard) = heard(held);
    let cues = Cues::of(held.text, &heard);
    let head = Head::built_in();
    let anger = head.anger(own, cues, with_vector.then_some(held.logit));
    let told = Heard { trigger: None, ..heard };
    let fetched = trigger(&told, anger, head, 0).is_some();
    Judged { is_angry: held.is_angry, anger: f64::from(anger), fetched }
}

/// The share of angry messages that probabilities are told for, as in the recipe.
const PRIOR: f64 = 0.05;

/// Accuracy where the odds are even, each kind weighing the same; area under the curve; calibration error
/// of ten bins and Brier score where [`PRIOR`] of the messages are angry; shares of angry and of calm
/// messages that fetch a person.
fn figures(rows: &[Judged]) -> String {
    let number = |is: bool| f64::from(u8::from(is));
    let mean = |rows: &[f64]| rows.iter().sum::<f64>() / rows.len() as f64;
    let of = |wanted: bool| rows.iter().filter(move |row| row.is_angry == wanted);
    let even = |wanted: bool| {
        let rows: Vec<_> =
            of(wanted).map(|row| number((row.anger >= PRIOR) == row.is_angry)).collect();
        mean(&rows)
    };
    let right = f64::midpoint(even(true), even(false));
    let count = |wanted: bool| of(wanted).count() as f64;
    let (angry, calm) = (PRIOR / count(true), (1.0 - PRIOR) / count(false));
    let weight = |row: &Judged| if row.is_angry { angry } else { calm };
    let above: Vec<_> = of(true)
        .flat_map(|up| of(false).map(move |down| (up.anger, down.anger)))
        .map(|(up, down)| number(up > down) + 0.5 * number(up == down))
        .collect();
    let error: f64 = (0..10)
        .map(|bin| {
            let within = rows.iter().filter(|row| ((row.anger * 10.0) as usize).min(9) == bin);
            within.map(|row| weight(row) * (row.anger - number(row.is_angry))).sum::<f64>().abs()
        })
        .sum();
    let brier: f64 =
        rows.iter().map(|row| weight(row) * (row.anger - number(row.is_angry)).powi(2)).sum();
    let fetched = |wanted| mean(&of(wanted).map(|row| number(row.fetched)).collect::<Vec<_>>());
    format!(
        "{right:.2} | {:.2} | {error:.3} | {brier:.3} | {:.2} | {:.2}",
        mean(&above),
        fetched(true),
        fetched(false)
    )
}

#[test]
fn phrases_are_read_as_the_recipe_read_them() {
    for message in held() {
        let (_, heard) = heard(&message);
        let cues: String =
            Cues::of(message.text, &heard).values.iter().map(|v| format!("{v}")).collect();
        assert_eq!(cues, message.cues, "{}", message.text);
    }
}

#[test]
fn the_head_says_of_a_vector_what_the_recipe_said() {
    let examples: Vec<serde_json::Value> = serde_json::from_str(VECTORS).unwrap();
    for example in examples {
        let vector: Vec<f32> = serde_json::from_value(example["vector"].clone()).unwrap();
        let logit = f64::from(Head::built_in().logit(&vector).unwrap());
        assert!(
            (logit - example["logit"].as_f64().unwrap()).abs() < 2e-3,
            "{logit} {}",
            example["text"]
        );
    }
}

#[test]
fn the_published_figures_are_those_of_the_kept_evidence() {
    let all = held();
    let mut missing = Vec::new();
    for set in ["composed", "by hand", "by hand, second"] {
        for language in Language::ALL {
            for (with_vector, by) in [(true, "words and meaning"), (false, "words alone")] {
                let of = all.iter().filter(|held| held.set == set && held.language == language);
                let rows: Vec<_> = of.map(|held| judge(held, with_vector)).collect();
                let figures = figures(&rows);
                let row =
                    format!("| {set} | {} | {} | {by} | {figures} |", language.code(), rows.len());
                if !README.contains(&row) {
                    missing.push(row);
                }
            }
        }
    }
    assert!(missing.is_empty(), "models/sentiment/README.md lacks:\n{}", missing.join("\n"));
}

/// Messages whose meaning is looked at, and what that costs of what is found.
#[test]
fn the_published_shares_of_messages_whose_meaning_is_looked_at_are_those_of_the_evidence() {
    let all = held();
    let mut missing = Vec::new();
    for language in Language::ALL {
        let of: Vec<_> = all.iter().filter(|held| held.language == language).collect();
        let mut shares = Vec::new();
        for angry in [true, false] {
            let rows: Vec<_> = of.iter().filter(|held| held.is_angry == angry).collect();
            let count = |holds: &dyn Fn(&Held) -> bool| {
                rows.iter().filter(|held| holds(held)).count() as f64 / rows.len() as f64
            };
            shares.push(count(&is_asked));
            shares.push(count(&|held| judge(held, true).fetched));
            shares.push(count(&|held| judge(held, is_asked(held)).fetched));
        }
        let shares: Vec<_> = shares.iter().map(|share| format!("{share:.2}")).collect();
        let row = format!("| {} | {} | {} |", language.code(), of.len(), shares.join(" | "));
        if !README.contains(&row) {
            missing.push(row);
        }
    }
    assert!(missing.is_empty(), "models/sentiment/README.md lacks:\n{}", missing.join("\n"));
}

fn is_asked(held: &Held) -> bool {
    let mood = read(held.text, held.language, None, 0);
    is_unclear(&mood, &Read::said(held.text, Some(held.language), held.language))
}
