//! Products as a turn shows them, and what of the facts it stands on.

use super::turn::{Card, Citation, InStock, Level, MAX_CARDS};
use crate::facts::{Band, Table};
use crate::skills::answer::FactRead;
use crate::skills::figures;
use crate::skills::view::View;
use crate::skills::wording::place;

/// Facts of one product that are named.
const MAX_FACTS: usize = 12;

/// The cards of these products, of those that are there. What is too old to be told is left out.
pub(super) fn cards(skus: &[String], view: &mut View<'_>) -> Vec<Card> {
    skus.iter().take(MAX_CARDS).filter_map(|sku| card(sku, view)).collect()
}

fn card(sku: &str, view: &mut View<'_>) -> Option<Card> {
    let product = view.reader.product(sku)?;
    let price = (!view.is_old(Table::Prices)).then(|| view.reader.price(sku)).flatten();
    let stock = (!view.is_old(Table::Stock)).then(|| view.reader.stock(sku)).flatten();
    let offers = match view.is_old(Table::Promotions) {
        true => Vec::new(),
        false => view.reader.promotions_of(sku),
    };
    let language = view.language;
    let money = |money| figures::money(money, language);
    let aisle = stock
        .as_ref()
        .and_then(|stock| stock.location.as_ref())
        .map(|at| place(language, at.aisle.as_deref(), at.bay.as_deref(), at.shelf.as_deref()));
    Some(Card {
        sku: sku.to_owned(),
        name: view.label(&product),
        price: price.as_ref().map(|price| figures::per(&money(price.amount), price.per, language)),
        was: price.as_ref().and_then(|price| price.was).map(money),
        stock: stock.as_ref().map(|stock| InStock { level: level(stock.band) }),
        aisle: aisle.filter(|aisle| !aisle.is_empty()),
        promotion: (!offers.is_empty()).then(|| {
            figures::all(offers.iter().map(|offer| view.offer(offer)).collect(), language)
        }),
    })
}

fn level(band: Band) -> Level {
    match band {
        Band::Out => Level::Out,
        Band::Low => Level::Low,
        Band::Some | Band::Plenty => Level::InStock,
    }
}

/// What an answer stands on, by the products that it names.
pub(super) fn citations(skus: &[String], read: &[FactRead], view: &mut View<'_>) -> Vec<Citation> {
    let of = |sku: &String, view: &mut View<'_>| {
        let product = view.reader.product(sku)?;
        let is_of = |fact: &&FactRead| {
            let id = fact.name.split_once(':').map(|(_, id)| id.split('#').next().unwrap_or(id));
            id == Some(sku.as_str())
        };
        let facts = read.iter().filter(is_of).take(MAX_FACTS).map(|fact| fact.name.clone());
        Some(Citation { sku: sku.clone(), name: view.label(&product), facts: facts.collect() })
    };
    skus.iter().take(MAX_CARDS).filter_map(|sku| of(sku, view)).collect()
}
