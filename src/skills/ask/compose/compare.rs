//! Which of two products costs less, or which of several costs least.

use super::super::phrases;
use super::super::resolve::{self, Resolved};
use super::amount::Amount;
use super::{Draft, MAX_NAMED, Question, not_found, prices, sku};
use crate::facts::{Price, Product, Seen, Table};
use crate::skills::bind::price_slot;
use crate::skills::figures;
use crate::skills::language::Language;
use crate::skills::view::View;
use crate::skills::wording::Say;
use crate::skills::words::Word;

/// A product with its price.
type Priced = (Seen<Product>, Seen<Price>);

/// Compares the prices of what a question names.
pub(super) fn answer(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    if view.is_old(Table::Prices) {
        return Draft::of(view, Say::PricesOld);
    }
    match sides(question).as_slice() {
        [] => Draft::of(view, Say::WhichProduct),
        [names] => match resolve::resolve(names, view) {
            Resolved::One(product) => prices::each(question, &[product], view),
            Resolved::Several(products, _) => least(question, &products, view),
            other => not_found(&other, names, view),
        },
        [first, second, ..] => {
            let language = question.understood.language;
            let found = [first, second].map(|names| {
                let whole = completed(names, [first, second], language);
                (names, side(names, whole, view))
            });
            both(question, found, view)
        }
    }
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
        [one, other] => match pair(&priced(one, view), &priced(other, view)) {
            Some((one, other)) => two(one, other, view),
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
        if between.contains(&word.folded.as_str()) {
            sides.push(Vec::new());
        } else if !asking.contains(&at)
            && let Some(side) = sides.last_mut()
        {
            side.push(word.clone());
        }
    }
    let language = question.understood.language;
    let named = sides.iter().map(|words| resolve::naming(words, &[], language));
    named.filter(|names| !names.is_empty()).collect()
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

fn priced(products: &[Seen<Product>], view: &mut View<'_>) -> Vec<Priced> {
    let priced = products
        .iter()
        .filter_map(|product| Some((product.clone(), view.reader.price(sku(product))?)));
    priced.collect()
}

fn cheapest(products: &[Priced]) -> Option<&Priced> {
    products.iter().min_by_key(|(_, price)| price.amount.minor())
}

/// Two that can be compared: of one size where both sides have it, else the cheapest of each.
fn pair<'a>(one: &'a [Priced], other: &'a [Priced]) -> Option<(&'a Priced, &'a Priced)> {
    let same_size = |a: &Priced, b: &Priced| {
        a.0.size.as_ref().is_some_and(|size| b.0.size.as_ref() == Some(size))
    };
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    let pairs = pairs.filter(|(a, b)| sku(&a.0) != sku(&b.0) && same_size(a, b));
    let least = pairs.min_by_key(|(a, b)| a.1.amount.minor().saturating_add(b.1.amount.minor()));
    least.or_else(|| Some((cheapest(one)?, cheapest(other)?)))
}

fn two(a: &Priced, b: &Priced, view: &View<'_>) -> Draft {
    let mut draft = Draft::default();
    let (one, other) = (a.1.amount, b.1.amount);
    let (less, more) = if other.minor() < one.minor() { (b, a) } else { (a, b) };
    let (name, dearer) = (view.label(&less.0), view.label(&more.0));
    let (price, than) = (price_slot(sku(&less.0)), price_slot(sku(&more.0)));
    let (name, price, other) = (name.as_str(), price.as_str(), dearer.as_str());
    if one.currency() != b.1.amount.currency() || a.1.per != b.1.per {
        draft.say(view, Say::Costs { name, price });
        draft.say(view, Say::Costs { name: other, price: &than });
    } else if one.minor() == b.1.amount.minor() {
        draft.say(view, Say::SamePrice { name, other, price });
    } else {
        draft.say(view, Say::Cheaper { name, price, other, than: &than });
    }
    if let Some([price, than]) = by_amount(less, more, view.language) {
        draft.say(view, Say::ByAmount { name, price: &price, other, than: &than });
    }
    draft.cite(&less.0);
    draft.cite(&more.0);
    draft
}

/// What both cost for as much of each, where that can be told and is not what they cost anyway.
fn by_amount(a: &Priced, b: &Priced, language: Language) -> Option<[String; 2]> {
    let [one, other] = [a, b].map(|(product, price)| Amount::of(product, price));
    let (one, other) = (one?, other?);
    if a.1.amount.currency() != b.1.amount.currency() || one == other {
        return None;
    }
    let unit = one.common(other)?;
    let cost = |amount: Amount, price: &Price| {
        Some(figures::per(
            &figures::money(amount.cost(price, unit)?, language),
            Some(unit),
            language,
        ))
    };
    Some([cost(one, &a.1)?, cost(other, &b.1)?])
}

/// The cheapest of several; where the dearest is asked for, what the first of them cost.
fn least(question: &Question<'_>, products: &[Seen<Product>], view: &mut View<'_>) -> Draft {
    let dear = question.has("expensive teuer* caro cara caros caras cher chere chers cheres")
        && !question.has("less least menos moins");
    match cheapest(&priced(products, view)).filter(|_| !dear) {
        Some((product, _)) => {
            let (name, price) = (view.label(product), price_slot(sku(product)));
            let mut draft = Draft::of(view, Say::Cheapest { name: &name, price: &price });
            draft.cite(product);
            draft
        }
        None => {
            let some = products.get(..MAX_NAMED.min(products.len())).unwrap_or_default();
            prices::each(question, some, view)
        }
    }
}
