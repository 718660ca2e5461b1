//! How texts of shoppers are read, by language.

use super::*;

mod english;
mod figures;
mod french;
mod german;
mod spanish;

/// What a person is needed for, without a vector and without failures.
type Case = (Option<Trigger>, &'static [&'static str]);

fn check(language: Language, cases: &[Case]) {
    let mut faults = Vec::new();
    for (trigger, texts) in cases {
        for text in *texts {
            let mood = read(text, language, None, 0);
            assert_eq!(mood.basis, Basis::Words);
            if mood.trigger != *trigger {
                faults.push(format!("{text}: {mood:?}, not {trigger:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{language:?}\n{}", faults.join("\n"));
}

#[test]
fn failures_in_a_row_bring_a_person_and_one_is_enough_for_who_is_annoyed() {
    let text = "Where is the milk?";
    for (failures, trigger) in [(0, None), (1, None), (2, Some(Trigger::RepeatedFailure))] {
        assert_eq!(read(text, Language::English, None, failures).trigger, trigger, "{failures}");
    }
    let annoyed = "That's not what I asked, still waiting, this is annoying";
    let trigger = read(annoyed, Language::English, None, 1).trigger;
    assert!(trigger.is_some(), "{:?}", read(annoyed, Language::English, None, 1));
}

#[test]
fn a_text_in_another_language_than_the_conversations_is_understood() {
    let text = "Ich möchte mit einem Mitarbeiter sprechen";
    assert_eq!(read(text, Language::English, None, 0).trigger, Some(Trigger::WantsPerson));
    // Too short to tell its language: the conversation's counts.
    assert_eq!(read("Mitarbeiter", Language::German, None, 0).trigger, Some(Trigger::WantsPerson));
}

#[test]
fn the_gravest_reason_is_told() {
    let text =
        "You idiots! My son is having an allergic reaction, get me the manager, I will sue you";
    assert_eq!(read(text, Language::English, None, 5).trigger, Some(Trigger::AllergyRisk));
}

#[test]
fn a_text_without_end_is_read_to_a_bound() {
    let text = "talk to _ the milk and the bread ".repeat(100_000);
    let start = std::time::Instant::now();
    assert_eq!(read(&text, Language::English, None, 0).trigger, None);
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn a_vector_of_another_size_is_not_looked_at() {
    let mood = read("Where is the milk?", Language::English, Some(&[0.5; 7]), 0);
    assert_eq!(mood.basis, Basis::Words);
}
