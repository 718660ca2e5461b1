//! Which words of a question about allergens name what is feared, and which the product.
//!
//! Milk, nuts and soy are both: in "is the soy milk safe for a nut allergy" only nuts are feared.

use std::collections::BTreeSet;

use super::super::resolve;
use super::Question;
use crate::facts::Allergen;
use crate::skills::allergens;

/// Parts of words that tell of an illness; what is feared stands in them, before or behind.
const ILL: [&str; 5] = ["allerg", "alerg", "intoleran", "unvertrag", "intolerant"];
/// Words between an illness and what is feared.
const TO: &str = "to against for gegen auf a al la el los las contra aux au l les tree";
/// Words between two things that are feared.
const AND: &str = "and or und oder y o et ou";
/// Words that stand in such questions and name no product.
const IDLE: &str = "eat drink have safe suitable ok okay fine contain contains something anything \
    child son daughter kid person people someone sufferer sufferers trace traces allergy allergic \
    intolerant intolerance celiac celiacs coeliac coeliacs disease free tree \
    essen trinken geeignet sicher enthalt enthalten drin etwas kind sohn tochter leute menschen \
    spuren vertraglich \
    comer beber tomar apto apta aptos aptas seguro segura algo hijo hija persona personas contiene \
    contienen trazas lleva llevan \
    manger boire convient conviennent quelque chose enfant fils fille personne personnes contient \
    contiennent traces";

/// What a question means.
pub(super) struct Meant {
    /// What is feared; empty where no allergen is named for certain.
    pub(super) feared: BTreeSet<Allergen>,
    /// The words that name the product.
    pub(super) names: Vec<String>,
}

/// What is feared are the allergens of the phrase and those by an illness; every other word may
/// name the product.
pub(super) fn strictly(question: &Question<'_>) -> Meant {
    let mut places = by_illness(question);
    places.extend(&question.understood.asking);
    // With nuts, in "nuts or milk", milk is feared as well.
    let word = |at: usize| question.words.get(at).map_or("", |word| word.folded.as_str());
    let named = |at: usize| allergens::named(word(at)).is_some();
    for at in 0..question.words.len() {
        let joined = AND.split_ascii_whitespace().any(|and| and == word(at + 1));
        if places.contains(&at) && named(at) && joined && named(at + 2) {
            places.insert(at + 2);
        }
    }
    of(question, &places)
}

/// All allergens that are named are feared, and name no product.
pub(super) fn widely(question: &Question<'_>) -> Meant {
    let named = allergens::in_words(question.words).into_iter().map(|(at, _)| at);
    of(question, &named.chain(question.understood.asking.iter().copied()).collect())
}

fn of(question: &Question<'_>, places: &BTreeSet<usize>) -> Meant {
    let named = allergens::in_words(question.words).into_iter();
    let feared = named.filter(|(at, _)| places.contains(at)).map(|(_, allergen)| allergen);
    let asking: Vec<usize> = places.iter().copied().collect();
    let mut names = resolve::naming(question.words, &asking, question.understood.language);
    names.retain(|name| !IDLE.split_ascii_whitespace().any(|idle| idle == name));
    names.retain(|name| !ILL.iter().any(|part| name.contains(part)));
    Meant { feared: feared.collect(), names }
}

/// Places of the allergens that stand by an illness: in its word, before it or behind it.
fn by_illness(question: &Question<'_>) -> BTreeSet<usize> {
    let word = |at: usize| question.words.get(at).map_or("", |word| word.folded.as_str());
    let is_in =
        |list: &str, at: usize| list.split_ascii_whitespace().any(|known| known == word(at));
    let named = |at: usize| allergens::named(word(at)).is_some();
    let mut places = BTreeSet::new();
    for ill in 0..question.words.len() {
        let tells = ILL.iter().any(|part| word(ill).contains(part));
        // An allergen is no illness.
        if !tells || word(ill).starts_with("allergen") || word(ill).starts_with("alergen") {
            continue;
        }
        places.extend(Some(ill).filter(|at| named(*at)));
        let mut before = ill.checked_sub(1);
        while let Some(at) = before.filter(|at| named(*at)) {
            places.insert(at);
            before = at.checked_sub(2).filter(|_| is_in(AND, at - 1));
        }
        let mut behind = ill + 1;
        while is_in(TO, behind) && behind < ill + 4 {
            behind += 1;
        }
        while behind > ill + 1 && named(behind) {
            places.insert(behind);
            behind += if is_in(AND, behind + 1) { 2 } else { question.words.len() };
        }
    }
    places
}
