//! Tools that read facts, run.

use super::similar::{Wanted, similar};
use super::{Call, goes};
use crate::facts::{Product, Seen, Table};
use crate::skills::ask::{self, Draft, Intent, Outcome, sku};
use crate::skills::bind::price_slot;
use crate::skills::concierge::diet::Diet;
use crate::skills::concierge::wording::{self, Line};
use crate::skills::figures;
use crate::skills::view::View;
use crate::skills::words::words;

/// Products that a search lists.
const MAX_FOUND: usize = 4;

/// What a tool finds in the facts, said; none for a tool that does not read facts.
pub(in crate::skills::concierge) fn run(
    call: &Call,
    diet: &Diet,
    view: &mut View<'_>,
) -> Option<Draft> {
    let about = |intent: Intent, sku: &String, view: &mut View<'_>| {
        ask::tell(intent, std::slice::from_ref(sku), view).unwrap_or_default()
    };
    Some(match call {
        Call::SearchProducts { query } => search(query, diet, view),
        Call::PriceAndStock { sku } => {
            let mut draft = about(Intent::Price, sku, view);
            draft.append(about(Intent::Stock, sku, view));
            draft
        }
        Call::Alternatives { sku, cheaper } => {
            instead(sku, if *cheaper { Wanted::Cheaper } else { Wanted::Any }, diet, view)
        }
        Call::Complements { sku } => complements(sku, diet, view),
        Call::Promotions { sku: Some(sku) } => about(Intent::Promotions, sku, view),
        Call::Promotions { sku: None } => {
            ask::tell(Intent::Promotions, &[], view).unwrap_or_default()
        }
        Call::FindInStore { sku } => about(Intent::Location, sku, view),
        Call::SuggestProducts { find } => suggested(find, diet, view),
        Call::OrderStatus { .. }
        | Call::ChangeOrder { .. }
        | Call::StartReturn { .. }
        | Call::CallAssociate { .. } => return None,
    })
}

/// Products by words, those first that have all of them.
fn search(query: &str, diet: &Diet, view: &mut View<'_>) -> Draft {
    let names: Vec<String> = words(query).into_iter().map(|word| word.folded).collect();
    let certain = ask::named(&names, view);
    let hits = view.find_with(&ask::query_of(&names), MAX_FOUND * 4, diet.filters());
    let mut found: Vec<_> = hits.into_iter().map(|hit| hit.product).collect();
    found.retain(|product| diet.allows(product) && view.reader.recalls_of(sku(product)).is_empty());
    found.sort_by_key(|product| {
        (!certain.iter().any(|known| known == sku(product)), diet.rank(product))
    });
    found.truncate(MAX_FOUND);
    if found.is_empty() {
        return line(Outcome::NotFound, Line::NothingFound, view);
    }
    let list = figures::all(priced(&found, view), view.language);
    cited(&found, line(Outcome::Answered, Line::Found { list: &list }, view))
}

/// What could be taken in a product's place.
fn instead(of: &str, wanted: Wanted, diet: &Diet, view: &mut View<'_>) -> Draft {
    let Some(product) = view.reader.product(of) else {
        return line(Outcome::NotFound, Line::NothingFound, view);
    };
    if wanted == Wanted::Cheaper && view.is_old(Table::Prices) {
        return ask::tell(Intent::Price, &[of.to_owned()], view).unwrap_or_default();
    }
    let found = similar(&product, wanted, diet, view);
    let name = view.label(&product);
    let items = priced(&found, view);
    match (wanted, found.is_empty()) {
        (Wanted::Any, true) => line(Outcome::NotFound, Line::NothingInstead { name: &name }, view),
        (Wanted::Cheaper, true) => {
            line(Outcome::NotFound, Line::NothingCheaper { name: &name }, view)
        }
        (Wanted::Any, false) => {
            let list = figures::any(items, view.language);
            cited(&found, line(Outcome::Answered, Line::Instead { list: &list }, view))
        }
        (Wanted::Cheaper, false) => {
            let list = figures::all(items, view.language);
            cited(&found, line(Outcome::Answered, Line::CheaperOnes { list: &list }, view))
        }
    }
}

/// One product of each of these kinds.
fn suggested(kinds: &[String], diet: &Diet, view: &mut View<'_>) -> Draft {
    let found = goes::each_of(kinds, diet, view);
    if found.is_empty() {
        return line(Outcome::NotFound, Line::NothingFound, view);
    }
    let list = figures::all(priced(&found, view), view.language);
    cited(&found, line(Outcome::Answered, Line::ForThat { list: &list }, view))
}

fn complements(of: &str, diet: &Diet, view: &mut View<'_>) -> Draft {
    let Some(product) = view.reader.product(of) else {
        return line(Outcome::NotFound, Line::NothingFound, view);
    };
    let found = goes::goes_with(&product, diet, view);
    let name = view.label(&product);
    if found.is_empty() {
        return line(Outcome::NotFound, Line::NothingGoesWith { name: &name }, view);
    }
    let list = figures::all(priced(&found, view), view.language);
    cited(&found, line(Outcome::Answered, Line::GoesWith { name: &name, list: &list }, view))
}

/// Products by name, with a slot for the price where there is one that may be told.
pub(in crate::skills::concierge) fn priced(
    products: &[Seen<Product>],
    view: &mut View<'_>,
) -> Vec<String> {
    let old = view.is_old(Table::Prices);
    let each = |product: &Seen<Product>, view: &mut View<'_>| {
        let (name, sku) = (view.label(product), sku(product));
        let known = !old && view.reader.price(sku).is_some();
        let price = price_slot(sku);
        let line = Line::Priced { name: &name, price: &price };
        if known { wording::say(view.language, line) } else { name }
    };
    products.iter().map(|product| each(product, view)).collect()
}

fn line(outcome: Outcome, line: Line<'_>, view: &View<'_>) -> Draft {
    let sentences = vec![wording::say(view.language, line)];
    Draft { sentences, outcome, ..Draft::default() }
}

fn cited(products: &[Seen<Product>], mut draft: Draft) -> Draft {
    products.iter().for_each(|product| draft.cite(product));
    draft
}
