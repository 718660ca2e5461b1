//! What is on offer.

use super::super::resolve::{self, Resolved};
use super::{Draft, MAX_NAMED, Question, found, not_found, sku};
use crate::facts::{Product, Promotion, Seen, Table};
use crate::skills::bind::offer_slot;
use crate::skills::view::View;
use crate::skills::wording::Say;

/// Promotions that are told at once.
const MAX_TOLD: usize = 5;

/// Whether a product is on offer, or what is on offer at all.
pub(super) fn answer(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    if view.is_old(Table::Promotions) {
        return Draft::of(view, Say::OffersOld);
    }
    let names: Vec<String> = question.names().into_iter().filter(|name| !is_time(name)).collect();
    match found(question, &names, view) {
        Resolved::One(product) => each(&[product], view),
        Resolved::Several(products, _) => of_several(&products, &names, view),
        Resolved::Unnamed => everything(view),
        other => not_found(&other, &names, view),
    }
}

fn is_time(word: &str) -> bool {
    "week month weekend woche monat wochenende semana mes semaine mois day"
        .split(' ')
        .any(|time| resolve::same(word, time))
}

fn each(products: &[Seen<Product>], view: &mut View<'_>) -> Draft {
    let mut draft = Draft::default();
    for product in products {
        draft.cite(product);
        let (name, sku) = (view.label(product), sku(product));
        if view.reader.promotions_of(sku).is_empty() {
            draft.say(view, Say::NotOnOffer { name: &name });
        } else {
            draft.say(view, Say::OnOffer { name: &name, offer: &offer_slot(sku) });
        }
    }
    draft
}

/// Of several products those that are on offer.
fn of_several(products: &[Seen<Product>], names: &[String], view: &mut View<'_>) -> Draft {
    let mut on = Vec::new();
    for product in products {
        if !view.reader.promotions_of(sku(product)).is_empty() {
            on.push(product.clone());
        }
    }
    match on.as_slice() {
        [] => Draft::of(view, Say::NoneOnOffer { what: &resolve::asked_for(names) }),
        on => each(on.get(..MAX_NAMED.min(on.len())).unwrap_or_default(), view),
    }
}

/// What is on offer in the whole shop.
fn everything(view: &mut View<'_>) -> Draft {
    let promotions = view.reader.promotions(MAX_TOLD);
    if promotions.is_empty() {
        return Draft::of(view, Say::NoOffers);
    }
    let told = promotions.iter().map(|promotion| told(promotion, view));
    let list = told.collect::<Vec<_>>().join("; ");
    Draft::of(view, Say::Offers { list: &list })
}

fn told(promotion: &Seen<Promotion>, view: &View<'_>) -> String {
    let title = view.language.text(&promotion.titles);
    format!("{title} ({})", view.offer(promotion))
}
