//! What a product is, and what else is known of it.

use super::super::intent::Aspect;
use super::super::resolve::{Resolved, same};
use super::{Draft, Question, found, sku, warned, which};
use crate::facts::{Attribute, Product, Seen, Table};
use crate::skills::bind::price_slot;
use crate::skills::figures;
use crate::skills::slots::inert;
use crate::skills::view::View;
use crate::skills::wording::Say;
use crate::skills::words::words;

/// Words of one meaning: those of questions, and of the names of attributes.
const MEANINGS: [&str; 14] = [
    "vegan vegane veganer veganes vegano vegana vegane",
    "vegetarian vegetarisch vegetariano vegetariana vegetarien vegetarienne",
    "organic bio ecologico ecologica biologique",
    "kosher koscher casher",
    "halal",
    "origin origen origine herkunft provenance country made hergestellt kommt woher hecho hecha \
     fabricado fabrique vient viennent from donde pais",
    "calories kalorien calorias kcal energy energie brennwert",
    "sugar sugars zucker azucar sucre sucres",
    "protein proteins eiweiss proteina proteinas proteines",
    "fat fats fett grasa grasas graisses",
    "salt sodium salz sal sel",
    "caffeine koffein cafeina cafeine",
    "alcohol alkohol alkoholgehalt alcool abv",
    "ingredients ingredient zutaten inhaltsstoffe ingredientes ingrediente",
];

/// One thing that is to be known of products.
pub(super) fn aspect(
    question: &Question<'_>,
    aspect: Aspect,
    products: &[Seen<Product>],
    view: &mut View<'_>,
) -> Draft {
    let (mut draft, mut unknown) = (Draft::default(), Vec::new());
    let several = products.len() > 1;
    for product in products {
        draft.cite(product);
        // With the size in the name it would be said twice.
        let name = inert(view.language.text(&product.names));
        let (label, name) = (view.label(product), name.as_str());
        match (aspect, &product.size, &product.brand) {
            (Aspect::Size, Some(size), _) => {
                draft.say(view, Say::Size { name, size: &inert(&size.text) });
            }
            (Aspect::Size, None, _) => draft.say(view, Say::NoSize { name }),
            (Aspect::Brand, _, Some(brand)) => {
                draft.say(view, Say::Brand { name: &label, brand: &inert(brand) });
            }
            (Aspect::Brand, _, None) => draft.say(view, Say::NoBrand { name: &label }),
            (Aspect::Other, ..) => match attribute(question, product, &label, several, view) {
                Some(sentence) => draft.tell(sentence),
                None => unknown.push(label),
            },
        }
    }
    if !unknown.is_empty() {
        let name = figures::all(unknown, view.language);
        draft.say(view, Say::AttributeUnknown { name: &name });
    }
    draft
}

/// Tells the attribute that a question's words name; none where the product does not have it. To a
/// question about several products no yes or no is one answer.
fn attribute(
    question: &Question<'_>,
    product: &Product,
    name: &str,
    several: bool,
    view: &View<'_>,
) -> Option<String> {
    let meant = |key: &str| question.words.iter().any(|word| means(&word.folded, key));
    let (what, value) = product.attributes.iter().find(|(key, _)| meant(key))?;
    let value = match value {
        Attribute::Flag(true) if !several => return Some(view.say(Say::Is { name, what })),
        Attribute::Flag(false) if !several => return Some(view.say(Say::IsNot { name, what })),
        Attribute::Flag(true) => view.language.pick(["yes", "ja", "sí", "oui"]).to_owned(),
        Attribute::Flag(false) => view.language.pick(["no", "nein", "no", "non"]).to_owned(),
        Attribute::Number(number) => figures::number(number, view.language),
        Attribute::Text(text) => inert(text),
    };
    Some(view.say(Say::Attribute { name, what, value: &value }))
}

/// Whether a word of a question means an attribute.
fn means(asked: &str, key: &str) -> bool {
    words(key).iter().any(|key| {
        let both = |list: &&str| {
            let has = |word: &str| list.split_ascii_whitespace().any(|known| known == word);
            has(asked) && has(&key.folded)
        };
        asked.len() > 3 && same(asked, &key.folded) || MEANINGS.iter().any(both)
    })
}

/// What the shop itself says of a product; none where it says nothing, or the product is not clear.
pub(super) fn known(question: &Question<'_>, view: &mut View<'_>) -> Option<Draft> {
    let names = question.names();
    let product = match found(question, &names, view) {
        Resolved::One(product) => product,
        Resolved::Several(products, _) => return Some(warned(which(&products, view), view)),
        _ => return None,
    };
    let description = inert(view.language.own_text(&product.descriptions)?);
    let mut draft = Draft::default();
    draft.tell(description);
    draft.cite(&product);
    let priced = !view.is_old(Table::Prices) && view.reader.price(sku(&product)).is_some();
    if priced {
        let (name, price) = (view.label(&product), price_slot(sku(&product)));
        draft.say(view, Say::Costs { name: &name, price: &price });
    }
    Some(warned(draft, view))
}
