//! What could be taken in a product's place: of its kind, in stock, near in price, allowed.

use crate::facts::search::{Filters, Hit};
use crate::facts::{Price, Product, Seen};
use crate::skills::ask::{share, sku};
use crate::skills::concierge::diet::Diet;
use crate::skills::view::View;
use crate::skills::words::words;

/// Products that are looked at.
const CANDIDATES: usize = 60;
/// As many as are offered.
pub(in crate::skills::concierge) const OFFERED: usize = 3;
/// The share of a name's words, in percent, from which on two products are much alike.
const ALIKE_PERCENT: usize = 34;

/// What is wanted in a product's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::skills::concierge) enum Wanted {
    /// Anything that does for it.
    Any,
    /// Something that costs less.
    Cheaper,
}

/// Products that could be taken in the place of one, the best first. What is recalled, sold out or
/// not known to be allowed is none of them.
pub(in crate::skills::concierge) fn similar(
    product: &Seen<Product>,
    wanted: Wanted,
    diet: &Diet,
    view: &mut View<'_>,
) -> Vec<Seen<Product>> {
    let Some(category) = &product.category else { return Vec::new() };
    let price = view.reader.price(sku(product));
    let prefixes: Vec<String> = category.prefixes().map(str::to_owned).collect();
    let mut found = Vec::new();
    // Of the narrowest category first; a wider one, but not the widest, where that has too few.
    for prefix in prefixes.iter().skip(usize::from(prefixes.len() > 1)).rev() {
        let filters = Filters { in_stock: true, category: prefix.parse().ok(), ..diet.filters() };
        let likes = Likes { product, price: price.as_deref(), wanted, diet };
        found = likes.among(view.find_with(&likes.query(view), CANDIDATES, filters), view);
        if found.len() >= OFFERED {
            break;
        }
    }
    found.truncate(OFFERED);
    found
}

struct Likes<'a> {
    product: &'a Seen<Product>,
    price: Option<&'a Price>,
    wanted: Wanted,
    diet: &'a Diet,
}

impl Likes<'_> {
    /// The words of its name, without brand and size.
    fn query(&self, view: &View<'_>) -> String {
        let names = self.names(view);
        crate::skills::ask::query_of(&names)
    }

    fn names(&self, view: &View<'_>) -> Vec<String> {
        let folded = |text: &str| words(text).into_iter().map(|word| word.folded);
        let brand: Vec<_> = self.product.brand.iter().flat_map(|brand| folded(brand)).collect();
        let size = self.product.size.as_ref().map_or("", |size| size.text.as_str());
        let size: Vec<_> = folded(size).collect();
        let own = folded(view.language.text(&self.product.names));
        own.filter(|word| !brand.contains(word) && !size.contains(word)).collect()
    }

    fn among(&self, hits: Vec<Hit>, view: &mut View<'_>) -> Vec<Seen<Product>> {
        let names = self.names(view);
        let mut fitting: Vec<(bool, u64, Seen<Product>)> = Vec::new();
        for Hit { product, .. } in hits {
            if sku(&product) == sku(self.product) || !self.diet.allows(&product) {
                continue;
            }
            if !view.reader.recalls_of(sku(&product)).is_empty() {
                continue;
            }
            let other = view.reader.price(sku(&product));
            let Some(apart) = self.apart(other.as_deref()) else { continue };
            fitting.push((share(&names, &product) < ALIKE_PERCENT, apart, product));
        }
        // Whatever has nothing of the name is offered only where nothing else is.
        if fitting.iter().any(|(unlike, ..)| !unlike) {
            fitting.retain(|(unlike, ..)| !unlike);
        }
        fitting.sort_by_key(|(unlike, apart, product)| (*unlike, self.diet.rank(product), *apart));
        fitting.into_iter().map(|(.., product)| product).collect()
    }

    /// How far its price is from the product's, in the smallest coin; none where it does not fit what
    /// is wanted. What costs least is nearest where something cheaper is wanted.
    fn apart(&self, other: Option<&Price>) -> Option<u64> {
        match (self.wanted, self.price, other) {
            (Wanted::Any, Some(price), Some(other)) => {
                Some(price.amount.minor().abs_diff(other.amount.minor()))
            }
            (Wanted::Any, _, _) => Some(u64::MAX),
            (Wanted::Cheaper, Some(price), Some(other)) => {
                let comparable = price.per == other.per
                    && price.amount.currency() == other.amount.currency()
                    && other.amount.minor() < price.amount.minor();
                comparable.then(|| other.amount.minor().unsigned_abs())
            }
            (Wanted::Cheaper, _, _) => None,
        }
    }
}
