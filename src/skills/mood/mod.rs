//! Whether what a shopper writes should bring a person: how angry it sounds, and what else in it
//! is not for a machine.
//!
//! [`read`] looks for phrases in four languages (`phrases/`, one file each) and, where the caller
//! has the text's vector, asks a head that `models/sentiment` trains. Phrases and head together make
//! one calibrated probability of anger, and a phrase of somebody who has lost all patience is
//! enough without it; the other [`Trigger`]s are phrases alone, as what they are
//! about is too rare and too grave to be left to a likeness.
//!
//! **Invariants**
//! - Pure and bounded: [`MAX_WORDS`] words of a text are read.
//! - A question about an allergen, a law or a medicine on the shelf is no trigger; that somebody is
//!   in danger, threatens, or asks what only a person may answer, is one.
//! - Without a vector phrases alone decide, and [`Mood::basis`] says so.
//!
//! **Not here**: what is done about a mood; how vectors are made.

mod cues;
mod head;
mod meaning;
mod phrases;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::language::Language;
use cues::Cues;
use head::Head;
pub(in crate::skills) use meaning::Trusted;
use phrases::Heard;

/// Words of a text that are read.
pub const MAX_WORDS: usize = 256;

/// So many answers in a row that did not help are a person's business.
const FAILURES: u32 = 2;

/// How a text sounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mood {
    /// Calibrated probability that its writer is angry.
    pub anger: f32,
    /// Why a person should take over; the gravest reason where there are several.
    pub trigger: Option<Trigger>,
    /// What `anger` was read from.
    pub basis: Basis,
}

/// Why a person should take over, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Somebody is hurt or ill, or what is asked needs medical advice.
    Medical,
    /// Somebody reacts to what was eaten, or an allergy is said to be dangerous.
    AllergyRisk,
    /// Somebody threatens with the law or asks for the police.
    Legal,
    /// A person is asked for.
    WantsPerson,
    /// Somebody is angry.
    Anger,
    /// Answers did not help, several times in a row.
    RepeatedFailure,
}

/// What anger was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Phrases alone: no vector was there.
    Words,
    /// Phrases and the text's vector.
    WordsAndMeaning,
}

/// Reads how a text sounds.
///
/// `language` is the conversation's; where the text's own words tell another, its phrases count,
/// too. `vector` is what the head's encoder says of the text, of length 1 (`Trusted` tells
/// whose vectors are); one of another size is not looked at. `failures` are the answers in a row that did not help.
pub fn read(text: &str, language: Language, vector: Option<&[f32]>, failures: u32) -> Mood {
    let own = Language::of(text).unwrap_or(language);
    let mut heard = phrases::hear(text, own);
    if own != language {
        heard = heard.with(phrases::hear(text, language));
    }
    let head = Head::built_in();
    let meaning = vector.and_then(|vector| head.logit(vector));
    let anger = head.anger(own, Cues::of(text, &heard), meaning);
    let basis = if meaning.is_some() { Basis::WordsAndMeaning } else { Basis::Words };
    Mood { anger, trigger: trigger(&heard, anger, head, failures), basis }
}

fn trigger(heard: &Heard, anger: f32, head: &Head, failures: u32) -> Option<Trigger> {
    let angry = (anger >= head.threshold || heard.has_lost_patience()).then_some(Trigger::Anger);
    let failed = failures >= FAILURES || failures > 0 && anger >= head.after_failure;
    heard.trigger.or(angry).or(failed.then_some(Trigger::RepeatedFailure))
}
