//! The failures of other semantic caches, and that they are none here.

use super::evaluation::Threshold;
use super::signature::{self, signature};
use super::*;
use crate::cache::{Event, Key, KeyBuilder, Question, Scope, ScopeId};
use crate::engine::Chunk;
use crate::telemetry::CacheMetrics;

/// A tier whose thresholds let everything through that the guards let through.
fn tier() -> Semantic {
    let least = Threshold { similarity: 0.5, hits: 1000, false_hits: 0 };
    let all = Category::ALL.into_iter().map(|category| (category, least));
    let tier = Semantic::new(1 << 20, CacheMetrics::default());
    tier.calibrate(Calibration { encoder: "e".into(), budget: 0.005, thresholds: all.collect() });
    tier
}

fn key(text: &str) -> Key {
    KeyBuilder::new("test").field("text", text).finish(Scope::Store)
}

fn question(text: &str) -> Question {
    asked_of("a family", text)
}

fn asked_of(family: &str, text: &str) -> Question {
    let category = signature(text).category().map_or("none", Category::as_str);
    Question { text: text.into(), category: category.into(), family: key(family) }
}

/// Vectors of 384 dimensions whose cosine is `cosine`.
fn vectors(cosine: f32) -> (Vec<f32>, Vec<f32>) {
    let (mut a, mut b) = (vec![0.0; 384], vec![0.0; 384]);
    a[0] = 1.0;
    b[0] = cosine;
    b[1] = (1.0 - cosine * cosine).sqrt();
    (a, b)
}

/// Whether the answer to `kept` is given to `asked`, whose vectors are as alike as `cosine` says.
fn given(kept: &str, asked: &str, cosine: f32) -> bool {
    let tier = tier();
    let (a, b) = vectors(cosine);
    tier.insert(key(kept), Scope::Store, &question(kept), &a);
    tier.find(Scope::Store, &question(asked), &b).is_some()
}

#[test]
fn the_same_question_in_other_words_is_answered() {
    for (kept, asked) in [
        ("Can I freeze oat milk?", "hi, is it possible to freeze oat milk"),
        ("What time do you close on Sunday?", "When do you close on Sundays?"),
        ("Where can I find 500 g of spaghetti?", "Which aisle is spaghetti 0.5 kg in?"),
        ("What's the difference between brie and feta?", "how does feta differ from brie"),
        ("Do you accept credit cards?", "Can I pay by credit card?"),
        ("Wo finde ich Hafermilch?", "In welchem Gang steht Hafermilch?"),
        ("¿Dónde está la leche de avena?", "¿En qué pasillo está la leche de avena?"),
        ("Peut-on congeler le pain ?", "Est-il possible de congeler du pain ?"),
    ] {
        assert!(given(kept, asked, 0.9), "{kept} {asked}");
    }
}

#[test]
fn the_answer_of_another_tenant_at_0_91_is_not_given() {
    let text = "Can I freeze oat milk?";
    let tier = tier();
    let (a, b) = vectors(0.91);
    let (mine, other) = (Scope::Shopper(ScopeId::of("a")), Scope::Shopper(ScopeId::of("b")));
    tier.insert(key(text), other, &question(text), &a);
    for scope in [mine, Scope::Store, Scope::Public, Scope::Associate(ScopeId::of("b"))] {
        assert_eq!(tier.find(scope, &question(text), &b), None, "{scope}");
    }
    assert!(tier.find(other, &question(text), &b).is_some());
}

#[test]
fn another_system_prompts_answer_is_not_given() {
    let text = "Can I freeze oat milk?";
    let tier = tier();
    let (a, _) = vectors(1.0);
    tier.insert(key(text), Scope::Store, &asked_of("polite", text), &a);
    assert_eq!(tier.find(Scope::Store, &asked_of("rude", text), &a), None);
}

#[test]
fn each_guard_says_what_differs() {
    use evaluation::Disagreement as D;
    for (a, b, differs) in [
        ("Wo ist Brie?", "Where is Brie?", D::Language),
        ("Where is the 500 g rice?", "Where is the 1 kg rice?", D::Number),
        ("Where is item AB12C345?", "Where is item AB12C346?", D::Code),
        ("Where is oat milk?", "Where is soy milk?", D::Word),
        ("Which cheese is vegetarian?", "Which cheese is not vegetarian?", D::Negation),
        ("Is oat milk sweeter than soy milk?", "Is soy milk sweeter than oat milk?", D::Order),
        ("Can I freeze oat milk?", "Can I boil oat milk?", D::Meaning),
    ] {
        assert_eq!(signature::agree(&signature(a), &signature(b)), Err(differs), "{a} {b}");
        assert_eq!(signature::agree(&signature(a), &signature(a)), Ok(()), "{a}");
    }
}

#[test]
fn reversed_meanings_are_kept_apart() {
    for (kept, asked) in [
        ("Is oat milk sweeter than soy milk?", "Is soy milk sweeter than oat milk?"),
        ("Can I use butter instead of oil?", "Can I use oil instead of butter?"),
        ("Instead of butter, can I use oil?", "Instead of oil, can I use butter?"),
        ("Can honey replace sugar syrup?", "Can honey be replaced by sugar syrup?"),
        ("Is it ok to swap 2% milk for whole milk?", "Is it ok to swap whole milk for 2% milk?"),
        ("Is milk chocolate vegan?", "Is chocolate milk vegan?"),
        ("What time do you open on Sunday?", "What time do you close on Sunday?"),
        ("Until what time are you open?", "From what time are you open?"),
        ("How do I turn the lamp on?", "How do I turn the lamp off?"),
        ("Is sliced bread sweeter than bread?", "Is bread sweeter than sliced bread?"),
        ("Is tuna in a can healthier than in a jar?", "Is tuna in a jar healthier than in a can?"),
        (
            "Are you open longer on Monday than on Sunday?",
            "Are you open longer on Sunday than on Monday?",
        ),
        (
            "What are your hours from Monday to Friday?",
            "What are your hours from Friday to Monday?",
        ),
        ("¿A qué hora abren el lunes?", "¿Hasta qué hora abren el lunes?"),
        (
            "À quelle heure ouvrez-vous le lundi ?",
            "Jusqu'à quelle heure êtes-vous ouverts le lundi ?",
        ),
        ("What's the check-in time?", "What's the check-out time?"),
        ("Ist Käse salziger als Wurst?", "Ist Wurst salziger als Käse?"),
        ("¿Puedo usar miel en lugar de sirope?", "¿Puedo usar sirope en lugar de miel?"),
        (
            "Puis-je mettre du beurre au lieu de l'huile ?",
            "Puis-je mettre de l'huile au lieu du beurre ?",
        ),
    ] {
        assert!(!given(kept, asked, 0.9997), "{kept} {asked}");
    }
}

#[test]
fn negations_are_kept_apart() {
    for (kept, asked) in [
        ("Can I return this with a receipt?", "Can I return this without a receipt?"),
        ("Which cheese is vegetarian?", "Which cheese is not vegetarian?"),
        ("Is the bread salted?", "Is the bread unsalted?"),
        ("Can I freeze this soup?", "Can't I freeze this soup?"),
        ("Is the lemonade with sugar?", "Is the lemonade sugar-free?"),
        ("Kann ich mit Bon umtauschen?", "Kann ich ohne Bon umtauschen?"),
        ("¿Puedo devolverlo con recibo?", "¿Puedo devolverlo sin recibo?"),
        ("Est-ce ouvert le lundi ?", "Est-ce que ce n'est pas ouvert le lundi ?"),
    ] {
        assert!(!given(kept, asked, 0.98), "{kept} {asked}");
    }
}

#[test]
fn how_is_not_whether_and_what_a_product_is_called_is_not_what_is_asked() {
    for (kept, asked) in [
        ("Can I freeze bread?", "How do I freeze bread?"),
        ("Kann ich Brot einfrieren?", "Wie friere ich Brot ein?"),
        ("¿Se puede congelar el pan?", "¿Cómo se congela el pan?"),
        ("Peut-on congeler le pain ?", "Comment congeler le pain ?"),
        ("Where is the spicy salsa?", "Is the salsa spicy?"),
        ("What does sweet corn taste like?", "Is the corn sweet?"),
        ("Can I freeze butter-flavor oil?", "How do I freeze butter-flavor oil?"),
        ("Is it closed on Friday?", "Is it closed on Good Friday?"),
    ] {
        assert!(!given(kept, asked, 0.98), "{kept} {asked}");
    }
    assert!(given("How do I freeze bread?", "What's the best way to freeze bread?", 0.9));
}

#[test]
fn other_sizes_numbers_days_and_codes_are_kept_apart() {
    for (kept, asked) in [
        ("Where is the 1 l oat milk?", "Where is the 2 l oat milk?"),
        ("Where is the 500 g bag of rice?", "Where is the 500 ml bag of rice?"),
        ("Where is the 6 pack of cola?", "Where is the 12 pack of cola?"),
        ("Ist an Ostern geöffnet?", "Ist am Ostermontag geöffnet?"),
        ("Can I bake pizza at 200 degrees?", "Can I bake pizza at 220 degrees?"),
        ("What are your hours on Monday?", "What are your hours on Tuesday?"),
        ("Where do I find item 1082185?", "Where do I find item 1082186?"),
        ("Where is the large oat milk?", "Where is the small oat milk?"),
        ("Where is Northfield honey?", "Where is Bluebird honey?"),
        ("Can I freeze bread in a jar?", "Can I freeze bread?"),
    ] {
        assert!(!given(kept, asked, 0.98), "{kept} {asked}");
    }
}

#[test]
fn prices_allergens_stock_and_accounts_are_never_answered_by_meaning() {
    for text in [
        "How much is oat milk?",
        "Was kostet Hafermilch?",
        "Is oat milk on offer?",
        "Does oat milk contain gluten?",
        "Is there no milk in this bread?",
        "Enthält das Brot Nüsse?",
        "¿Tiene gluten el pan, contiene trigo?",
        "Is oat milk in stock?",
        "Do you have oat milk?",
        "How many points are on my account?",
        "Où est ma commande ?",
    ] {
        assert!(!given(text, text, 1.0), "{text}: {:?}", category(text));
    }
}

#[test]
fn what_no_vocabulary_has_a_concept_of_is_not_answered_by_meaning() {
    for text in ["What is regression?", "Should I display my score?"] {
        assert!(!given(text, text, 1.0), "{text}: {:?}", category(text));
    }
}

#[test]
fn a_language_that_is_not_read_is_not_answered_by_meaning() {
    for text in
        ["Waar staat de havermelk in het schap?", "Где овсяное молоко?", "オーツミルクはどこですか"]
    {
        assert!(!given(text, text, 1.0), "{text}");
    }
    assert!(!given("Wo ist Brie?", "Where is Brie?", 1.0));
}

#[test]
fn not_all_questions_get_one_answer() {
    // An encoder that broke gives every text one vector: the guards still hold.
    let tier = tier();
    let (a, _) = vectors(1.0);
    tier.insert(key("first"), Scope::Store, &question("Can I freeze oat milk?"), &a);
    for text in ["Where is the bread?", "When do you open?", "Can I freeze bread?", "Hello", ""] {
        assert_eq!(tier.find(Scope::Store, &question(text), &a), None, "{text}");
    }
    // One that gives vectors without a direction gets no answers at all.
    let none = vec![0.0; 384];
    assert_eq!(tier.find(Scope::Store, &question("Can I freeze oat milk?"), &none), None);
}

#[test]
fn without_thresholds_of_its_encoder_nothing_is_found() {
    let text = "Can I freeze oat milk?";
    let tier = tier();
    let (a, _) = vectors(1.0);
    tier.insert(key(text), Scope::Store, &question(text), &a);
    assert!(tier.find(Scope::Store, &question(text), &a).is_some());
    tier.calibrate(Calibration::of("an encoder that nobody knows"));
    assert_eq!(tier.find(Scope::Store, &question(text), &a), None);
}

#[test]
fn vectors_of_another_encoder_are_not_compared() {
    let text = "Can I freeze oat milk?";
    let tier = tier();
    let (a, _) = vectors(1.0);
    tier.insert(key(text), Scope::Store, &question(text), &a);
    let least = Threshold { similarity: 0.5, hits: 1000, false_hits: 0 };
    let of = |encoder: &str| Calibration {
        encoder: encoder.into(),
        budget: 0.005,
        thresholds: [(Category::Usage, least)].into(),
    };
    tier.calibrate(of("another"));
    assert_eq!(tier.find(Scope::Store, &question(text), &a), None);
    tier.calibrate(of("e"));
    assert!(tier.find(Scope::Store, &question(text), &a).is_some());
}

#[test]
fn what_was_removed_or_cleared_is_not_found_and_what_was_kept_is() {
    let text = "Can I freeze oat milk?";
    let (a, _) = vectors(1.0);
    let first = tier();
    let kept = first.insert(key(text), Scope::Store, &question(text), &a).unwrap();
    first.remove(&key(text));
    assert_eq!(first.find(Scope::Store, &question(text), &a), None);
    assert!(first.explain(&key(text)).is_empty());

    let second = tier();
    second.take_up(key(text), Scope::Store, &kept);
    second.take_up(key("other"), Scope::Store, b"not what was kept");
    assert!(second.find(Scope::Store, &question(text), &a).is_some());
    assert!(second.explain(&key(text)).concat().contains("given to 1 other"));
    second.clear();
    assert_eq!(second.find(Scope::Store, &question(text), &a), None);
}

#[test]
fn questions_take_no_more_than_their_memory_and_the_oldest_leave() {
    const BYTES: u64 = 1 << 20;
    let tier = tier();
    let texts: Vec<String> = (0..2000).map(|at| format!("Can I freeze item {at}?")).collect();
    let (a, _) = vectors(1.0);
    for (at, text) in texts.iter().enumerate() {
        let scope = if at % 3 == 0 { Scope::Public } else { Scope::Store };
        tier.insert(key(text), scope, &question(text), &a);
        assert!(tier.bytes() <= BYTES as usize, "{} after {at}", tier.bytes());
    }
    let found = |text: &String| {
        let scopes = [Scope::Public, Scope::Store];
        scopes.iter().any(|scope| tier.find(*scope, &question(text), &a).is_some())
    };
    assert!(texts.iter().skip(1900).all(found));
    assert!(!texts.iter().take(100).any(found));
}

#[test]
fn nothing_of_a_customers_words_is_kept() {
    let tier = tier();
    let (a, _) = vectors(1.0);
    let text = "Can Hannelore freeze oat milk?";
    let kept = tier.insert(key(text), Scope::Store, &question(text), &a).unwrap();
    let readable = String::from_utf8_lossy(&kept).to_lowercase();
    assert!(!readable.contains("hannelore") && !readable.contains("freeze"));
}

#[test]
fn false_hits_beyond_the_budget_switch_their_category_off_and_a_restart_does_not_help() {
    let text = "Can I freeze oat milk?";
    let hours = "When do you open on Monday?";
    let (a, _) = vectors(1.0);
    let said = |text: &str| {
        let chunk = Chunk { text: text.into(), tokens: Vec::new(), finish: None };
        vec![Event::Chunk { choice: 0, chunk }]
    };
    let tier_of_both = || {
        let tier = tier();
        for text in [text, hours] {
            tier.insert(key(text), Scope::Store, &question(text), &a);
        }
        tier
    };
    let first = tier_of_both();
    let near = first.find(Scope::Store, &question(text), &a).unwrap();
    assert!(near.shadow);
    first.compared(&near, &said("Yes, for 3 months."), &said("yes for 3 months"));
    assert!(first.find(Scope::Store, &question(text), &a).is_some());
    first.compared(&near, &said("Yes, for 3 months."), &said("Yes, for 6 months."));
    assert!(first.find(Scope::Store, &question(text), &a).is_some(), "one proves nothing");
    first.compared(&near, &said("Yes, for 3 months."), &said("No, never."));
    assert_eq!(first.find(Scope::Store, &question(text), &a), None);
    assert!(first.find(Scope::Store, &question(hours), &a).is_some());
    assert!(first.explain(&key(text)).concat().contains("switched itself off"));

    let second = tier_of_both();
    second.go_on_watching(&first.watched().unwrap());
    assert_eq!(second.find(Scope::Store, &question(text), &a), None);
}
