//! What goes with a product: as the shop says, or else as people usually have it.

use crate::facts::search::Filters;
use crate::facts::{Attribute, Product, Seen};
use crate::skills::ask::{named, sku};
use crate::skills::concierge::diet::Diet;
use crate::skills::view::View;
use crate::skills::words::{fold, words};

/// The attribute by which a shop says it: SKUs or words, with commas between.
const ATTRIBUTE: &str = "goes_with";
/// Things that go together, by words that stand in names and categories in English.
const PAIRS: &str = include_str!("goes_with.txt");
/// As many as are offered.
const OFFERED: usize = 3;

/// One product, in stock and allowed, of each thing that goes with this one.
pub(in crate::skills::concierge) fn goes_with(
    product: &Seen<Product>,
    diet: &Diet,
    view: &mut View<'_>,
) -> Vec<Seen<Product>> {
    let wanted: Vec<String> = match product.attributes.get(ATTRIBUTE) {
        Some(Attribute::Text(list)) => list.split(',').map(|one| one.trim().to_owned()).collect(),
        _ => usual(product),
    };
    let mut found: Vec<Seen<Product>> = Vec::new();
    for words in wanted {
        if found.len() == OFFERED {
            break;
        }
        found.extend(one_of(&words, Some(product), diet, view));
    }
    found
}

/// What goes with a product by its category and its English name; the longest word that fits says it.
fn usual(product: &Product) -> Vec<String> {
    let english = crate::skills::language::Language::English.own_text(&product.names);
    let category = product.category.as_ref().map_or("", |category| category.as_str());
    let last = |text: &str| words(text).into_iter().map(|word| word.folded).collect::<Vec<_>>();
    let known: Vec<String> = [last(english.unwrap_or_default()), last(category)].concat();
    let text = format!(" {} ", known.join(" "));
    let pairs = PAIRS.lines().filter_map(|line| line.split_once('>'));
    let fits = |(what, _): &(&str, &str)| text.contains(&format!(" {} ", fold(what)));
    let best = pairs.filter(fits).max_by_key(|(what, _)| what.trim().len());
    best.map_or_else(Vec::new, |(_, with)| {
        with.split(',').map(|one| one.trim().to_owned()).collect()
    })
}

/// One product of each kind, in stock and allowed, no product twice.
pub(in crate::skills::concierge) fn each_of(
    kinds: &[String],
    diet: &Diet,
    view: &mut View<'_>,
) -> Vec<Seen<Product>> {
    let mut products: Vec<Seen<Product>> = Vec::new();
    for kind in kinds {
        let product = one_of(kind, None, diet, view);
        // "Fresh mozzarella" is looked for as mozzarella where there is no fresh one.
        let product = product.or_else(|| {
            let (_, plain) = kind.split_once(' ')?;
            one_of(plain, None, diet, view)
        });
        let is_new = |product: &Seen<Product>| products.iter().all(|had| sku(had) != sku(product));
        let product = product.filter(is_new);
        products.extend(product);
    }
    products
}

/// One product that these words name, or this SKU, in stock and allowed and not `product` itself: of
/// several the one that fits the shopper best.
pub(in crate::skills::concierge) fn one_of(
    wanted: &str,
    product: Option<&Seen<Product>>,
    diet: &Diet,
    view: &mut View<'_>,
) -> Option<Seen<Product>> {
    let names: Vec<String> = words(wanted).into_iter().map(|word| word.folded).collect();
    let by_sku = view.reader.product(wanted).map(|found| sku(&found).to_owned());
    let filters = Filters { in_stock: true, ..diet.filters() };
    let meant = by_sku.map_or_else(|| named(&names, view), |sku| vec![sku]);
    let there: Vec<String> = view
        .find_with(wanted, 50, filters)
        .into_iter()
        .map(|hit| sku(&hit.product).to_owned())
        .collect();
    let mut fitting: Vec<Seen<Product>> = Vec::new();
    for found in meant.iter().filter(|found| there.contains(found)) {
        let Some(other) = view.reader.product(found) else { continue };
        let fits = product.is_none_or(|product| sku(&other) != sku(product))
            && diet.allows(&other)
            && view.reader.recalls_of(found).is_empty();
        fitting.extend(fits.then_some(other));
    }
    fitting.sort_by_key(|product| diet.rank(product));
    fitting.into_iter().next()
}
