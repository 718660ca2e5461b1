use std::time::{Duration, Instant};

use super::super::*;
use crate::facts::Table;
use crate::skills::bind::bind;
use crate::skills::sample;

/// The answer of rules, bound; none where no rule answers.
pub(super) fn answer_of(facts: &Facts, question: &str) -> Option<(String, Vec<String>)> {
    let search = sample::search(facts);
    let asked = Asked {
        question: question.to_owned(),
        language: None,
        scope: Scope::Store,
        model: None,
        wishes: Wishes::default(),
        deadline: Instant::now() + Duration::from_secs(60),
    };
    let read = Read::of(&asked, Language::English);
    let mut view = View::open(facts, &search, read.language, sample::now());
    let draft = compose(&read.question(), &mut view)?;
    let text = bind(&draft.sentences.join(" "), &mut view).unwrap();
    Some((text, draft.cited))
}

pub(super) fn check(question: &str, answer: &str, cited: &[&str]) {
    let found = answer_of(&sample::shop(), question);
    let (text, skus) = found.unwrap_or_else(|| panic!("{question}: no rule"));
    assert_eq!(
        (text.replace('\u{a0}', " ").as_str(), skus.as_slice()),
        (answer, &*cited.iter().map(|s| s.to_string()).collect::<Vec<_>>()),
        "{question}"
    );
}

#[test]
fn prices_are_told_in_every_language() {
    let whole = "Meadow Whole Milk (1 gal) costs $3.49.";
    for question in [
        "How much is the whole milk?",
        "What does whole milk cost?",
        "price whole milk",
        "How much for Meadow whole milk?",
        "how much is 1001",
        "How much is SKU 1001?",
        "What is the price of whole millk please?",
    ] {
        check(question, whole, &["1001"]);
    }
    check("Was kostet die Vollmilch?", "Meadow Vollmilch (1 gal) kostet 3,49 $.", &["1001"]);
    check(
        "¿Cuánto cuesta la leche entera?",
        "Meadow Leche Entera (1 gal) cuesta 3,49 $.",
        &["1001"],
    );
    check("Combien coûte le lait entier ?", "Meadow Lait Entier (1 gal) coûte 3,49 $.", &["1001"]);
    check("How much are the bananas?", "Bananas costs $0.79 per lb.", &["1006"]);
    check(
        "How much is the granola?",
        "Alpenhof Honey Granola (500 g) costs $5.99 instead of $6.99.",
        &["1003"],
    );
    check(
        "How much is the coffee?",
        "Monte Roast Coffee (12 oz) costs $8.50. On offer: 20% off, until November 30.",
        &["1004"],
    );
    check(
        "How much are rice crackers?",
        "We have no price for Rice Crackers (100 g). Please ask a colleague.",
        &["1007"],
    );
}

#[test]
fn where_several_fit_all_are_told() {
    check(
        "How much is milk?",
        "Meadow Whole Milk (1 gal) costs $3.49. Meadow Skim Milk (1 gal) costs $3.29.",
        &["1001", "1002"],
    );
}

#[test]
fn what_is_not_there_is_not_made_up() {
    check(
        "How much is the caviar?",
        "I do not find “caviar” in our range. Please ask a colleague.",
        &[],
    );
    check("How much is it?", "Which product do you mean?", &[]);
    let (text, _) = answer_of(&sample::shop(), "How much is the chocolate milk?").unwrap();
    assert!(text.starts_with("I do not find exactly that. Do you mean Meadow"), "{text}");
}

#[test]
fn stock_and_places_are_told() {
    check(
        "Do you have whole milk?",
        "Yes, we have Meadow Whole Milk (1 gal). Meadow Whole Milk (1 gal): aisle 12, bay 3.",
        &["1001"],
    );
    check(
        "Is the granola in stock?",
        "Alpenhof Honey Granola (500 g) is sold out at the moment.",
        &["1003"],
    );
    check("Where is the coffee?", "Monte Roast Coffee (12 oz): aisle 7.", &["1004"]);
    check("Wo finde ich Röstkaffee?", "Monte Röstkaffee (12 oz): Gang 7.", &["1004"]);
    check(
        "Where can I find rye bread?",
        "I do not know where Country Rye Bread stands. Please ask a colleague.",
        &["1005"],
    );
    check(
        "Where is the granola?",
        "Alpenhof Honey Granola (500 g): aisle 7. Alpenhof Honey Granola (500 g) is sold out at \
         the moment.",
        &["1003"],
    );
}

#[test]
fn offers_are_told() {
    check(
        "Is the coffee on sale?",
        "Yes, Monte Roast Coffee (12 oz) is on offer: 20% off, until November 30.",
        &["1004"],
    );
    check(
        "Is the rye bread on sale?",
        "Country Rye Bread is not on offer at the moment.",
        &["1005"],
    );
    for question in ["What offers do you have today?", "Any deals this week?", "What is on sale?"] {
        check(question, "On offer now: Coffee week (20% off, until November 30).", &[]);
    }
    check(
        "Welche Angebote gibt es heute?",
        "Jetzt im Angebot: Kaffeewoche (20 % Rabatt, bis 30. November).",
        &[],
    );
}

#[test]
fn hours_are_told() {
    let today = "Store: open now. Store: open today 08:00–20:00.";
    for question in ["When do you open?", "What are your opening hours?", "Are you open now?"] {
        check(question, today, &[]);
    }
    check("Are you open on Sunday?", "Store: closed on Sunday (November 29).", &[]);
    check("When do you open tomorrow?", "Store: open on Friday (November 27) 08:00–20:00.", &[]);
    check("Is the bakery open?", "Bakery: closed now. Bakery: open today 07:00–09:30.", &[]);
    check("Do you have a bakery?", "Bakery: closed now. Bakery: open today 07:00–09:30.", &[]);
    check(
        "Hat die Bäckerei am Sonntag geöffnet?",
        "Bäckerei: am Sonntag (29. November) 08:00–20:00 geöffnet.",
        &[],
    );
    check("¿Abren el sábado?", "Tienda: abierto el sábado (28 de noviembre) 09:00–18:00.", &[]);
    check("Vous êtes ouverts dimanche ?", "Magasin : fermé le dimanche (29 novembre).", &[]);
}

#[test]
fn allergens_are_told_as_they_are_declared() {
    let label = "Please always check the label as well.";
    check(
        "Does the granola contain nuts?",
        &format!("Alpenhof Honey Granola (500 g) may contain traces of nuts. {label}"),
        &["1003"],
    );
    check(
        "Is the granola gluten free?",
        &format!("No, Alpenhof Honey Granola (500 g) contains wheat. {label}"),
        &["1003"],
    );
    check(
        "Are there peanuts in the granola?",
        &format!(
            "According to our data Alpenhof Honey Granola (500 g) contains no peanuts. {label}"
        ),
        &["1003"],
    );
    check(
        "What allergens are in the granola?",
        &format!(
            "Alpenhof Honey Granola (500 g) contains wheat and milk. Alpenhof Honey Granola \
             (500 g) may contain nuts. {label}"
        ),
        &["1003"],
    );
    check(
        "Do the bananas contain nuts?",
        "We have no allergen data for Bananas. Please read the label or ask a colleague.",
        &["1006"],
    );
    check(
        "Do you have bread without gluten?",
        &format!("Declared without gluten: Gluten Free Oat Bread. {label}"),
        &["1009"],
    );
    check(
        "Enthält das Müsli Nüsse?",
        "Alpenhof Honig Müsli (500 g) kann Spuren enthalten von: Nüsse. Bitte prüfen Sie immer \
         auch das Etikett.",
        &["1003"],
    );
}

#[test]
fn a_recall_is_said_first() {
    let warning = "Warning: Garden Tomato Soup (400 ml) is recalled. Reason: Glass may be in it. \
                   Please do not use it. Bring it back for a refund.";
    check("Is the tomato soup recalled?", warning, &["1008"]);
    check(
        "How much is the tomato soup?",
        &format!("{warning} Garden Tomato Soup (400 ml) costs $4.25."),
        &["1008"],
    );
    check(
        "Is there a recall on the coffee?",
        "There is no recall of Monte Roast Coffee (12 oz) in our data.",
        &["1004"],
    );
}

#[test]
fn without_a_feed_of_recalls_there_is_no_all_clear() {
    let facts = sample::facts();
    let banana = serde_json::json!({ "names": { "en": "Bananas" } });
    sample::put(&facts, Table::Products, "1", banana);
    let (text, _) = answer_of(&facts, "Are the bananas recalled?").unwrap();
    assert!(text.starts_with("I cannot say whether it is recalled"), "{text}");
}

#[test]
fn what_is_too_old_is_not_told() {
    let facts = sample::shop();
    let search = sample::search(&facts);
    let later = UnixSeconds(sample::now().0 + 3 * 24 * 3600);
    let told = |question: &str| {
        let words = words(question);
        let understood = understand(&words, Language::English, true);
        let mut view = View::open(&facts, &search, Language::English, later);
        let question =
            Question { text: question, words: &words, understood: &understood, meant: &[] };
        compose(&question, &mut view).unwrap().sentences.join(" ")
    };
    for (question, beginning) in [
        (
            "How much is the whole milk?",
            "I cannot say what it costs: our prices are not up to date",
        ),
        ("Which is cheaper, whole milk or skim milk?", "I cannot say what it costs"),
        ("Is the coffee on sale?", "I cannot say what is on offer"),
        ("Do you have whole milk?", "We sell Meadow Whole Milk (1 gal), but our stock data is not"),
        ("Is the coffee recalled?", "I cannot say whether it is recalled"),
    ] {
        let text = told(question);
        assert!(text.starts_with(beginning), "{question}: {text}");
    }
}

#[test]
fn prices_are_compared() {
    let less = "Meadow Skim Milk (1 gal) is cheaper: it costs $3.29, and Meadow Whole Milk (1 gal) \
                costs $3.49.";
    check("Which is cheaper, the whole milk or the skim milk?", less, &["1002", "1001"]);
    check("Is skim milk cheaper than whole milk?", less, &["1002", "1001"]);
    check(
        "What is the cheapest milk?",
        "The cheapest is Meadow Skim Milk (1 gal) at $3.29.",
        &["1002"],
    );
    check(
        "Was ist günstiger, Vollmilch oder Magermilch?",
        "Meadow Magermilch (1 gal) ist günstiger: 3,29 $; Meadow Vollmilch (1 gal) kostet 3,49 $.",
        &["1002", "1001"],
    );
}

#[test]
fn attributes_are_told() {
    check("What size is the granola?", "Alpenhof Honey Granola: 500 g.", &["1003"]);
    check("Who makes the coffee?", "Monte Roast Coffee (12 oz) is from Monte.", &["1004"]);
    check(
        "Is the granola vegan?",
        "No, according to our data Alpenhof Honey Granola (500 g) is not vegan.",
        &["1003"],
    );
    check(
        "Is the coffee organic?",
        "Yes, according to our data Monte Roast Coffee (12 oz) is organic.",
        &["1004"],
    );
    check(
        "How many calories are in the granola?",
        "Alpenhof Honey Granola (500 g), calories: 420.",
        &["1003"],
    );
    check(
        "Where is the granola from?",
        "Alpenhof Honey Granola (500 g), origin: Austria.",
        &["1003"],
    );
    check(
        "Is the coffee kosher?",
        "Our data does not say that about Monte Roast Coffee (12 oz). Please ask a colleague.",
        &["1004"],
    );
    check(
        "Tell me about the granola",
        "Crunchy oats with honey, baked slowly. Alpenhof Honey Granola (500 g) costs $5.99.",
        &["1003"],
    );
}

#[test]
fn what_no_rule_knows_is_left_to_a_model() {
    for question in ["Which wine goes well with fish?", "Can I bring my dog?", "What is tofu?"] {
        assert_eq!(answer_of(&sample::shop(), question), None, "{question}");
    }
}

#[test]
fn personal_data_is_taken_out_before_anything_is_done() {
    let asked = Asked {
        question: "Call me at 0171 1234567 or bob@example.org: what goes with fish?".to_owned(),
        language: None,
        scope: Scope::Store,
        model: None,
        wishes: Wishes::default(),
        deadline: Instant::now(),
    };
    let read = Read::of(&asked, Language::English);
    assert_eq!(read.text, "Call me at <PHONE_NUMBER> or <EMAIL_ADDRESS>: what goes with fish?");
}

#[test]
fn what_is_asked_of_several_is_told_of_each() {
    let label = "Please always check the label as well.";
    check(
        "Is there gluten in the bread?",
        &format!(
            "Country Rye Bread contains gluten. According to our data Gluten Free Oat Bread \
             contains no gluten. {label}"
        ),
        &["1005", "1009"],
    );
    check("What is on offer today in milk?", "There is no offer on milk at the moment.", &[]);
    let (text, cited) = answer_of(&sample::shop(), "Are any products recalled?").unwrap();
    assert!(text.starts_with("Warning: Garden Tomato Soup (400 ml) is recalled."), "{text}");
    assert_eq!(cited, ["1008"]);
}

#[test]
fn several_candidates_are_told_one_by_one_without_a_yes_or_no() {
    let facts = sample::facts();
    let yogurt = |name: &str, size: &str, allergens: serde_json::Value, vegan: Option<bool>| {
        let attributes = vegan.map(|vegan| serde_json::json!({ "vegan": vegan }));
        serde_json::json!({
            "names": { "en": name }, "category": "dairy/yogurt", "size": { "text": size },
            "allergens": allergens, "attributes": attributes.unwrap_or(serde_json::json!({})),
        })
    };
    let none = serde_json::json!({ "contains": ["milk"] });
    let wheat = serde_json::json!({ "contains": ["milk", "wheat"] });
    for (sku, product) in [
        ("1", yogurt("Plain Yogurt", "6 oz", none.clone(), Some(false))),
        ("2", yogurt("Cookie Yogurt", "6 oz", wheat, None)),
        ("3", yogurt("Soy Yogurt", "5 oz", serde_json::Value::Null, Some(true))),
    ] {
        sample::put(&facts, Table::Products, sku, product);
    }
    let told = |question: &str| answer_of(&facts, question).unwrap().0;
    let text = told("Is the yogurt gluten free?");
    for part in [
        "According to our data Plain Yogurt (6 oz) contains no gluten.",
        "Cookie Yogurt (6 oz) contains wheat.",
        "We have no allergen data for Soy Yogurt (5 oz).",
        "Please always check the label as well.",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("Yes,") && !text.contains("No,"), "{text}");
    let text = told("Are the yogurts vegan?");
    for part in [
        "Plain Yogurt (6 oz), vegan: no.",
        "Soy Yogurt (5 oz), vegan: yes.",
        "Our data does not say that about Cookie Yogurt (6 oz).",
    ] {
        assert!(text.contains(part), "{text}");
    }
    for (sku, name) in [("4", "Peach Yogurt"), ("5", "Plum Yogurt"), ("6", "Pear Yogurt")] {
        let more = yogurt(name, "8 oz", none.clone(), None);
        sample::put(&facts, Table::Products, sku, more);
    }
    let (text, cited) = answer_of(&facts, "Is the yogurt gluten free?").unwrap();
    assert!(text.contains("There are 2 more"), "{text}");
    assert_eq!(cited.len(), 4);
}

#[test]
fn stock_of_several_is_told_together() {
    let facts = sample::shop();
    check(
        "Do you have milk?",
        "Yes, we have Meadow Whole Milk (1 gal). Yes, we have Meadow Skim Milk (1 gal), but only a \
         few are left. Meadow Whole Milk (1 gal): aisle 12, bay 3. Meadow Skim Milk (1 gal): aisle \
         12.",
        &["1001", "1002"],
    );
    let plenty = serde_json::json!({ "band": "plenty", "location": { "aisle": "12", "bay": "3" } });
    sample::put(&facts, Table::Stock, "1002", plenty);
    let (text, _) = answer_of(&facts, "Do you have milk?").unwrap();
    let both = "Meadow Whole Milk (1 gal) and Meadow Skim Milk (1 gal)";
    assert_eq!(text, format!("Yes, we have {both}. {both}: aisle 12, bay 3."));
}

#[test]
fn each_side_of_a_comparison_is_found_by_its_own_words() {
    let less = "Meadow Skim Milk (1 gal) is cheaper: it costs $3.29, and Meadow Whole Milk (1 gal) \
                costs $3.49.";
    for question in [
        "whole milk or skim milk: which is cheaper?",
        "Is whole or skim milk cheaper?",
        "Does whole milk cost more than skim milk?",
        "Compare whole milk and skim milk",
    ] {
        check(question, less, &["1002", "1001"]);
    }
    for question in
        ["Ist Vollmilch teurer als Magermilch?", "Vollmilch oder Magermilch: was ist billiger?"]
    {
        let less = "Meadow Magermilch (1 gal) ist günstiger: 3,29 $; Meadow Vollmilch (1 gal) \
                    kostet 3,49 $.";
        check(question, less, &["1002", "1001"]);
    }
    for question in [
        "¿Qué es más barata, la leche entera o la desnatada?",
        "¿La leche desnatada es más barata que la leche entera?",
    ] {
        let (text, cited) = answer_of(&sample::shop(), question).unwrap();
        assert!(text.starts_with("Meadow Leche Desnatada (1 gal)"), "{question}: {text}");
        assert_eq!(cited, ["1002", "1001"]);
    }
    for question in [
        "Lequel est moins cher, le lait entier ou le lait écrémé ?",
        "Le lait écrémé est-il moins cher que le lait entier ?",
    ] {
        let (text, cited) = answer_of(&sample::shop(), question).unwrap();
        assert!(text.starts_with("Meadow Lait Écrémé (1 gal)"), "{question}: {text}");
        assert_eq!(cited, ["1002", "1001"]);
    }
    check(
        "Is the caviar cheaper than the whole milk?",
        "I do not find “caviar” in our range. Please ask a colleague. Meadow Whole Milk (1 gal) \
         costs $3.49.",
        &["1001"],
    );
    check(
        "Are the rice crackers cheaper than the whole milk?",
        "We have no price for Rice Crackers (100 g). Please ask a colleague. Meadow Whole Milk (1 \
         gal) costs $3.49.",
        &["1007", "1001"],
    );
}

#[test]
fn packs_of_two_sizes_are_compared_by_their_amount() {
    let facts = sample::facts();
    for (sku, name, grams, amount) in
        [("1", "Basmati Rice", 1000, 4.0), ("2", "Jasmine Rice", 500, 2.5)]
    {
        let size =
            serde_json::json!({ "text": format!("{grams} g"), "quantity": grams, "unit": "g" });
        let product = serde_json::json!({ "names": { "en": name }, "size": size });
        sample::put(&facts, Table::Products, sku, product);
        let price = serde_json::json!({ "amount": amount, "currency": "USD" });
        sample::put(&facts, Table::Prices, sku, price);
    }
    let (text, _) = answer_of(&facts, "Is basmati rice cheaper than jasmine rice?").unwrap();
    assert_eq!(
        text,
        "Jasmine Rice (500 g) is cheaper: it costs $2.50, and Basmati Rice (1000 g) costs $4.00. \
         For the same amount: Jasmine Rice (500 g) $5.00 per kg, Basmati Rice (1000 g) $4.00 per kg."
    );
}

#[test]
fn what_goes_by_another_name_is_found() {
    let facts = sample::facts();
    let product = serde_json::json!({ "names": { "en": "Green Zucchini" } });
    sample::put(&facts, Table::Products, "1", product);
    let price = serde_json::json!({ "amount": 1.5, "currency": "USD" });
    sample::put(&facts, Table::Prices, "1", price);
    let (text, _) = answer_of(&facts, "How much are courgettes?").unwrap();
    assert_eq!(text, "Green Zucchini costs $1.50.");
}

#[test]
fn what_no_word_finds_is_offered_by_its_meaning() {
    let facts = sample::shop();
    let search = sample::search(&facts);
    search.set_encoder("test").unwrap();
    let vector = |sku: &str| if sku == "1003" { vec![1.0, 0.0] } else { vec![0.0, 1.0] };
    let missing = search.missing(100).unwrap().into_iter();
    let made = missing.map(|of| crate::facts::search::Vectorised { vector: vector(&of.sku), of });
    search.put_vectors(made.collect()).unwrap();
    let words = words("How much is the crunchola?");
    let understood = understand(&words, Language::English, true);
    let question = Question { text: "", words: &words, understood: &understood, meant: &[] };
    let mut view = View::open(&facts, &search, Language::English, sample::now());
    let draft = compose(&question, &mut view).unwrap();
    assert!(draft.sentences[0].starts_with("I do not find “crunchola”"), "{draft:?}");
    assert_eq!(view.missed, ["crunchola"]);
    view.meanings.insert("crunchola".to_owned(), Arc::from([0.9_f32, 0.1]));
    let draft = compose(&question, &mut view).unwrap();
    assert_eq!(
        draft.sentences,
        ["I do not find exactly that. Do you mean Alpenhof Honey Granola (500 g)?"]
    );
    assert_eq!(draft.cited, ["1003"]);
}
