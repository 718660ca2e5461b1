//! Statements on allergens: only those that facts make.

use super::{Ground, Refused};
use crate::skills::allergens::named;
use crate::skills::words::{Word, words};

/// Folded words after which what follows is said to be in it; `*` stands for any ending.
const WITH: &str = "\
    contain* include* allergen* made enthal* bestandteil* spuren traces trazas contiene* contien* \
    lleva* incluye* inclu* alergeno* allergene*";
/// After which it is said not to be.
const WITHOUT: &str = "\
    no not without non never neither nor free ohne kein* nicht frei nie weder sin libre* ni nunca \
    sans pas aucun* exempt* jamais t";
/// With which an allergen's word becomes such a statement by itself.
const FREE: &str = "free frei freie freies freier freien";
/// Where a statement ends.
const ENDS: &str = "but aber pero mais sondern however";
/// Words that are statements of their own, said only where facts say them.
const CLAIMS: &str = "\
    vegan* vegetari* vegetaria* hypoallergen* allergy allergi* allergik* alergi* celiac* coeliac* \
    intoleran* unvertrag* kosher koscher casher halal";

/// Refuses statements that facts do not make.
pub(super) fn check(plain: &str, ground: &Ground) -> Option<Refused> {
    let sentences = plain.split(['.', '!', '?', ';', '\n']);
    sentences.map(words).any(|words| !is_true(&words, ground)).then_some(Refused::Allergen)
}

/// What is said of what follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    With,
    Without,
}

fn is_true(words: &[Word], ground: &Ground) -> bool {
    let mut said = Said::Nothing;
    for (at, word) in words.iter().enumerate() {
        let word = word.folded.as_str();
        if is_in(CLAIMS, word) && !ground.has_word(word) {
            return false;
        }
        if let Some(allergen) = named(word) {
            let next = words.get(at + 1).is_some_and(|next| is_in(FREE, &next.folded));
            let compound = word.ends_with("frei") || word.contains("freie");
            let about = if next || compound { Said::Without } else { said };
            let holds = match about {
                Said::Nothing => true,
                Said::With => ground.contains(allergen),
                Said::Without => ground.is_free_of(allergen),
            };
            if !holds {
                return false;
            }
        } else if is_in(ENDS, word) {
            said = Said::Nothing;
        } else if is_in(WITHOUT, word) {
            said = Said::Without;
        } else if is_in(WITH, word) && !(said == Said::Without && denied(words, at)) {
            said = Said::With;
        }
    }
    true
}

/// Whether a denial stands shortly before a word, as in "does not contain".
fn denied(words: &[Word], at: usize) -> bool {
    let before = words.get(at.saturating_sub(2)..at).unwrap_or_default();
    before.iter().any(|word| is_in(WITHOUT, &word.folded))
}

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| match known.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == known,
    })
}
