//! What is said of prices that are compared.

use super::super::amount::Amount;
use super::super::{Draft, MAX_NAMED, Question, prices, sku};
use super::paid::{self, Paid};
use crate::facts::{Product, Seen};
use crate::skills::bind::{offer_slot, price_slot};
use crate::skills::figures;
use crate::skills::language::Language;
use crate::skills::view::View;
use crate::skills::wording::Say;

/// Kinds of prices, by unit and currency, that are told apart at once.
const MAX_KINDS: usize = 3;

/// Which of two costs less.
pub(super) fn two(a: Paid, b: Paid, view: &View<'_>) -> Draft {
    let (less, more) = if b.paid.minor() < a.paid.minor() { (b, a) } else { (a, b) };
    let mut draft = Draft::default();
    let (name, dearer) = (view.label(&less.product), view.label(&more.product));
    let (price, than) = (price_slot(sku(&less.product)), price_slot(sku(&more.product)));
    let (name, price, other) = (name.as_str(), price.as_str(), dearer.as_str());
    let is_open = less.open || more.open;
    if !less.is_like(&more) || less.on_offer || more.on_offer {
        draft.say(view, Say::Costs { name, price });
        draft.say(view, Say::Costs { name: other, price: &than });
        for paid in [&less, &more].into_iter().filter(|paid| paid.on_offer) {
            let (name, offer) = (view.label(&paid.product), offer_slot(sku(&paid.product)));
            draft.say(view, Say::OfferOf { name: &name, offer: &offer });
        }
        if less.is_like(&more) && !is_open && less.paid != more.paid {
            let [price, than] = [&less, &more].map(|paid| money(paid, view.language));
            draft.say(view, Say::CheaperWithOffer { name, price: &price, other, than: &than });
        }
    } else if less.paid == more.paid {
        draft.say(view, Say::SamePrice { name, other, price });
    } else {
        draft.say(view, Say::Cheaper { name, price, other, than: &than });
    }
    match by_amount(&less, &more, view.language).filter(|_| !is_open) {
        Some([price, than]) if price == than => {
            draft.say(view, Say::SameByAmount { price: &price });
        }
        Some([price, than]) => {
            draft.say(view, Say::ByAmount { name, price: &price, other, than: &than });
        }
        None => {}
    }
    draft.cite(&less.product);
    draft.cite(&more.product);
    draft
}

/// What is paid, with its unit.
fn money(paid: &Paid, language: Language) -> String {
    figures::per(&figures::money(paid.paid, language), paid.price.per, language)
}

/// What both cost for as much of each, where that can be told and is not what they cost anyway.
fn by_amount(a: &Paid, b: &Paid, language: Language) -> Option<[String; 2]> {
    let [one, other] = [a, b].map(|paid| Amount::of(&paid.product, &paid.price));
    let (one, other) = (one?, other?);
    if a.paid.currency() != b.paid.currency() || one.is_as_much_as(other) {
        return None;
    }
    let unit = one.common(other)?;
    let cost = |amount: Amount, paid: &Paid| {
        let money = figures::money(amount.cost(&paid.price(), unit)?, language);
        Some(figures::per(&money, Some(unit), language))
    };
    Some([cost(one, a)?, cost(other, b)?])
}

/// The cheapest of several; where the dearest is asked for, what the first of them cost.
pub(super) fn least(
    question: &Question<'_>,
    products: &[Seen<Product>],
    view: &mut View<'_>,
) -> Draft {
    let dear = question.has("expensive teuer* caro cara caros caras cher chere chers cheres")
        && !question.has("less least menos moins");
    let kinds = if dear { Vec::new() } else { kinds(paid::priced(products, view)) };
    let least: Vec<_> = kinds.iter().filter_map(|kind| paid::cheapest(kind)).collect();
    match least.as_slice() {
        [] => {
            let some = products.get(..MAX_NAMED.min(products.len())).unwrap_or_default();
            prices::each(question, some, view)
        }
        [only] => cheapest(only, kinds.iter().flatten().any(|paid| paid.open), view),
        // Euros and dollars, or a pack and a pound, have no least.
        several => {
            let several: Vec<_> = several.iter().map(|paid| paid.product.clone()).collect();
            prices::each(
                question,
                several.get(..MAX_KINDS.min(several.len())).unwrap_or_default(),
                view,
            )
        }
    }
}

/// Of all with prices in one unit and currency, the cheapest; `open` where an offer may change that
/// for some.
fn cheapest(paid: &Paid, open: bool, view: &View<'_>) -> Draft {
    let (name, sku) = (view.label(&paid.product), sku(&paid.product));
    let mut draft = Draft::default();
    draft.cite(&paid.product);
    if paid.on_offer && !open {
        let (price, offer) = (money(paid, view.language), offer_slot(sku));
        draft.say(view, Say::CheapestWithOffer { name: &name, price: &price, offer: &offer });
        return draft;
    }
    draft.say(view, Say::Cheapest { name: &name, price: &price_slot(sku) });
    if paid.on_offer {
        draft.say(view, Say::OfferOf { name: &name, offer: &offer_slot(sku) });
    }
    draft
}

/// Those whose prices can be compared, together.
fn kinds(priced: Vec<Paid>) -> Vec<Vec<Paid>> {
    let mut kinds: Vec<Vec<Paid>> = Vec::new();
    for paid in priced {
        match kinds.iter_mut().find(|kind| kind.first().is_some_and(|first| first.is_like(&paid))) {
            Some(kind) => kind.push(paid),
            None => kinds.push(vec![paid]),
        }
    }
    kinds
}
