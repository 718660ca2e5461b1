//! Shops to search.

use serde_json::{Value, json};

use crate::facts::search::Search;
use crate::facts::{Batch, Change, Fact, Facts, FactsConfig, Table, UnixSeconds, Zone};

/// Noon of 2026-01-01, UTC.
pub(super) const NOON: UnixSeconds = UnixSeconds(1_767_268_800);

pub(super) struct Shop {
    pub(super) facts: Facts,
    pub(super) search: Search,
}

impl Shop {
    pub(super) fn put(&self, table: Table, id: &str, value: Value) {
        let fact = Fact::parse(table, value.to_string().as_bytes()).unwrap();
        let change = Change::Put { id: id.parse().unwrap(), fact, source: None };
        self.facts.write(Batch::of(change), NOON).unwrap();
    }

    pub(super) fn delete(&self, table: Table, id: &str) {
        let id = crate::facts::FactId::new(table, id).unwrap();
        self.facts.write(Batch::of(Change::Delete { id, source: None }), NOON).unwrap();
    }
}

pub(super) fn empty() -> Shop {
    let zone = Zone::Offset(chrono::FixedOffset::east_opt(0).unwrap());
    let facts = Facts::in_memory(FactsConfig { zone, ..FactsConfig::default() }).unwrap();
    let confirmed = Table::ALL.map(|table| Change::Confirm { table });
    facts.write(Batch { changes: confirmed.to_vec(), idempotency: None }, NOON).unwrap();
    let search = Search::open(facts.clone(), None).unwrap();
    Shop { facts, search }
}

/// A few products that differ in all that a filter looks at.
pub(super) fn small() -> Shop {
    let shop = empty();
    for (sku, product) in [
        (
            "oat",
            json!({
                "names": {"en": "Oat Milk 1 L", "de": "Haferdrink 1 l"}, "category": "dairy/alternatives",
                "allergens": {"contains": ["gluten"], "may_contain": ["nuts"]},
            }),
        ),
        (
            "cow",
            json!({
                "names": {"en": "Whole Milk", "es": "Leche entera de vaca"}, "category": "dairy/milk",
                "brand": "Hill Farm", "allergens": {"contains": ["milk"]},
            }),
        ),
        ("A-17", json!({"names": {"en": "Milk Drink"}, "category": "dairy/milk"})),
        (
            "sheep",
            json!({
                "names": {"en": "Sheep Cheese", "fr": "Fromage de brebis", "de": "Schafskäse Käse"},
                "category": "dairy/cheese", "allergens": {"contains": ["milk"]},
            }),
        ),
        (
            "rye",
            json!({
                "names": {"en": "Dark Rye Bread"}, "category": "bakery/bread",
                "allergens": {"contains": ["gluten", "wheat"]},
            }),
        ),
    ] {
        shop.put(Table::Products, sku, product);
    }
    for (sku, amount) in [("oat", 2.99), ("cow", 1.49), ("sheep", 5.0), ("rye", 2.5)] {
        shop.put(Table::Prices, sku, json!({"amount": amount, "currency": "USD"}));
    }
    shop.put(Table::Stock, "oat", json!({"band": "some"}));
    shop.put(Table::Stock, "cow", json!({"band": "out"}));
    shop.put(
        Table::Promotions,
        "bread",
        json!({
            "titles": {"en": "Bread"}, "categories": ["bakery"], "offer": {"percent_off": 10},
        }),
    );
    shop.put(
        Table::Promotions,
        "oats",
        json!({
            "titles": {"en": "Oats"}, "skus": ["oat"], "offer": {"percent_off": 10},
            "ends": "2026-01-02T00:00:00Z",
        }),
    );
    shop.put(
        Table::Promotions,
        "later",
        json!({
            "titles": {"en": "Later"}, "skus": ["cow"], "offer": {"percent_off": 10},
            "starts": "2026-01-03T00:00:00Z",
        }),
    );
    shop
}

/// The sample shop.
pub(super) fn sample() -> Shop {
    let shop = empty();
    crate::facts::sample::load(&shop.facts, NOON, |_, _| ()).unwrap();
    shop
}
