//! What is told of allergens.

use serde_json::json;

use super::super::*;
use super::rules::answer_of;
use crate::facts::Table;
use crate::skills::sample;

/// Butter of two kinds, three milks, three kinds of cookies and a chowder.
fn shop() -> Facts {
    let facts = sample::facts();
    for (sku, en, de, es, fr, contains) in [
        (
            "1",
            "Peanut Butter",
            "Erdnussbutter",
            "Crema de Cacahuete",
            "Beurre de Cacahuète",
            json!(["peanuts"]),
        ),
        ("2", "Unsalted Butter", "Butter", "Mantequilla", "Beurre Doux", json!(["milk"])),
        (
            "3",
            "Zorbex Soy Milk",
            "Zorbex Sojamilch",
            "Leche de Soja Zorbex",
            "Lait de Soja Zorbex",
            json!(["soy"]),
        ),
        (
            "4",
            "Zorbex Almond Milk",
            "Zorbex Mandelmilch",
            "Leche de Almendra Zorbex",
            "Lait d’Amande Zorbex",
            json!(["nuts"]),
        ),
        (
            "5",
            "Zorbex Oat Milk",
            "Zorbex Hafermilch",
            "Leche de Avena Zorbex",
            "Lait d’Avoine Zorbex",
            json!(["gluten"]),
        ),
        (
            "6",
            "Ginger Cookies",
            "Ingwer Kekse",
            "Galletas de Jengibre",
            "Biscuits au Gingembre",
            json!(["wheat"]),
        ),
        (
            "7",
            "Peanut Cookies",
            "Erdnuss Kekse",
            "Galletas de Cacahuete",
            "Biscuits aux Arachides",
            json!(["wheat", "peanuts"]),
        ),
        (
            "8",
            "Lemon Cookies",
            "Zitronen Kekse",
            "Galletas de Limón",
            "Biscuits au Citron",
            json!(["wheat"]),
        ),
        (
            "9",
            "Clam Chowder",
            "Muschelsuppe",
            "Sopa de Almejas",
            "Soupe de Palourdes",
            json!(["molluscs"]),
        ),
    ] {
        let names = json!({ "en": en, "de": de, "es": es, "fr": fr });
        let product = json!({ "names": names, "allergens": { "contains": contains } });
        sample::put(&facts, Table::Products, sku, product);
    }
    facts
}

fn check(cases: &[(&str, &str, &[&str])]) {
    let facts = shop();
    for (question, beginning, skus) in cases {
        let (text, cited) = answer_of(&facts, question).unwrap_or_else(|| panic!("{question}"));
        let text = text.replace('\u{a0}', " ");
        assert!(text.starts_with(beginning), "{question}: {text}");
        assert_eq!(&cited, skus, "{question}: {text}");
    }
}

#[test]
fn whoever_asks_what_is_safe_is_not_told_yes() {
    check(&[
        (
            "Is the peanut butter safe for a peanut allergy?",
            "Peanut Butter contains peanuts.",
            &["1"],
        ),
        (
            "Is it safe to eat the peanut butter with a peanut allergy?",
            "Peanut Butter contains peanuts.",
            &["1"],
        ),
        ("Is Zorbex oat milk safe for celiacs?", "Zorbex Oat Milk contains gluten.", &["5"]),
        ("May a celiac have Zorbex oat milk?", "Zorbex Oat Milk contains gluten.", &["5"]),
        (
            "Can I eat ginger cookies with a gluten allergy?",
            "Ginger Cookies contains wheat.",
            &["6"],
        ),
        ("Zorbex oat milk gluten?", "Zorbex Oat Milk contains gluten.", &["5"]),
        (
            "Ist die Zorbex Mandelmilch für Nussallergiker geeignet?",
            "Zorbex Mandelmilch enthält Nüsse.",
            &["4"],
        ),
        (
            "Ist die Zorbex Hafermilch bei Zöliakie geeignet?",
            "Zorbex Hafermilch enthält Gluten.",
            &["5"],
        ),
        (
            "¿Es apta la leche de avena Zorbex para celíacos?",
            "Leche de Avena Zorbex contiene gluten.",
            &["5"],
        ),
        (
            "Le lait d’avoine Zorbex convient-il aux cœliaques ?",
            "Lait d’Avoine Zorbex contient : gluten.",
            &["5"],
        ),
        ("Does the oat milk contain gluten?", "Yes, Zorbex Oat Milk contains gluten.", &["5"]),
    ]);
}

#[test]
fn an_allergen_is_told_once_with_its_kin() {
    let (text, _) = answer_of(&shop(), "Does the chowder contain shellfish or mussels?").unwrap();
    assert_eq!(text.matches("molluscs").count(), 1, "{text}");
}

#[test]
fn an_allergen_in_a_name_is_not_what_is_feared() {
    check(&[
        ("What allergens are in peanut butter?", "Peanut Butter contains peanuts.", &["1"]),
        ("What allergens are in Zorbex soy milk?", "Zorbex Soy Milk contains soy.", &["3"]),
        (
            "Which allergens does the almond milk contain?",
            "Zorbex Almond Milk contains nuts.",
            &["4"],
        ),
        (
            "Welche Allergene enthält die Zorbex Sojamilch?",
            "Zorbex Sojamilch enthält Soja.",
            &["3"],
        ),
        ("¿Qué alérgenos tiene la leche de soja?", "Leche de Soja Zorbex contiene soja.", &["3"]),
        (
            "Quels allergènes contient le lait de soja ?",
            "Lait de Soja Zorbex contient : soja.",
            &["3"],
        ),
        (
            "Is Zorbex soy milk free of nuts?",
            "According to our data Zorbex Soy Milk contains no nuts.",
            &["3"],
        ),
        (
            "Sind in der Zorbex Mandelmilch Erdnüsse?",
            "Nach unseren Daten ist in Zorbex Mandelmilch nicht enthalten: Erdnüsse.",
            &["4"],
        ),
    ]);
}

#[test]
fn what_somebody_may_have_is_chosen_from_what_is_asked_for() {
    check(&[
        (
            "I have a nut allergy. What milk can I drink?",
            "Declared without nuts: Zorbex",
            &["3", "5"],
        ),
        ("Which Zorbex milk has no nuts?", "Declared without nuts: Zorbex", &["3", "5"]),
        ("Which cookies contain no peanuts?", "Declared without peanuts:", &["6", "8"]),
        (
            "Welche Kekse enthalten keine Erdnüsse?",
            "Nach unseren Daten ohne Erdnüsse:",
            &["6", "8"],
        ),
        ("¿Qué galletas no contienen cacahuetes?", "Declarados sin cacahuetes:", &["6", "8"]),
        (
            "Quels biscuits ne contiennent pas d’arachides ?",
            "Déclarés sans arachides :",
            &["6", "8"],
        ),
    ]);
}
