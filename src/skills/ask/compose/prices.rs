//! What products cost, and which costs less.

use super::super::phrases;
use super::super::resolve::{self, Resolved};
use super::{Draft, MAX_NAMED, Question, not_found, sku};
use crate::facts::{Money, Product, Seen, Table};
use crate::skills::bind::{offer_slot, price_slot, was_slot};
use crate::skills::view::View;
use crate::skills::wording::Say;

/// What each of these products costs, with what is on offer.
pub(super) fn each(_: &Question<'_>, products: &[Seen<Product>], view: &mut View<'_>) -> Draft {
    let mut draft = Draft::default();
    products.iter().for_each(|product| draft.cite(product));
    if view.is_old(Table::Prices) {
        draft.say(view, Say::PricesOld);
        return draft;
    }
    for product in products {
        let (name, sku) = (view.label(product), sku(product));
        let (price, was) = (price_slot(sku), was_slot(sku));
        match view.reader.price(sku).map(|seen| seen.was.is_some()) {
            Some(true) => {
                draft.say(view, Say::CostsInstead { name: &name, price: &price, was: &was });
            }
            Some(false) => draft.say(view, Say::Costs { name: &name, price: &price }),
            None => draft.say(view, Say::NoPrice { name: &name }),
        }
        if !view.is_old(Table::Promotions) && !view.reader.promotions_of(sku).is_empty() {
            draft.say(view, Say::AlsoOnOffer { offer: &offer_slot(sku) });
        }
    }
    draft
}

/// Which of two products costs less, or which of several costs least.
pub(super) fn compare(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    if view.is_old(Table::Prices) {
        return Draft::of(view, Say::PricesOld);
    }
    let groups = groups(question);
    match groups.as_slice() {
        [] => Draft::of(view, Say::WhichProduct),
        [names] => match resolve::resolve(names, view) {
            Resolved::One(product) => each(question, &[product], view),
            Resolved::Several(products, _) => least(question, &products, view),
            other => not_found(&other, names, view),
        },
        [first, second, ..] => {
            let mut pair = Vec::new();
            for names in [first, second] {
                match resolve::resolve(names, view) {
                    Resolved::One(product) => pair.push(vec![product]),
                    Resolved::Several(products, _) => pair.push(products),
                    other => return not_found(&other, names, view),
                }
            }
            let pair: Vec<_> = pair.iter().filter_map(|of| cheapest(of, view)).collect();
            match pair.as_slice() {
                [a, b] => two(a, b, view),
                _ => each(question, &[], view),
            }
        }
    }
}

/// The words of each thing that is compared.
fn groups(question: &Question<'_>) -> Vec<Vec<String>> {
    let language = question.understood.language;
    let between = phrases::between(language);
    let asking = &question.understood.asking;
    let mut groups = vec![Vec::new()];
    for (at, word) in question.words.iter().enumerate() {
        if between.contains(&word.folded.as_str()) {
            groups.push(Vec::new());
        } else if !asking.contains(&at)
            && let Some(group) = groups.last_mut()
        {
            group.push(word.clone());
        }
    }
    let named = groups.iter().map(|words| resolve::naming(words, &[], language));
    named.filter(|names| !names.is_empty()).collect()
}

/// The one of these that costs least, with its price.
fn cheapest(products: &[Seen<Product>], view: &mut View<'_>) -> Option<(Seen<Product>, Money)> {
    let priced = products.iter().filter_map(|product| {
        let price = view.reader.price(sku(product))?;
        Some((product.clone(), price.amount))
    });
    priced.min_by_key(|(_, amount)| amount.minor())
}

fn two(a: &(Seen<Product>, Money), b: &(Seen<Product>, Money), view: &View<'_>) -> Draft {
    let mut draft = Draft::default();
    let (less, more) = if b.1.minor() < a.1.minor() { (b, a) } else { (a, b) };
    let (name, other) = (view.label(&less.0), view.label(&more.0));
    let (price, than) = (price_slot(sku(&less.0)), price_slot(sku(&more.0)));
    if a.1.currency() != b.1.currency() {
        draft.say(view, Say::Costs { name: &name, price: &price });
        draft.say(view, Say::Costs { name: &other, price: &than });
    } else if a.1.minor() == b.1.minor() {
        draft.say(view, Say::SamePrice { name: &name, other: &other, price: &price });
    } else {
        draft.say(view, Say::Cheaper { name: &name, price: &price, other: &other, than: &than });
    }
    draft.cite(&less.0);
    draft.cite(&more.0);
    draft
}

/// The cheapest of several; where the dearest is asked for, what the first of them cost.
fn least(question: &Question<'_>, products: &[Seen<Product>], view: &mut View<'_>) -> Draft {
    let dear = question.has("expensive teuer* caro cara caros caras cher chere chers cheres")
        && !question.has("less least menos moins");
    match cheapest(products, view).filter(|_| !dear) {
        Some((product, _)) => {
            let (name, price) = (view.label(&product), price_slot(sku(&product)));
            let mut draft = Draft::of(view, Say::Cheapest { name: &name, price: &price });
            draft.cite(&product);
            draft
        }
        None => {
            let some = products.get(..MAX_NAMED.min(products.len())).unwrap_or_default();
            each(question, some, view)
        }
    }
}
