//! What products cost.

use super::{Draft, Question, sku};
use crate::facts::{Product, Seen, Table};
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
