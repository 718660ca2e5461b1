//! The prompt of a question that no rule answers, and what its answer may say.

use super::compose::sku;
use crate::facts::{Attribute, Product, Seen, Table};
use crate::skills::bind::price_slot;
use crate::skills::chat::{Message, Role};
use crate::skills::checks::Ground;
use crate::skills::figures;
use crate::skills::language::Language;
use crate::skills::slots::inert;
use crate::skills::view::View;

/// Characters of a description that a prompt has at most.
const MAX_DESCRIPTION_CHARS: usize = 240;

/// What the model is told of its work.
pub(super) const INSTRUCTION: &str = "\
    You help the customers of a shop. Answer the question in {language}, in one or two short \
    sentences, with nothing but the facts below. Write prices as they stand in the facts, in \
    braces. If the facts do not answer the question, say that you do not know and that a colleague \
    will help.";

/// The messages for a question and these products.
pub(super) fn messages(question: &str, facts: &str, language: Language) -> Vec<Message> {
    let instruction = INSTRUCTION.replace("{language}", language.name());
    let content = format!("Facts:\n{facts}\nQuestion: {question}");
    vec![
        Message { role: Role::System, content: instruction },
        Message { role: Role::User, content },
    ]
}

/// What is known of products, a line each, and what may be said of them. Only what a reader has
/// seen gets here.
pub(in crate::skills) fn facts(
    products: &[Seen<Product>],
    view: &View<'_>,
    priced: impl Fn(&str) -> bool,
) -> (String, Ground) {
    let (mut lines, mut ground) = (String::new(), Ground::default());
    for product in products {
        let mut parts = known(product, view.language);
        parts.iter().for_each(|part| ground.text(part));
        ground.name(view.language.text(&product.names));
        ground.product(product.allergens.as_ref());
        let sku = sku(product);
        if !view.is_old(Table::Prices) && priced(sku) {
            let slot = price_slot(sku);
            parts.push(format!("price {slot}"));
            ground.slot(slot);
        }
        lines.push_str(&format!("- {}\n", parts.join("; ")));
    }
    if products.is_empty() {
        lines.push_str("- none\n");
    }
    (lines, ground)
}

/// What is known of a product but its price: that stands in a slot.
pub(in crate::skills) fn known(product: &Product, language: Language) -> Vec<String> {
    let mut parts = vec![language.text(&product.names).to_owned()];
    parts.extend(product.brand.iter().map(|brand| format!("brand {brand}")));
    parts.extend(product.size.iter().map(|size| size.text.clone()));
    parts.extend(product.category.iter().map(|category| category.replace('/', ", ")));
    for (name, value) in &product.attributes {
        parts.push(match value {
            Attribute::Flag(true) => name.clone(),
            Attribute::Flag(false) => format!("not {name}"),
            Attribute::Number(number) => format!("{name} {}", figures::number(number, language)),
            Attribute::Text(text) => format!("{name} {text}"),
        });
    }
    let description = language.own_text(&product.descriptions);
    parts.extend(description.map(|text| text.chars().take(MAX_DESCRIPTION_CHARS).collect()));
    parts.iter().map(|part| inert(part)).collect()
}
