//! What is on offer.

use super::super::resolve::{self, Resolved};
use super::when::{When, is_time, when};
use super::{Draft, MAX_NAMED, Question, found, not_found, sku};
use crate::facts::{Product, Promotion, Seen, Table};
use crate::skills::bind::offer_slot;
use crate::skills::slots::inert;
use crate::skills::view::View;
use crate::skills::wording::Say;

/// Promotions that are told at once, and that are counted.
const MAX_TOLD: usize = 5;
const MAX_COUNTED: usize = 1000;

/// Whether a product is on offer, or what is on offer at all.
pub(super) fn answer(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    if view.is_old(Table::Promotions) {
        return Draft::of(view, Say::OffersOld);
    }
    let names: Vec<String> = question.names().into_iter().filter(|name| !is_time(name)).collect();
    // Christmas is part of a name more often than a day on which offers are asked for.
    let timed = question.words.iter().any(|word| is_time(&word.folded));
    let today = view.reader.today();
    let later = matches!(when(question, today), When::On(days) if !days.contains(&today));
    let mut draft = Draft::default();
    if later && timed {
        draft.say(view, Say::OffersOnlyNow);
    }
    draft.append(match found(question, &names, view) {
        Resolved::One(product) => each(&[product], view),
        Resolved::Several(products, _) => of_several(&products, &names, view),
        Resolved::Unnamed => everything(view),
        other => not_found(&other, &names, view),
    });
    draft
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

/// Of several products those that are on offer; where none is, all else that has their words.
fn of_several(products: &[Seen<Product>], names: &[String], view: &mut View<'_>) -> Draft {
    let mut on = on_offer(products, view);
    if on.is_empty() {
        on = on_offer(&resolve::all_with(names, view), view);
    }
    let (named, more) = on.split_at(MAX_NAMED.min(on.len()));
    if named.is_empty() {
        return Draft::of(view, Say::NoneOnOffer { what: &resolve::asked_for(names) });
    }
    let mut draft = each(named, view);
    if !more.is_empty() {
        draft.say(view, Say::More { count: more.len() });
    }
    draft
}

fn on_offer(products: &[Seen<Product>], view: &mut View<'_>) -> Vec<Seen<Product>> {
    let mut on = products.to_vec();
    on.retain(|product| !view.reader.promotions_of(sku(product)).is_empty());
    on
}

/// What is on offer in the whole shop.
fn everything(view: &mut View<'_>) -> Draft {
    let promotions = view.reader.promotions(MAX_COUNTED);
    let (named, more) = promotions.split_at(MAX_TOLD.min(promotions.len()));
    if named.is_empty() {
        return Draft::of(view, Say::NoOffers);
    }
    let told = named.iter().map(|promotion| told(promotion, view));
    let list = told.collect::<Vec<_>>().join("; ");
    let mut draft = Draft::of(view, Say::Offers { list: &list });
    if !more.is_empty() {
        draft.say(view, Say::More { count: more.len() });
    }
    draft
}

fn told(promotion: &Seen<Promotion>, view: &View<'_>) -> String {
    let title = inert(view.language.text(&promotion.titles));
    format!("{title} ({})", view.offer(promotion))
}
