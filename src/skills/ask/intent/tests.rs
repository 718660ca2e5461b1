use super::*;
use crate::skills::words::words;

fn check(text: &str, intent: Intent) {
    let language = Language::of(text);
    let found = understand(&words(text), language.unwrap_or_default(), language.is_some());
    assert_eq!(found.intent, intent, "{text} ({language:?}): {found:?}");
}

const SIZE: Intent = Intent::Attribute(Aspect::Size);
const BRAND: Intent = Intent::Attribute(Aspect::Brand);
const OTHER: Intent = Intent::Attribute(Aspect::Other);

#[test]
fn english_questions_are_understood() {
    for (text, intent) in [
        ("How much is the whole milk?", Intent::Price),
        ("What does the coffee cost?", Intent::Price),
        ("price of bananas", Intent::Price),
        ("How much are two cans of tomato soup?", Intent::Price),
        ("What's the price for the cheddar?", Intent::Price),
        ("How expensive is the olive oil?", Intent::Price),
        ("Do you have oat milk?", Intent::Stock),
        ("Is the orange juice in stock?", Intent::Stock),
        ("Are there any bagels left?", Intent::Stock),
        ("Is there milk in stock?", Intent::Stock),
        ("Do you sell batteries?", Intent::Stock),
        ("Is rice available?", Intent::Stock),
        ("How many yogurts do you have?", Intent::Stock),
        ("Where is the coffee?", Intent::Location),
        ("Where can I find milk?", Intent::Location),
        ("Which aisle has pasta?", Intent::Location),
        ("I'm looking for peanut butter", Intent::Location),
        ("Is the cheese on sale?", Intent::Promotions),
        ("What offers do you have today?", Intent::Promotions),
        ("Any deals on coffee?", Intent::Promotions),
        ("Are there discounts on wine?", Intent::Promotions),
        ("When do you open tomorrow?", Intent::Hours),
        ("What are your opening hours?", Intent::Hours),
        ("Are you open on Sunday?", Intent::Hours),
        ("Is the bakery open now?", Intent::Hours),
        ("How late are you open?", Intent::Hours),
        ("What time does the pharmacy close?", Intent::Hours),
        ("Does the granola contain nuts?", Intent::Allergens),
        ("Is the bread gluten-free?", Intent::Allergens),
        ("Are there peanuts in the cookies?", Intent::Allergens),
        ("Which allergens are in the soup?", Intent::Allergens),
        ("Does the chocolate have nuts?", Intent::Allergens),
        ("Do you have bread without gluten?", Intent::Allergens),
        ("I have a milk allergy, can I eat this cake?", Intent::Allergens),
        ("Has the spinach been recalled?", Intent::Recall),
        ("Is there a recall on lettuce?", Intent::Recall),
        ("Is the chicken safe to eat?", Intent::Recall),
        ("Which is cheaper, the butter or the margarine?", Intent::Compare),
        ("What is the cheapest coffee?", Intent::Compare),
        ("What size is the ketchup?", SIZE),
        ("How heavy is the flour?", SIZE),
        ("What brand is the tuna?", BRAND),
        ("Who makes the ice cream?", BRAND),
        ("Is the soup vegan?", OTHER),
        ("How many calories are in the cola?", OTHER),
        ("Where is the honey made?", OTHER),
        ("Tell me about the olive oil", Intent::About),
        ("Which wine goes well with fish?", Intent::Open),
        ("Can I bring my dog?", Intent::Open),
    ] {
        check(text, intent);
    }
}

#[test]
fn german_questions_are_understood() {
    for (text, intent) in [
        ("Was kostet die Milch?", Intent::Price),
        ("Wie viel kostet der Kaffee?", Intent::Price),
        ("Wie teuer ist das Olivenöl?", Intent::Price),
        ("Preis von Bananen", Intent::Price),
        ("Habt ihr Hafermilch?", Intent::Stock),
        ("Gibt es noch Brötchen?", Intent::Stock),
        ("Ist der Orangensaft vorrätig?", Intent::Stock),
        ("Wo finde ich Nudeln?", Intent::Location),
        ("In welchem Gang ist der Reis?", Intent::Location),
        ("Ist der Käse im Angebot?", Intent::Promotions),
        ("Welche Aktionen gibt es heute?", Intent::Promotions),
        ("Wann macht ihr auf?", Intent::Hours),
        ("Wie sind die Öffnungszeiten?", Intent::Hours),
        ("Habt ihr am Sonntag offen?", Intent::Hours),
        ("Bis wann ist die Apotheke geöffnet?", Intent::Hours),
        ("Enthält das Müsli Nüsse?", Intent::Allergens),
        ("Ist das Brot glutenfrei?", Intent::Allergens),
        ("Sind in den Keksen Erdnüsse drin?", Intent::Allergens),
        ("Gibt es einen Rückruf für Spinat?", Intent::Recall),
        ("Was ist günstiger, Butter oder Margarine?", Intent::Compare),
        ("Welcher Kaffee ist am billigsten?", Intent::Compare),
        ("Wie groß ist die Packung Mehl?", SIZE),
        ("Wie viel Gramm hat der Honig?", SIZE),
        ("Von welcher Marke ist der Thunfisch?", BRAND),
        ("Ist die Suppe vegan?", OTHER),
        ("Woher kommt der Honig?", OTHER),
        ("Was ist Tofu?", Intent::About),
        ("Welcher Wein passt zu Fisch?", Intent::Open),
    ] {
        check(text, intent);
    }
}

#[test]
fn spanish_questions_are_understood() {
    for (text, intent) in [
        ("¿Cuánto cuesta la leche?", Intent::Price),
        ("¿A cuánto está el café?", Intent::Price),
        ("¿Qué precio tiene el queso?", Intent::Price),
        ("¿Tienen leche de avena?", Intent::Stock),
        ("¿Hay pan?", Intent::Stock),
        ("¿Queda zumo de naranja?", Intent::Stock),
        ("¿Dónde está el café?", Intent::Location),
        ("¿En qué pasillo está la pasta?", Intent::Location),
        ("¿Qué ofertas tienen hoy?", Intent::Promotions),
        ("¿Hay descuentos en vino?", Intent::Promotions),
        ("¿A qué hora abren mañana?", Intent::Hours),
        ("¿Cuál es el horario?", Intent::Hours),
        ("¿Está abierta la farmacia?", Intent::Hours),
        ("¿La granola contiene nueces?", Intent::Allergens),
        ("¿El pan tiene gluten?", Intent::Allergens),
        ("¿Tienen pan sin gluten?", Intent::Allergens),
        ("¿Han retirado las espinacas? ¿Hay alerta sanitaria?", Intent::Recall),
        ("¿Qué es más barato, la mantequilla o la margarina?", Intent::Compare),
        ("¿Cuánto pesa la harina?", SIZE),
        ("¿De qué marca es el atún?", BRAND),
        ("¿De dónde es la miel?", OTHER),
        ("¿Es vegana la sopa?", Intent::Open),
    ] {
        check(text, intent);
    }
}

#[test]
fn french_questions_are_understood() {
    for (text, intent) in [
        ("Combien coûte le lait ?", Intent::Price),
        ("Quel est le prix du café ?", Intent::Price),
        ("C'est combien, les bananes ?", Intent::Price),
        ("Avez-vous du lait d'avoine ?", Intent::Stock),
        ("Est-ce qu'il y a du pain ?", Intent::Stock),
        ("Où se trouve le café ?", Intent::Location),
        ("Dans quel rayon sont les pâtes ?", Intent::Location),
        ("Quelles promotions avez-vous aujourd'hui ?", Intent::Promotions),
        ("Le fromage est-il en promo ?", Intent::Promotions),
        ("À quelle heure ouvrez-vous demain ?", Intent::Hours),
        ("Quels sont les horaires ?", Intent::Hours),
        ("La pharmacie est-elle ouverte ?", Intent::Hours),
        ("Le muesli contient-il des noix ?", Intent::Allergens),
        ("Avez-vous du pain sans gluten ?", Intent::Allergens),
        ("Y a-t-il un rappel sur les épinards ?", Intent::Recall),
        ("Qu'est-ce qui est moins cher, le beurre ou la margarine ?", Intent::Compare),
        ("Combien pèse la farine ?", SIZE),
        ("De quelle marque est le thon ?", BRAND),
        ("D'où vient le miel ?", OTHER),
    ] {
        check(text, intent);
    }
}
