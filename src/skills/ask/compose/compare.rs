//! Which of two products costs less, or which of several costs least.

mod paid;
mod told;

use super::super::phrases;
use super::super::resolve::{self, Resolved};
use super::{Draft, MAX_NAMED, Question, not_found, prices};
use crate::facts::Table;
use crate::skills::language::Language;
use crate::skills::view::View;
use crate::skills::wording::Say;
use crate::skills::words::Word;

/// Things that are compared at once.
const MAX_SIDES: usize = 6;
/// Words that ask, and name no product.
const IDLE: &str = "cheap cheaper cheapest expensive dear more less cost costs amount billig billiger \
    gunstig gunstiger teuer teurer preiswerter weniger barato barata baratos baratas caro cara caros \
    caras menos mas cher chere chers cheres moins plus";
/// Words before a unit that one pays for.
const PER: &str = "per pro por par";

/// Compares the prices of what a question names.
pub(super) fn answer(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    if view.is_old(Table::Prices) {
        return Draft::of(view, Say::PricesOld);
    }
    match question.meant(view) {
        Some(Resolved::One(product)) => return prices::each(question, &[product], view),
        Some(Resolved::Several(products, _)) => return told::least(question, &products, view),
        _ => {}
    }
    match sides(question).as_slice() {
        [] => Draft::of(view, Say::WhichProduct),
        [names] => match resolve::resolve(names, view) {
            Resolved::One(product) => prices::each(question, &[product], view),
            Resolved::Several(products, _) => told::least(question, &products, view),
            other => not_found(&other, names, view),
        },
        [first, second] => {
            let language = question.understood.language;
            let found = [first, second].map(|names| {
                let whole = completed(names, [first, second], language);
                (names, side(names, whole, view))
            });
            both(question, found, view)
        }
        many => of_many(question, many, view),
    }
}

/// The cheapest of what each side names.
fn of_many(question: &Question<'_>, sides: &[Vec<String>], view: &mut View<'_>) -> Draft {
    let (mut found, mut missing) = (Vec::new(), Draft::default());
    for names in sides.iter().take(MAX_SIDES) {
        let products = match resolve::resolve(names, view) {
            Resolved::One(product) => vec![product],
            Resolved::Several(products, _) => products,
            other => {
                missing.append(not_found(&other, names, view));
                continue;
            }
        };
        let priced = paid::of_one_kind(&paid::priced(&products, view));
        let least = paid::cheapest(&priced).map(|paid| paid.product.clone());
        found.extend(least.or_else(|| products.first().cloned()));
    }
    if found.len() > 1 {
        missing.append(told::least(question, &found, view));
    }
    missing.append(prices::each(question, &found, view));
    missing
}

/// What is said of two sides, of which one or both may not have been found.
fn both(
    question: &Question<'_>,
    sides: [(&Vec<String>, Resolved); 2],
    view: &mut View<'_>,
) -> Draft {
    let (mut found, mut missing) = (Vec::new(), Draft::default());
    for (names, resolved) in sides {
        match resolved {
            Resolved::One(product) => found.push(vec![product]),
            Resolved::Several(products, _) => found.push(products),
            other => missing.append(not_found(&other, names, view)),
        }
    }
    match found.as_slice() {
        [one, other] => match paid::pair(&paid::priced(one, view), &paid::priced(other, view)) {
            Some((one, other)) => told::two(one, other, view),
            // Of one side at least no price is known, which is said.
            None => {
                let first = [one, other].into_iter().filter_map(|side| side.first().cloned());
                prices::each(question, &first.collect::<Vec<_>>(), view)
            }
        },
        found => {
            let rest = found.concat();
            let some = rest.get(..MAX_NAMED.min(rest.len())).unwrap_or_default();
            missing.append(prices::each(question, some, view));
            missing
        }
    }
}

/// The words of each thing that is compared.
fn sides(question: &Question<'_>) -> Vec<Vec<String>> {
    let [always, maybe] = phrases::between(question.understood.language);
    let sides = cut(question, always);
    // Mac and cheese is one thing where something else stands between two.
    if sides.len() > 1 { sides } else { cut(question, &[always, maybe].concat()) }
}

fn cut(question: &Question<'_>, between: &[&str]) -> Vec<Vec<String>> {
    let asking = &question.understood.asking;
    let mut sides: Vec<Vec<Word>> = vec![Vec::new()];
    for (at, word) in question.words.iter().enumerate() {
        let is = |list: &str| list.split_ascii_whitespace().any(|known| known == word.folded);
        let before = at.checked_sub(1).and_then(|before| question.words.get(before));
        if before.is_some_and(|before| has_comma(question.text, before, word)) {
            sides.push(Vec::new());
        }
        let unit = before.is_some_and(|before| PER.split(' ').any(|per| per == before.folded));
        if between.contains(&word.folded.as_str()) {
            sides.push(Vec::new());
        } else if !asking.contains(&at)
            && !unit
            && !is(IDLE)
            && !is(PER)
            && let Some(side) = sides.last_mut()
        {
            side.push(word.clone());
        }
    }
    let language = question.understood.language;
    let named = sides.iter().map(|words| resolve::naming(words, &[], language));
    named.filter(|names| !names.is_empty()).collect()
}

/// Whether one thing ends between two words.
fn has_comma(text: &str, one: &Word, next: &Word) -> bool {
    let between = text.get(one.range.end..next.range.start).unwrap_or_default();
    between.contains([',', ';', ':'])
}

/// A side's words with the one that both share and only the other has: the milk of "whole or skim
/// milk", the leche of "leche entera o desnatada".
fn completed(
    names: &[String],
    [first, second]: [&Vec<String>; 2],
    language: Language,
) -> Option<Vec<String>> {
    let ends_with_what_it_is = matches!(language, Language::English | Language::German);
    let shared = match ends_with_what_it_is {
        true if names == first.as_slice() => second.last()?,
        false if names == second.as_slice() => first.first()?,
        _ => return None,
    };
    let mut whole = names.to_vec();
    let at = if ends_with_what_it_is { whole.len() } else { 0 };
    whole.insert(at, shared.clone());
    Some(whole)
}

/// What a side names: by its own words where they say what it is, else with the shared one.
fn side(names: &[String], whole: Option<Vec<String>>, view: &mut View<'_>) -> Resolved {
    let before = view.missed.len();
    let resolved = resolve::resolve(names, view);
    let clear = match &resolved {
        Resolved::One(product) => resolve::say_what(names, std::slice::from_ref(product)),
        Resolved::Several(products, _) => resolve::say_what(names, products),
        _ => false,
    };
    let Some(whole) = whole.filter(|_| !clear) else { return resolved };
    let missed = view.missed.len();
    match resolve::resolve(&whole, view) {
        found @ (Resolved::One(_) | Resolved::Several(..)) => {
            view.missed.truncate(before);
            found
        }
        _ => {
            view.missed.truncate(missed);
            resolved
        }
    }
}
