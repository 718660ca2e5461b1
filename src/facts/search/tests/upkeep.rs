use serde_json::json;

use super::shop::{self, Shop};
use crate::facts::Table;
use crate::facts::search::Query;

fn words(shop: &Shop, text: &str) -> Vec<String> {
    let mut reader = shop.facts.reader(shop::NOON);
    let hits = shop.search.find(&mut reader, &Query::of(text, 10), None).unwrap();
    hits.into_iter().map(|hit| hit.product.id().id.to_string()).collect()
}

#[test]
fn a_change_is_found_at_once_and_what_was_before_is_not() {
    let shop = shop::small();
    assert_eq!(words(&shop, "rye"), ["rye"]);
    shop.put(Table::Products, "rye", json!({"names": {"en": "Wheat Toast"}}));
    assert_eq!(words(&shop, "toast"), ["rye"]);
    assert_eq!(words(&shop, "dark bread"), [""; 0]);
    shop.put(Table::Products, "new", json!({"names": {"en": "Whole Toast"}}));
    assert_eq!(words(&shop, "toast").len(), 2);
    shop.delete(Table::Products, "rye");
    assert_eq!(words(&shop, "toast"), ["new"]);
    shop.put(Table::Products, "rye", json!({"names": {"en": "Rye Toast"}}));
    assert_eq!(words(&shop, "toast").len(), 2);
}

#[test]
fn a_snapshot_from_before_a_change_shows_nothing_newer() {
    let shop = shop::small();
    let mut before = shop.facts.reader(shop::NOON);
    shop.put(Table::Products, "new", json!({"names": {"en": "Tomato Soup"}}));
    let hits = shop.search.find(&mut before, &Query::of("soup", 10), None).unwrap();
    assert!(hits.is_empty());
    assert_eq!(words(&shop, "soup"), ["new"]);
}

#[test]
fn changes_that_are_no_longer_known_are_made_up_for() {
    let shop = shop::small();
    assert_eq!(words(&shop, "rye"), ["rye"]);
    shop.delete(Table::Products, "rye");
    // More than the facts remember.
    for number in 0..shop.facts.config().max_changes + 10 {
        shop.put(Table::Prices, "cow", json!({"amount": number, "currency": "USD"}));
    }
    assert_eq!(words(&shop, "rye"), [""; 0]);
    assert_eq!(words(&shop, "oat"), ["oat"]);
    assert_eq!(shop.search.coverage().1, 4);
}
