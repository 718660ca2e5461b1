//! Comparisons of what is paid.

use serde_json::{Value, json};

use super::rules::{answer_of, check};
use crate::facts::{Facts, Table};
use crate::skills::sample;

fn put(facts: &Facts, sku: &str, name: &str, category: &str, size: Value, price: Value) {
    let product = json!({ "names": { "en": name }, "category": category, "size": size });
    sample::put(facts, Table::Products, sku, product);
    sample::put(facts, Table::Prices, sku, price);
}

fn liter() -> Value {
    json!({ "text": "1 l", "quantity": 1, "unit": "l" })
}

fn drinks(offer: Value, conditions: Value) -> Facts {
    let facts = sample::facts();
    let usd = |amount: f64| json!({ "amount": amount, "currency": "USD" });
    put(&facts, "rv1", "Almond Drink", "drinks", liter(), usd(2.0));
    put(&facts, "rv2", "Oat Drink", "drinks", liter(), usd(3.0));
    let promotion = json!({
        "titles": { "en": "Half" }, "skus": ["rv2"], "offer": offer, "conditions": conditions,
    });
    sample::put(&facts, Table::Promotions, "half", promotion);
    facts
}

#[test]
fn an_offer_for_all_decides_what_is_cheaper() {
    let facts = drinks(json!({ "percent_off": 50 }), json!({}));
    let (text, _) = answer_of(&facts, "Is the almond drink cheaper than the oat drink?").unwrap();
    assert!(text.contains("With the offer Oat Drink (1 l) is cheaper: $1.50;"), "{text}");
    let (text, _) = answer_of(&facts, "What is the cheapest drink?").unwrap();
    assert!(text.starts_with("With the offer the cheapest is Oat Drink (1 l) at $1.50"), "{text}");
}

#[test]
fn an_offer_for_some_is_told_and_decides_nothing() {
    let facts = drinks(json!({ "percent_off": 50 }), json!({ "loyalty_only": true }));
    let (text, _) = answer_of(&facts, "Is the almond drink cheaper than the oat drink?").unwrap();
    assert!(text.contains("is on offer: 50% off") && !text.contains("cheaper"), "{text}");
}

#[test]
fn prices_in_two_currencies_have_no_least() {
    let facts = sample::facts();
    let price = |amount: f64, currency: &str| json!({ "amount": amount, "currency": currency });
    put(&facts, "1", "Almond Drink", "drinks", liter(), price(1.8, "EUR"));
    put(&facts, "2", "Oat Drink", "drinks", liter(), price(2.0, "USD"));
    let (text, _) = answer_of(&facts, "What is the cheapest drink?").unwrap();
    assert!(text.contains("costs €1.80") && text.contains("costs $2.00"), "{text}");
    assert!(!text.contains("cheapest"), "{text}");
}

#[test]
fn lists_and_units_name_no_product() {
    let less = "Meadow Skim Milk (1 gal) is cheaper: it costs $3.29, and Meadow Whole Milk (1 gal) \
                costs $3.49.";
    for question in [
        "What costs less per liter, whole milk or skim milk?",
        "Is whole milk cheaper or more expensive than skim milk?",
    ] {
        check(question, less, &["1002", "1001"]);
    }
    let (text, cited) =
        answer_of(&sample::shop(), "Which is cheaper: whole milk, granola or rye bread?").unwrap();
    assert!(text.starts_with("The cheapest is Country Rye Bread at $2.50."), "{text}");
    assert_eq!(cited, ["1005", "1001", "1003"]);
}
