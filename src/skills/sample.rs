//! A small shop for tests.

use serde_json::{Value, json};

use super::ask::Asked;
use super::clerk::Wishes;
use super::wanted::at_night;
use crate::cache::Scope;
use crate::facts::search::Search;
use crate::facts::{Batch, Change, Fact, Facts, FactsConfig, Table, UnixSeconds, Zone};

/// A Thursday, ten in the morning in the shop.
pub(super) const NOW: &str = "2026-11-26T10:00:00+01:00";

pub(super) fn now() -> UnixSeconds {
    NOW.parse().unwrap()
}

/// A question of somebody who says no more than that.
pub(super) fn asked(question: &str) -> Asked {
    Asked {
        question: question.to_owned(),
        language: None,
        scope: Scope::Store,
        model: None,
        wishes: Wishes::default(),
        deadline: at_night(),
    }
}

/// Facts in memory, of a shop one hour east of Greenwich.
pub(super) fn facts() -> Facts {
    let zone = Zone::Offset(chrono::FixedOffset::east_opt(3600).unwrap());
    Facts::in_memory(FactsConfig { zone, ..FactsConfig::default() }).unwrap()
}

pub(super) fn search(facts: &Facts) -> Search {
    Search::open(facts.clone(), None).unwrap()
}

pub(super) fn put(facts: &Facts, table: Table, id: &str, value: Value) {
    let fact = Fact::parse(table, value.to_string().as_bytes()).unwrap();
    let change = Change::Put { id: id.parse().unwrap(), fact, source: None };
    facts.write(Batch::of(change), now()).unwrap();
}

/// A shop with a few of everything.
pub(super) fn shop() -> Facts {
    stocked(facts())
}

/// The same, of which nothing is ever too old: for turns that are taken by the clock on the wall.
pub(super) fn ageless_shop() -> Facts {
    let zone = Zone::Offset(chrono::FixedOffset::east_opt(3600).unwrap());
    let config = FactsConfig { zone, max_age: [None; 6], ..FactsConfig::default() };
    stocked(Facts::in_memory(config).unwrap())
}

fn stocked(facts: Facts) -> Facts {
    for (sku, product) in products() {
        put(&facts, Table::Products, sku, product);
    }
    for (sku, price) in [
        ("1001", json!({ "amount": 3.49, "currency": "USD" })),
        ("1002", json!({ "amount": 3.29, "currency": "USD" })),
        ("1003", json!({ "amount": 5.99, "currency": "USD", "was": 6.99 })),
        ("1004", json!({ "amount": 8.5, "currency": "USD" })),
        ("1005", json!({ "amount": 2.5, "currency": "USD" })),
        ("1006", json!({ "amount": 0.79, "currency": "USD", "per": "lb" })),
        ("1008", json!({ "amount": 4.25, "currency": "USD" })),
        ("1009", json!({ "amount": 3.75, "currency": "USD" })),
    ] {
        put(&facts, Table::Prices, sku, price);
    }
    for (sku, stock) in [
        ("1001", json!({ "band": "plenty", "location": { "aisle": "12", "bay": "3" } })),
        ("1002", json!({ "band": "low", "location": { "aisle": "12" } })),
        ("1003", json!({ "band": "out", "location": { "aisle": "7" } })),
        ("1004", json!({ "band": "some", "location": { "aisle": "7" } })),
        ("1005", json!({ "band": "some" })),
    ] {
        put(&facts, Table::Stock, sku, stock);
    }
    put(
        &facts,
        Table::Promotions,
        "coffee-week",
        json!({
            "titles": { "en": "Coffee week", "de": "Kaffeewoche" },
            "categories": ["drinks/coffee"],
            "offer": { "percent_off": 20 },
            "ends": "2026-12-01T00:00:00+01:00",
        }),
    );
    let weekday = json!([{ "opens": "08:00", "closes": "20:00" }]);
    put(
        &facts,
        Table::Hours,
        "store",
        json!({
            "names": { "en": "Store", "de": "Markt", "es": "Tienda", "fr": "Magasin" },
            "weekly": {
                "monday": weekday, "tuesday": weekday, "wednesday": weekday,
                "thursday": weekday, "friday": weekday,
                "saturday": [{ "opens": "09:00", "closes": "18:00" }],
            },
            "exceptions": { "2026-12-25": [] },
        }),
    );
    put(
        &facts,
        Table::Hours,
        "bakery",
        json!({
            "names": { "en": "Bakery", "de": "Bäckerei", "es": "Panadería", "fr": "Boulangerie" },
            "weekly": { "thursday": [{ "opens": "07:00", "closes": "09:30" }], "sunday": weekday },
        }),
    );
    put(
        &facts,
        Table::Recalls,
        "r1",
        json!({
            "skus": ["1008"],
            "reasons": { "en": "Glass may be in it", "de": "Es kann Glas enthalten" },
            "since": "2026-11-25T00:00:00Z",
            "instructions": { "en": "Bring it back for a refund." },
        }),
    );
    facts
}

fn products() -> Vec<(&'static str, Value)> {
    let milk = |en: &str, de: &str, es: &str, fr: &str| {
        json!({
            "names": { "en": en, "de": de, "es": es, "fr": fr },
            "category": "dairy/milk", "brand": "Meadow",
            "size": { "text": "1 gal" },
            "allergens": { "contains": ["milk"] },
        })
    };
    vec![
        (
            "1001",
            milk(
                "Meadow Whole Milk",
                "Meadow Vollmilch",
                "Meadow Leche Entera",
                "Meadow Lait Entier",
            ),
        ),
        (
            "1002",
            milk(
                "Meadow Skim Milk",
                "Meadow Magermilch",
                "Meadow Leche Desnatada",
                "Meadow Lait Écrémé",
            ),
        ),
        (
            "1003",
            json!({
                "names": {
                    "en": "Alpenhof Honey Granola", "de": "Alpenhof Honig Müsli",
                    "es": "Alpenhof Granola de Miel", "fr": "Alpenhof Muesli au Miel",
                },
                "category": "breakfast/cereals", "brand": "Alpenhof",
                "size": { "text": "500 g" },
                "descriptions": { "en": "Crunchy oats with honey, baked slowly." },
                "attributes": { "vegan": false, "calories": 420, "origin": "Austria" },
                "allergens": { "contains": ["wheat", "milk"], "may_contain": ["nuts"] },
            }),
        ),
        (
            "1004",
            json!({
                "names": {
                    "en": "Monte Roast Coffee", "de": "Monte Röstkaffee",
                    "es": "Monte Café Tostado", "fr": "Monte Café Torréfié",
                },
                "category": "drinks/coffee", "brand": "Monte", "size": { "text": "12 oz" },
                "allergens": { "contains": [] },
                "attributes": { "organic": true },
            }),
        ),
        (
            "1005",
            json!({
                "names": {
                    "en": "Country Rye Bread", "de": "Roggenbrot", "es": "Pan de Centeno",
                    "fr": "Pain de Seigle",
                },
                "category": "bakery/bread",
                "allergens": { "contains": ["gluten"] },
            }),
        ),
        (
            "1006",
            json!({
                "names": { "en": "Bananas", "de": "Bananen", "es": "Plátanos", "fr": "Bananes" },
                "category": "produce/fruit",
            }),
        ),
        (
            "1007",
            json!({
                "names": {
                    "en": "Rice Crackers", "de": "Reiscracker", "es": "Galletas de Arroz",
                    "fr": "Galettes de Riz",
                },
                "category": "snacks", "brand": "Sunrise", "size": { "text": "100 g" },
                "allergens": { "contains": [], "may_contain": [] },
            }),
        ),
        (
            "1008",
            json!({
                "names": { "en": "Garden Tomato Soup", "de": "Garten Tomatensuppe" },
                "category": "canned/soup", "size": { "text": "400 ml" },
                "allergens": { "contains": ["celery"] },
            }),
        ),
        (
            "1009",
            json!({
                "names": { "en": "Gluten Free Oat Bread", "de": "Haferbrot glutenfrei" },
                "category": "bakery/bread", "allergens": { "contains": [] },
            }),
        ),
    ]
}
