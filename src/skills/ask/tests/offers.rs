//! What is on offer, and what costs least, among many.

use serde_json::{Value, json};

use super::rules::{answer_of, check};
use crate::facts::{Facts, Table};
use crate::skills::sample;

/// A product with a price.
fn put(facts: &Facts, sku: &str, product: Value, price: Value) {
    sample::put(facts, Table::Products, sku, product);
    sample::put(facts, Table::Prices, sku, price);
}

fn promote(facts: &Facts, id: &str, skus: &[&str], offer: Value, conditions: Value) {
    let promotion = json!({
        "titles": { "en": id }, "skus": skus, "offer": offer, "conditions": conditions,
    });
    sample::put(facts, Table::Promotions, id, promotion);
}

/// Many cheeses, of which the last is on offer and the cheapest.
fn cheeses() -> Facts {
    let facts = sample::facts();
    for number in 0..80 {
        let names = json!({
            "en": format!("Village Number {number} Cheese"), "de": format!("Dorf {number} Käse"),
            "es": format!("Queso del Pueblo {number}"), "fr": format!("Fromage du Village {number}"),
        });
        let product = json!({ "names": names, "allergens": { "contains": ["milk"] } });
        let amount = if number == 79 { 0.25 } else { 3.5 };
        let price = json!({ "amount": amount, "currency": "USD" });
        put(&facts, &format!("c{number:02}"), product, price);
    }
    facts
}

#[test]
fn an_offer_and_the_cheapest_are_found_among_many() {
    let facts = cheeses();
    promote(&facts, "deal", &["c79"], json!({ "percent_off": 20 }), json!({}));
    let (text, cited) = answer_of(&facts, "Is any cheese on offer?").unwrap();
    assert_eq!(text, "Yes, Village Number 79 Cheese is on offer: 20% off.");
    assert_eq!(cited, ["c79"]);
    for question in [
        "Ist Käse im Angebot?",
        "¿Hay quesos en oferta?",
        "Y a-t-il du fromage en promotion ?",
        "What is the cheapest cheese?",
        "Welcher Käse ist am billigsten?",
        "¿Cuál es el queso más barato?",
        "Quel est le fromage le moins cher ?",
    ] {
        assert_eq!(answer_of(&facts, question).unwrap().1, ["c79"], "{question}");
    }
    let (text, _) = answer_of(&facts, "How much is the cheese?").unwrap();
    assert!(text.contains("There are 76 more"), "{text}");
    let (text, _) = answer_of(&facts, "Do you have cheese without nuts?").unwrap();
    assert!(text.contains("There are 76 more"), "{text}");
}

#[test]
fn what_is_not_told_of_offers_is_counted() {
    let facts = cheeses();
    for number in 0..7 {
        let (id, sku) = (format!("deal{number}"), format!("c{number:02}"));
        promote(&facts, &id, &[&sku], json!({ "percent_off": 20 }), json!({}));
    }
    for (question, more) in [
        ("What is on offer?", "There are 2 more"),
        ("Is cheese on offer?", "There are 3 more"),
        ("Was ist im Angebot?", "Es gibt noch 2 weitere"),
        ("¿Qué ofertas hay?", "Hay 2 más"),
        ("Quelles promotions avez-vous ?", "Il y en a 2 autres"),
    ] {
        let (text, _) = answer_of(&facts, question).unwrap();
        assert!(text.contains(more), "{question}: {text}");
    }
}

#[test]
fn of_a_later_day_it_is_said_that_only_the_offers_of_now_are_known() {
    let now = "On offer now: Coffee week (20% off, until November 30).";
    for question in ["What will be on offer tomorrow?", "What is on offer on Monday?"] {
        check(question, &format!("I can only say what is on offer now. {now}"), &[]);
    }
    check("What is on offer on Thursday?", now, &[]);
    for (question, beginning) in [
        ("Was ist morgen im Angebot?", "Ich kann nur sagen, was jetzt im Angebot ist. Jetzt"),
        ("¿Qué ofertas hay el lunes?", "Solo puedo decir qué está en oferta ahora. "),
        ("Quelles promotions avez-vous demain ?", "Je peux seulement dire ce qui est en "),
    ] {
        let (text, _) = answer_of(&sample::shop(), question).unwrap();
        assert!(text.starts_with(beginning), "{question}: {text}");
    }
}
