//! What is told of recalls.

use serde_json::json;

use super::super::*;
use super::rules::{answer_of, check};
use crate::facts::Table;
use crate::skills::sample;

/// A shop with seven packs of cookies and two of spinach, of which one each is recalled.
fn shop() -> Facts {
    let facts = sample::facts();
    let names = [
        ("1", "Kettle Point Windmill Cookies"),
        ("2", "Kettle Point Almond Cookies"),
        ("3", "Kettle Point Ginger Cookies"),
        ("4", "Kettle Point Butter Cookies"),
        ("5", "Kettle Point Lemon Cookies"),
        ("6", "Kettle Point Sugar Cookies"),
        ("7", "Kettle Point Oatmeal Raisin Cookies"),
        ("8", "Baby Spinach"),
        ("9", "Juniper Point Baby Spinach Salad Mix"),
        ("10", "Rye Crackers"),
        ("11", "Wheat Crackers"),
    ];
    for (sku, name) in names {
        sample::put(&facts, Table::Products, sku, json!({ "names": { "en": name } }));
    }
    recall(&facts, "r1", "7", "Metal may be in it");
    recall(&facts, "r2", "9", "Listeria was found");
    facts
}

fn recall(facts: &Facts, id: &str, sku: &str, reason: &str) {
    let since = "2026-11-25T00:00:00Z";
    let recall = json!({ "skus": [sku], "reasons": { "en": reason }, "since": since });
    sample::put(facts, Table::Recalls, id, recall);
}

#[test]
fn every_recalled_product_that_may_be_meant_is_warned_of() {
    let facts = shop();
    let cookies = "Kettle Point Oatmeal Raisin Cookies is recalled";
    let spinach = "Juniper Point Baby Spinach Salad Mix is recalled";
    for (question, warning) in [
        ("Are Kettle Point cookies recalled?", cookies),
        ("Are there recalls of cookies?", cookies),
        ("Has the Juniper Point spinach been recalled?", spinach),
        ("Is baby spinach recalled?", spinach),
        ("Was the spinach recalled?", spinach),
        ("Are salads recalled?", spinach),
        ("Is the Juniper Point spinach dip recalled?", spinach),
    ] {
        let (text, _) = answer_of(&facts, question).unwrap();
        assert!(text.starts_with(&format!("Warning: {warning}")), "{question}: {text}");
        assert!(!text.contains("no recall of Kettle"), "{question}: {text}");
    }
}

#[test]
fn an_all_clear_for_several_is_one_for_all_of_them() {
    let facts = shop();
    let (text, _) = answer_of(&facts, "Are the crackers recalled?").unwrap();
    assert_eq!(text, "There is no recall in our data of anything that fits “crackers”.");
    let (text, _) = answer_of(&facts, "Are Kettle Point cookies recalled?").unwrap();
    let rest = "There is no recall in our data of anything else that fits “kettle point cookies”.";
    assert!(text.ends_with(rest), "{text}");
    let (text, _) = answer_of(&facts, "Is the baby spinach recalled?").unwrap();
    assert!(text.ends_with("There is no recall of Baby Spinach in our data."), "{text}");
}

#[test]
fn what_is_recalled_and_not_in_the_range_is_told_by_its_sku() {
    let facts = shop();
    recall(&facts, "r3", "77001", "Salmonella in salted pistachios");
    let warning = "Warning: 77001 is recalled. Reason: Salmonella in salted pistachios.";
    for question in ["What is recalled?", "Is 77001 recalled?", "Are the pistachios recalled?"] {
        let (text, _) = answer_of(&facts, question).unwrap();
        assert!(text.contains(warning), "{question}: {text}");
        assert!(!text.contains("I do not find"), "{question}: {text}");
    }
}

#[test]
fn recalls_that_are_left_out_are_counted() {
    let facts = shop();
    for number in 0..30 {
        let (id, sku) = (format!("n{number}"), format!("9{number:03}"));
        recall(&facts, &id, &sku, &format!("Number {number}"));
    }
    let (text, _) = answer_of(&facts, "What is recalled?").unwrap();
    assert!(text.ends_with("Recalls that are not told here: 12."), "{text}");
}

#[test]
fn whoever_names_no_product_is_told_of_every_recall() {
    for question in [
        "Is anything recalled?",
        "Is the food recalled?",
        "Is any of the food I bought last week recalled?",
        "Wurde etwas zurückgerufen?",
        "Gibt es gerade Rückrufe?",
        "Sind Lebensmittel zurückgerufen?",
        "¿Hay alguna alerta de retirada de productos?",
        "¿Hay algo retirado?",
        "Y a-t-il un rappel de produits ?",
        "Est-ce que quelque chose est rappelé ?",
    ] {
        let (text, cited) = answer_of(&sample::shop(), question).unwrap();
        assert_eq!(cited, ["1008"], "{question}: {text}");
    }
    let facts = sample::facts();
    recall(&facts, "later", "1", "Nothing yet");
    let (text, _) = answer_of(&facts, "Is anything recalled?").unwrap();
    assert_eq!(text, "Warning: 1 is recalled. Reason: Nothing yet. Please do not use it.");
    check(
        "Is the 1004 recalled?",
        "There is no recall of Monte Roast Coffee (12 oz) in our data.",
        &["1004"],
    );
}
