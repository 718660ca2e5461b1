//! Whether a product passes a query's filters, by the facts of the reader's snapshot.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Filters;
use crate::facts::{
    Allergen, Band, Category, Collection, Decimal, Fact, Id, Price, Product, Promotion, Reader,
    Table,
};

/// Digits in which prices are compared: more than any currency has.
const DIGITS: u8 = 4;

/// Filters over a snapshot.
pub(super) struct Sieve<'a> {
    filters: &'a Filters,
    reader: &'a Reader,
    promoted: Promoted,
}

/// What there are promotions for at the reader's moment.
#[derive(Default)]
struct Promoted {
    skus: BTreeSet<Id>,
    categories: BTreeSet<Category>,
    everything: bool,
}

impl Promoted {
    fn add(&mut self, promotion: &Promotion) {
        self.skus.extend(promotion.skus.iter().cloned());
        self.categories.extend(promotion.categories.iter().cloned());
        self.everything |= promotion.everything;
    }

    fn has(&self, sku: &str, product: &Product) -> bool {
        let mut prefixes = product.category.iter().flat_map(|category| category.prefixes());
        self.everything
            || self.skus.contains(sku)
            || prefixes.any(|prefix| self.categories.contains(prefix))
    }
}

impl<'a> Sieve<'a> {
    /// Writes down the tables that the filters look at: that a product is left out stands on all of
    /// them.
    pub(super) fn new(filters: &'a Filters, reader: &'a mut Reader) -> Self {
        let Filters { category, min_price, max_price, in_stock, on_promotion, without } = filters;
        let priced = min_price.is_some() || max_price.is_some();
        for (looked_at, table) in
            [(priced, Table::Prices), (*in_stock, Table::Stock), (*on_promotion, Table::Promotions)]
        {
            if looked_at {
                reader.note(Collection::table(table));
            }
        }
        if category.is_some() || *on_promotion || !without.is_empty() {
            reader.note(Collection::safety());
        }
        let promoted = if *on_promotion { promoted(reader) } else { Promoted::default() };
        Self { filters, reader, promoted }
    }

    /// Whether a product passes; one that is not there does not.
    pub(super) fn passes(&self, sku: &str) -> bool {
        let Some(product) = self.product(sku) else { return false };
        let filters = self.filters;
        self.is_of_category(&product)
            && is_free_of(&product, filters.without.iter())
            && (!filters.in_stock || self.is_in_stock(sku))
            && self.is_priced(sku)
            && (!filters.on_promotion || self.promoted.has(sku, &product))
    }

    fn product(&self, sku: &str) -> Option<Arc<Product>> {
        match self.reader.state().row(Table::Products, sku)?.fact.as_ref()? {
            Fact::Product(product) => Some(Arc::clone(product)),
            _ => None,
        }
    }

    fn is_of_category(&self, product: &Product) -> bool {
        let Some(wanted) = &self.filters.category else { return true };
        let category = product.category.as_ref();
        category.is_some_and(|category| category.prefixes().any(|prefix| prefix == wanted.as_str()))
    }

    fn is_in_stock(&self, sku: &str) -> bool {
        let row = self.reader.state().row(Table::Stock, sku);
        match row.and_then(|row| row.fact.as_ref()) {
            Some(Fact::Stock(stock)) => stock.band != Band::Out,
            _ => false,
        }
    }

    fn is_priced(&self, sku: &str) -> bool {
        let Filters { min_price, max_price, .. } = self.filters;
        if min_price.is_none() && max_price.is_none() {
            return true;
        }
        let row = self.reader.state().row(Table::Prices, sku);
        let Some(Fact::Price(price)) = row.and_then(|row| row.fact.as_ref()) else { return false };
        is_between(price, *min_price, *max_price)
    }
}

/// Promotions that hold now; what is found with them holds until one begins or ends.
fn promoted(reader: &mut Reader) -> Promoted {
    let (zone, now) = reader.moment();
    let state = Arc::clone(reader.state());
    let mut promoted = Promoted::default();
    for (_, row) in state.rows(Table::Promotions).iter() {
        let Some(Fact::Promotion(promotion)) = &row.fact else { continue };
        if let Some(next) = promotion.next_change(zone, now) {
            reader.end_by(next);
        }
        if promotion.is_on(zone, now) {
            promoted.add(promotion);
        }
    }
    promoted
}

fn is_between(price: &Price, least: Option<Decimal>, most: Option<Decimal>) -> bool {
    let scaled = |number: Decimal| number.scaled(DIGITS);
    let Some(amount) = scaled(price.amount.amount()) else { return false };
    let above = least.is_none_or(|least| scaled(least).is_some_and(|least| amount >= least));
    above && most.is_none_or(|most| scaled(most).is_some_and(|most| amount <= most))
}

/// Only where the allergens are known, and neither list names one.
fn is_free_of<'a>(product: &Product, mut without: impl Iterator<Item = &'a Allergen>) -> bool {
    match &product.allergens {
        Some(allergens) => without.all(|allergen| {
            !allergens.contains.contains(allergen) && !allergens.may_contain.contains(allergen)
        }),
        None => without.next().is_none(),
    }
}
