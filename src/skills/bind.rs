//! Slots filled from facts, whenever a text is said.

use super::figures;
use super::slots::{Piece, pieces};
use super::view::View;

/// A slot for something that is not there, or is too old to be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing to put in the place of {0}")]
pub(super) struct Unbound(String);

/// The text with what its slots stand for now.
pub(super) fn bind(text: &str, view: &mut View<'_>) -> Result<String, Unbound> {
    let mut bound = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => bound.push_str(text),
            Piece::Slot { written, kind, id } => {
                let value = value(kind, id, view).ok_or_else(|| Unbound(written.to_owned()))?;
                bound.push_str(&value);
            }
        }
    }
    Ok(bound)
}

/// What a slot stands for.
fn value(kind: &str, sku: &str, view: &mut View<'_>) -> Option<String> {
    use crate::facts::Table::{Prices, Promotions};
    match kind {
        "price" if !view.is_old(Prices) => {
            let price = view.reader.price(sku)?;
            let money = figures::money(price.amount, view.language);
            Some(figures::per(&money, price.per, view.language))
        }
        "was" if !view.is_old(Prices) => {
            let was = view.reader.price(sku)?.was?;
            Some(figures::money(was, view.language))
        }
        "offer" if !view.is_old(Promotions) => {
            let offers = view.reader.promotions_of(sku);
            let offers: Vec<_> = offers.iter().map(|promotion| view.offer(promotion)).collect();
            (!offers.is_empty()).then(|| figures::all(offers, view.language))
        }
        _ => None,
    }
}

/// The slot of a product's price.
pub(super) fn price_slot(sku: &str) -> String {
    format!("{{price:{sku}}}")
}

/// The slot of what a product cost before.
pub(super) fn was_slot(sku: &str) -> String {
    format!("{{was:{sku}}}")
}

/// The slot of what is on offer for a product.
pub(super) fn offer_slot(sku: &str) -> String {
    format!("{{offer:{sku}}}")
}
