use super::shop::{self, Shop};
use crate::facts::search::{Filters, Query, SearchError};
use crate::facts::{Collection, Name, Standing, Table};

fn found(shop: &Shop, query: &Query) -> Vec<String> {
    let mut reader = shop.facts.reader(shop::NOON);
    let hits = shop.search.find(&mut reader, query, None).unwrap();
    hits.into_iter().map(|hit| hit.product.id().id.to_string()).collect()
}

fn words(shop: &Shop, text: &str) -> Vec<String> {
    found(shop, &Query::of(text, 10))
}

fn filtered(shop: &Shop, text: &str, change: impl FnOnce(&mut Filters)) -> Vec<String> {
    let mut query = Query::of(text, 10);
    change(&mut query.filters);
    found(shop, &query)
}

#[test]
fn products_are_found_by_words_in_any_language() {
    let shop = shop::small();
    for (text, first) in [
        ("oat milk", "oat"),
        ("OAT MILKS", "oat"),
        ("Haferdrink", "oat"),
        ("brebis", "sheep"),
        ("fromage de brebis", "sheep"),
        ("Käse", "sheep"),
        ("kase", "sheep"),
        ("leche de vaca", "cow"),
        ("rye bread", "rye"),
        ("dairy alternatives", "oat"),
        ("Hill Farm", "cow"),
    ] {
        assert_eq!(words(&shop, text).first().map(String::as_str), Some(first), "{text}");
    }
    assert_eq!(words(&shop, "umbrella"), [""; 0]);
}

#[test]
fn an_sku_comes_first() {
    let shop = shop::small();
    assert_eq!(words(&shop, "rye")[0], "rye");
    assert_eq!(words(&shop, "is A-17 milk?")[0], "A-17");
}

#[test]
fn words_that_nobody_wrote_are_read_as_those_they_are_like() {
    let shop = shop::small();
    for (text, first) in [
        ("oat mlik", "oat"),
        ("Haferdrnik", "oat"),
        ("chese", "sheep"),
        ("bred", "rye"),
        ("hafer", "oat"),
    ] {
        assert_eq!(words(&shop, text).first().map(String::as_str), Some(first), "{text}");
    }
    // A word that is there is meant as it is.
    assert_eq!(words(&shop, "rye"), ["rye"]);
    // Words of a question are no misspelled products.
    assert_eq!(words(&shop, "do you have it"), [""; 0]);
}

#[test]
fn filters_leave_out_what_does_not_fit() {
    let shop = shop::small();
    assert_eq!(
        filtered(&shop, "", |f| f.category = Some("dairy".parse().unwrap())),
        ["A-17", "cow", "oat", "sheep"]
    );
    assert_eq!(
        filtered(&shop, "milk", |f| f.category = Some("dairy/milk".parse().unwrap())),
        ["A-17", "cow"]
    );
    assert_eq!(filtered(&shop, "milk", |f| f.max_price = Some("2.00".parse().unwrap())), ["cow"]);
    assert_eq!(filtered(&shop, "milk", |f| f.min_price = Some("2.5".parse().unwrap())), ["oat"]);
    assert_eq!(filtered(&shop, "milk", |f| f.in_stock = true), ["oat"]);
    assert_eq!(filtered(&shop, "", |f| f.on_promotion = true), ["oat", "rye"]);
}

#[test]
fn a_product_of_unknown_allergens_or_with_traces_passes_no_allergen_filter() {
    let shop = shop::small();
    let without = |names: &[&str]| {
        let names =
            names.iter().map(|name| serde_json::from_value((*name).into()).unwrap()).collect();
        filtered(&shop, "", |f| f.without = names)
    };
    assert_eq!(without(&["milk"]), ["oat", "rye"]);
    assert_eq!(without(&["milk", "nuts"]), ["rye"]);
    assert_eq!(without(&["gluten"]), ["cow", "sheep"]);
}

#[test]
fn what_was_found_stands_on_what_was_looked_at() {
    let shop = shop::small();
    let mut query = Query::of("milk", 10);
    query.filters.in_stock = true;
    let mut reader = shop.facts.reader(shop::NOON);
    shop.search.find(&mut reader, &query, None).unwrap();
    let record = reader.finish();
    let names: Vec<_> = record.read.iter().map(|(name, _)| name.clone()).collect();
    assert!(names.contains(&Name::Collection(Collection::table(Table::Products))), "{names:?}");
    assert!(names.contains(&Name::Collection(Collection::table(Table::Stock))), "{names:?}");
    assert_eq!(shop.facts.check(&record, shop::NOON), Standing::Current);
    shop.put(Table::Stock, "cow", serde_json::json!({"band": "plenty"}));
    assert!(matches!(shop.facts.check(&record, shop::NOON), Standing::Dead { .. }));
}

#[test]
fn what_was_found_by_promotion_ends_with_it() {
    let shop = shop::small();
    let mut query = Query::of("", 10);
    query.filters.on_promotion = true;
    let mut reader = shop.facts.reader(shop::NOON);
    shop.search.find(&mut reader, &query, None).unwrap();
    let record = reader.finish();
    assert_eq!(record.until, Some("2026-01-02T00:00:00Z".parse().unwrap()));
}

#[test]
fn a_query_keeps_its_limits() {
    let shop = shop::small();
    let mut reader = shop.facts.reader(shop::NOON);
    for (query, field) in [
        (Query::of("", 10), "q"),
        (Query::of("  ", 10), "q"),
        (Query::of(&"x".repeat(513), 10), "q"),
        (Query::of("milk", 0), "limit"),
        (Query::of("milk", 1001), "limit"),
    ] {
        match shop.search.find(&mut reader, &query, None) {
            Err(SearchError::Query { field: told, .. }) => assert_eq!(told, field),
            other => panic!("{query:?}: {other:?}"),
        }
    }
    assert_eq!(found(&shop, &Query::of("milk", 1)).len(), 1);
}
