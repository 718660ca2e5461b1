//! What is paid for products, with what is on offer.

use super::super::amount::Amount;
use super::super::sku;
use crate::facts::{Money, Offer, Price, Product, Promotion, Seen, Table};
use crate::skills::view::View;

/// A product with its price.
#[derive(Debug, Clone)]
pub(super) struct Paid {
    pub(super) product: Seen<Product>,
    pub(super) price: Seen<Price>,
    /// What anybody pays for one, with the best of the offers that ask for nothing.
    pub(super) paid: Money,
    /// Whether there is an offer.
    pub(super) on_offer: bool,
    /// Whether an offer could make it cheaper for some: who takes more, or has a card.
    pub(super) open: bool,
}

impl Paid {
    /// Whether the prices are for the same unit in one currency.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.paid.currency() == other.paid.currency() && self.price.per == other.price.per
    }

    /// The price that is paid in place of the one on the shelf.
    pub(super) fn price(&self) -> Price {
        Price { amount: self.paid, ..Price::clone(&self.price) }
    }
}

/// Those products that have a price.
pub(super) fn priced(products: &[Seen<Product>], view: &mut View<'_>) -> Vec<Paid> {
    let offers_known = !view.is_old(Table::Promotions);
    let priced = products.iter().filter_map(|product| {
        let price = view.reader.price(sku(product))?;
        let offers = match offers_known {
            true => view.reader.promotions_of(sku(product)),
            false => Vec::new(),
        };
        let sure: Vec<_> = offers.iter().filter_map(|offer| paid(&price, offer)).collect();
        let least = sure.iter().copied().min_by_key(|money| money.minor());
        Some(Paid {
            product: product.clone(),
            paid: least
                .filter(|least| least.minor() < price.amount.minor())
                .unwrap_or(price.amount),
            price,
            on_offer: !offers.is_empty(),
            open: sure.len() < offers.len(),
        })
    });
    priced.collect()
}

/// What is paid for one with an offer that asks for nothing; none where it does, or where what it
/// takes away cannot be told of one.
fn paid(price: &Price, promotion: &Promotion) -> Option<Money> {
    let conditions = &promotion.conditions;
    if conditions.loyalty_only || conditions.min_quantity.is_some_and(|least| least > 1) {
        return None;
    }
    let whole = |money: &Money| price.per.is_none() && money.currency() == price.amount.currency();
    let minor = match &promotion.offer {
        Offer::PercentOff(percent) => {
            let off: f64 = percent.to_string().parse().ok()?;
            (price.amount.minor() as f64 * (100.0 - off) / 100.0).round() as i64
        }
        Offer::AmountOff(off) if whole(off) => {
            price.amount.minor().saturating_sub(off.minor()).max(0)
        }
        Offer::FixedPrice(fixed) if whole(fixed) => fixed.minor(),
        _ => return None,
    };
    Money::of_minor(minor, price.amount.currency())
}

pub(super) fn cheapest(products: &[Paid]) -> Option<&Paid> {
    products.iter().min_by_key(|paid| paid.paid.minor())
}

/// The products of the kind of the first, which fits best: butter, and no peanut butter.
pub(super) fn of_one_kind(products: &[Paid]) -> Vec<Paid> {
    let kind = products.first().and_then(|first| first.product.category.as_ref());
    products.iter().filter(|paid| paid.product.category.as_ref() == kind).cloned().collect()
}

/// Two that can be compared: of one size where both sides have it, else the cheapest of each.
pub(super) fn pair(one: &[Paid], other: &[Paid]) -> Option<(Paid, Paid)> {
    let (one, other) = (of_one_kind(one), of_one_kind(other));
    let amount = |paid: &Paid| Amount::of(&paid.product, &paid.price);
    let same_size = |a: &Paid, b: &Paid| match (amount(a), amount(b)) {
        (Some(a), Some(b)) => a.is_as_much_as(b),
        _ => a.product.size.is_some() && a.product.size == b.product.size,
    };
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    let pairs = pairs
        .filter(|(a, b)| sku(&a.product) != sku(&b.product) && a.is_like(b) && same_size(a, b));
    let least = pairs.min_by_key(|(a, b)| a.paid.minor().saturating_add(b.paid.minor()));
    let (one, other) = least.or_else(|| Some((cheapest(&one)?, cheapest(&other)?)))?;
    Some((one.clone(), other.clone()))
}
