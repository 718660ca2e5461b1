//! A conversation in short, by rule: what it was about, what was told of the shopper, what is open.

use super::desk::Summary;
use super::memory::{Memory, Open};
use crate::skills::allergens;
use crate::skills::figures;
use crate::skills::language::Language;
use crate::skills::view::View;
use crate::skills::words::fold;

/// Topics that are named.
const MAX_TOPICS: usize = 6;
/// Characters of what was said last.
const MAX_LAST_CHARS: usize = 200;

/// The summary in the view's language; `last` is what the shopper said last.
pub(super) fn summary(memory: &Memory, last: &str, view: &mut View<'_>) -> Summary {
    let language = view.language;
    let products = products(memory, view);
    let name = |sku: &String| products.iter().find(|(known, _)| known == sku).map(|(_, name)| name);
    let mut topics: Vec<String> = Vec::new();
    for topic in memory.topics.iter().rev() {
        let names = topic.skus.iter().filter_map(name).take(2).cloned().collect::<Vec<_>>();
        let about = figures::all(names, language);
        let told = match about.is_empty() {
            true => intent(&topic.intent, language).to_owned(),
            false => format!("{} ({about})", intent(&topic.intent, language)),
        };
        if !topics.contains(&told) && topics.len() < MAX_TOPICS {
            topics.push(told);
        }
    }
    topics.reverse();
    let mut parts = Vec::new();
    if !topics.is_empty() {
        let asked = language.pick(["Asked about", "Gefragt nach", "Preguntó por", "A demandé"]);
        parts.push(format!("{asked}: {}.", topics.join("; ")));
    }
    let wishes = wishes(memory, language);
    if !wishes.is_empty() {
        let told = language.pick(["Wants", "Wünscht", "Desea", "Souhaite"]);
        parts.push(format!("{told}: {wishes}."));
    }
    if let Some(open) = &memory.open {
        let open = match open {
            Open::Which => [
                "which product is meant",
                "welches Produkt gemeint ist",
                "qué producto es",
                "quel produit est visé",
            ],
            Open::Order(_) | Open::Proof(_) => {
                ["an order", "eine Bestellung", "un pedido", "une commande"]
            }
        };
        let still = language.pick(["Still open", "Noch offen", "Pendiente", "En suspens"]);
        parts.push(format!("{still}: {}.", language.pick(open)));
    }
    let last: String = last.chars().take(MAX_LAST_CHARS).collect();
    if !last.is_empty() {
        let said = language.pick(["Said last", "Zuletzt", "Por último", "En dernier"]);
        parts.push(format!("{said}: “{last}”"));
    }
    Summary { text: parts.join(" "), products }
}

/// What was told of the shopper, as a list in words.
pub(super) fn wishes(memory: &Memory, language: Language) -> String {
    let without = memory.wishes.without.iter().filter_map(|name| {
        let allergen = allergens::named(&fold(name))?;
        let no = language.pick(["no", "ohne", "sin", "sans"]);
        Some(format!("{no} {}", allergens::name(allergen, language)))
    });
    let mut told: Vec<String> = memory.wishes.must.clone();
    told.extend(without);
    told.dedup();
    figures::all(told, language)
}

fn products(memory: &Memory, view: &mut View<'_>) -> Vec<(String, String)> {
    let known = memory.talked.iter().rev().filter_map(|sku| {
        let product = view.reader.product(sku)?;
        Some((sku.clone(), view.label(&product)))
    });
    known.collect()
}

/// What was asked for, as a noun.
fn intent(name: &str, language: Language) -> &'static str {
    let names = match name {
        "price" | "compare" => ["the price", "dem Preis", "el precio", "le prix"],
        "stock" => ["stock", "dem Bestand", "las existencias", "le stock"],
        "location" => ["the place", "dem Ort", "la ubicación", "l’emplacement"],
        "allergens" => ["allergens", "Allergenen", "los alérgenos", "les allergènes"],
        "promotions" => ["offers", "Angeboten", "las ofertas", "les promotions"],
        "hours" => ["opening hours", "Öffnungszeiten", "el horario", "les horaires"],
        "recall" => ["a recall", "einem Rückruf", "una retirada", "un rappel"],
        "alternatives" => ["something else", "etwas anderem", "otra cosa", "autre chose"],
        "order_status" | "change_order" => {
            ["an order", "einer Bestellung", "un pedido", "une commande"]
        }
        "start_return" => ["a return", "einer Rückgabe", "una devolución", "un retour"],
        _ => ["a product", "einem Produkt", "un producto", "un produit"],
    };
    language.pick(names)
}
