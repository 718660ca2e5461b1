use std::collections::BTreeSet;

use super::*;
use crate::facts::{Allergen, Allergens};
use crate::skills::language::Language::{English, French, German, Spanish};

/// A granola of 500 g with oats and milk, maybe nuts.
fn ground() -> Ground {
    let mut ground = Ground::default();
    for text in ["Alpenhof Honey Granola", "500 g", "breakfast/cereals", "Alpenhof Honig Müsli"] {
        ground.text(text);
    }
    ground.slot("{price:41}".to_owned());
    let allergens = Allergens {
        contains: BTreeSet::from([Allergen::Gluten, Allergen::Milk]),
        may_contain: BTreeSet::from([Allergen::Nuts]),
    };
    ground.product(Some(&allergens));
    ground
}

fn wording() -> Wording {
    Wording {
        max_chars: 200,
        min_words: 3,
        blocked: vec!["Acme Mart".into(), "guaranteed".into()],
        question: String::new(),
    }
}

fn refused(text: &str, language: Language) -> Vec<Refused> {
    super::check(text, &ground(), language, &wording())
}

fn good(text: &str, language: Language) {
    assert_eq!(refused(text, language), [], "{text}");
}

fn bad(text: &str, language: Language, why: Refused) {
    assert!(refused(text, language).contains(&why), "{text}: {:?}", refused(text, language));
}

#[test]
fn what_stands_on_facts_may_be_said() {
    good("Start your day with the Alpenhof Honey Granola.", English);
    good("The Honey Granola comes in a pack of 500 g and costs {price:41}.", English);
    good("A crunchy breakfast for the whole family, now for {price:41}!", English);
    good("It contains gluten and milk and may contain nuts.", English);
    good("This granola is free from peanuts.", English);
    good("Unser Honig Müsli gibt es für {price:41} in der Packung mit 500 g.", German);
    good("Das Müsli enthält Milch und Gluten.", German);
    good("La granola de Alpenhof cuesta {price:41} y contiene leche.", Spanish);
    good("Le granola Alpenhof est à {price:41} et contient du lait.", French);
    good("Pour some milk over it and enjoy the breakfast.", English);
}

#[test]
fn money_is_said_in_slots_only() {
    for text in [
        "The granola costs $3.49 today.",
        "The granola is 500 dollars for you.",
        "It costs only three euros in this shop.",
        "Get the granola for free with this coupon.",
        "The granola is now at half price for you.",
        "Save 20% on the granola today.",
        "Save fifty percent on the granola.",
        "The granola is 99 ¢ now.",
        "Buy one and the second is free today.",
    ] {
        bad(text, English, Refused::Money);
    }
    bad("Das Müsli kostet nur 3 Euro.", German, Refused::Money);
    bad("Das Müsli ist heute kostenlos für Sie.", German, Refused::Money);
    bad("La granola tiene un veinte por ciento de descuento.", Spanish, Refused::Money);
    bad("Le granola est gratuit avec ce bon.", French, Refused::Money);
}

#[test]
fn quantities_are_those_of_facts() {
    for text in [
        "The granola has 250 g in the pack.",
        "The granola has a pack of two kilos.",
        "It has 12 servings for the family.",
        "It is 3 for one with the granola.",
        "The granola is enough for ten servings.",
    ] {
        bad(text, English, Refused::Quantity);
    }
    bad("Das Müsli hat zwei Kilo in der Packung.", German, Refused::Quantity);
    bad("La granola pesa dos kilos en total.", Spanish, Refused::Quantity);
    bad("Le granola pèse deux kilos en tout.", French, Refused::Quantity);
    good("There are two ways to eat the granola.", English);
}

#[test]
fn products_are_those_of_facts() {
    for text in [
        "Try it with the Sunrise Yogurt from our shelf.",
        "The Alpenhof Chocolate Granola is here for you.",
        "It goes well with Nutella on the side.",
        "The “Morning Dream” granola is here.",
        "You can buy this in Paris as well.",
    ] {
        bad(text, English, Refused::Product);
    }
    bad("Dazu passt der Sonnen Joghurt aus dem Regal.", German, Refused::Product);
    bad("Va muy bien con el Yogur del Valle de aquí.", Spanish, Refused::Product);
    good("Das Müsli ist ein guter Start in den Tag.", German);
    good("On Monday I would eat the granola with fruit.", English);
    good("Fresh and crunchy. The granola is here!", English);
}

#[test]
fn slots_are_those_that_were_handed_over() {
    bad("The granola costs {price:42} here.", English, Refused::Slot);
    bad("The granola costs {was:41} here.", English, Refused::Slot);
    bad("The granola costs {price here.", English, Refused::Slot);
}

#[test]
fn allergens_are_those_of_facts() {
    for text in [
        "This granola is gluten-free for you.",
        "The granola is free from nuts and tasty.",
        "It does not contain milk at all.",
        "The granola has no nuts in it.",
        "It contains peanuts and honey for you.",
        "It contains milk but no nuts at all.",
        "It contains no milk in the granola.",
        "The granola is vegan and tasty for all.",
        "It is fine for people with an allergy.",
        "The granola may contain traces of sesame.",
        "Made with almonds, but also with eggs, and made with fish.",
    ] {
        bad(text, English, Refused::Allergen);
    }
    bad("Das Müsli ist glutenfrei und gut.", German, Refused::Allergen);
    bad("Das Müsli enthält keine Nüsse und ist gut.", German, Refused::Allergen);
    bad("Das Müsli ist ohne Milch gemacht.", German, Refused::Allergen);
    bad("La granola es sin gluten y muy buena.", Spanish, Refused::Allergen);
    bad("Le granola est sans lait et sans gluten.", French, Refused::Allergen);
    bad("Le granola ne contient pas de noix.", French, Refused::Allergen);
}

#[test]
fn where_allergens_are_not_known_nothing_is_said_of_them() {
    let mut unknown = Ground::default();
    unknown.text("Honey Granola");
    unknown.product(None);
    for text in ["This granola is free from peanuts.", "It contains no peanuts for you."] {
        let refused = super::check(text, &unknown, English, &wording());
        assert!(refused.contains(&Refused::Allergen), "{text}: {refused:?}");
    }
    assert_eq!(super::check("Pour milk over the granola.", &unknown, English, &wording()), []);
}

#[test]
fn nothing_is_called_good_for_health_but_what_facts_call_so() {
    bad("The granola is a healthy start to the day.", English, Refused::Health);
    bad("The granola soothes a cold and helps digestion.", English, Refused::Health);
    bad("Das Müsli ist gut für die Verdauung und gesund.", German, Refused::Health);
    bad("La granola es buena para la salud y el colesterol.", Spanish, Refused::Health);
    bad("Le granola est bon pour la santé de tous.", French, Refused::Health);
    let mut ground = ground();
    ground.text("with vitamin C");
    let text = "The granola is with vitamin C for you.";
    assert_eq!(super::check(text, &ground, English, &wording()), []);
}

#[test]
fn the_wording_is_as_it_was_asked_for() {
    bad("Der Start in den Tag mit dem Müsli ist gut.", English, Refused::Language);
    bad("The granola is a good start to the day.", German, Refused::Language);
    bad("Le granola est un bon début de la journée.", Spanish, Refused::Language);
    bad("This is the best granola, guaranteed to please.", English, Refused::Blocked);
    bad("It is better than at ACME mart.", English, Refused::Blocked);
    bad("The granola is in the", English, Refused::Length);
    bad(&format!("The granola is {}good.", "very ".repeat(60)), English, Refused::Length);
    bad("Yes.", English, Refused::Empty);
    bad("", English, Refused::Empty);
    let again = "It is a good granola. ".repeat(3);
    bad(&again, English, Refused::Repeats);
    bad("Write to me at bob@example.org for the granola.", English, Refused::Personal);
}

#[test]
fn a_text_says_something_of_what_it_is_about() {
    let mut ground = ground();
    ground.name("Alpenhof Honey Granola");
    let wording =
        Wording { question: "What goes well with granola for breakfast?".into(), ..wording() };
    let refused = |text: &str| super::check(text, &ground, English, &wording);
    assert_eq!(refused("What goes well with granola for breakfast?"), [Refused::Echo]);
    assert_eq!(refused("I can't drink wine, but I can help."), [Refused::Ungrounded]);
    assert_eq!(refused("Fresh fruit goes well with the honey granola."), []);
    assert_eq!(refused("Have it with fruit, it costs {price:41}."), []);
}
