//! Texts that need no model, one of each kind in each language.

use super::{CopyOrder, Kind, Slots};
use crate::facts::Product;
use crate::skills::bind::{offer_slot, price_slot};
use crate::skills::language::Language;
use crate::skills::slots::inert;
use crate::skills::view::View;

/// The text of this kind, with slots.
pub(super) fn text(order: &CopyOrder, product: &Product, view: &View<'_>, slots: Slots) -> String {
    let name = view.label(product);
    let (price, offer) = (price_slot(&order.sku), offer_slot(&order.sku));
    match order.kind {
        Kind::Description => description(&name, product, order.language),
        Kind::ShelfTalker if slots.price => format!("{name}: {price}."),
        Kind::ShelfTalker => description(&name, product, order.language),
        Kind::Promotion if slots.price => {
            let [before, usually] = order.language.pick([
                ["On offer", "usual price"],
                ["Im Angebot", "sonst"],
                ["En oferta", "precio habitual"],
                ["En promotion", "prix habituel"],
            ]);
            format!("{before}: {name}. {offer} ({usually} {price}).")
        }
        Kind::Promotion => {
            let before =
                order.language.pick(["On offer", "Im Angebot", "En oferta", "En promotion"]);
            format!("{before}: {name}. {offer}.")
        }
    }
}

/// The shop's own description, or what its facts give.
fn description(name: &str, product: &Product, language: Language) -> String {
    if let Some(own) = language.own_text(&product.descriptions) {
        return inert(own);
    }
    let brand = product.brand.as_ref().filter(|brand| !name.contains(brand.as_str()));
    let category = product.category.as_ref().and_then(|path| path.rsplit('/').next());
    let from = language.pick(["by", "von", "de", "de"]);
    let found = language.pick(["Found under", "Zu finden unter", "Lo encuentra en", "Au rayon"]);
    let mut text = name.to_owned();
    if let Some(brand) = brand {
        text.push_str(&inert(&format!(" {from} {brand}")));
    }
    text.push('.');
    if let Some(category) = category {
        text.push_str(&inert(&format!(" {found}: {category}.")));
    }
    text
}
