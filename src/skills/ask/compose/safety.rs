//! Allergens and recalls: said as facts have them, or not at all.

use std::collections::BTreeSet;

use super::super::resolve::{self, Resolved};
use super::{Draft, MAX_NAMED, Question, found, not_found, sku, which};
use crate::facts::{Allergen, Allergens, Fact, Product, Recall, Seen, Table};
use crate::skills::allergens::{self, akin};
use crate::skills::figures;
use crate::skills::view::View;
use crate::skills::wording::Say;

/// Recalls that are told at once.
const MAX_RECALLS: usize = 20;
/// Words by which something without an allergen is looked for.
const WITHOUT: &str = "free without ohne frei glutenfrei* laktosefrei* nussfrei* milchfrei* eifrei* \
    sin libre libres sans";

/// What is recalled at all.
pub(super) fn all_recalls(view: &mut View<'_>) -> Draft {
    let mut draft = Draft::default();
    if view.is_old(Table::Recalls) || view.reader.heard(Table::Recalls).is_none() {
        draft.say(view, Say::RecallsUnknown);
        return draft;
    }
    for held in view.facts.list(Table::Recalls, "", MAX_RECALLS) {
        let Fact::Recall(recall) = &held.fact else { continue };
        for sku in &recall.skus {
            let Some(product) = view.reader.product(sku) else { continue };
            for recall in view.reader.recalls_of(sku) {
                let warning = warning(&product, &recall, view);
                if !draft.sentences.contains(&warning) {
                    draft.sentences.push(warning);
                }
                draft.cite(&product);
            }
        }
    }
    if draft.sentences.is_empty() {
        draft.say(view, Say::NoRecalls);
    }
    draft
}

/// Whether products are recalled.
pub(super) fn recalls(_: &Question<'_>, products: &[Seen<Product>], view: &mut View<'_>) -> Draft {
    let mut draft = Draft::default();
    // No feed, no statement: silence of a feed that was never heard is no all-clear.
    let unknown = view.is_old(Table::Recalls) || view.reader.heard(Table::Recalls).is_none();
    for product in products {
        draft.cite(product);
        let recalls = view.reader.recalls_of(sku(product));
        let name = view.label(product);
        for recall in &recalls {
            draft.sentences.push(warning(product, recall, view));
        }
        if recalls.is_empty() && !unknown {
            draft.say(view, Say::NotRecalled { name: &name });
        }
    }
    if unknown && draft.sentences.is_empty() {
        draft.say(view, Say::RecallsUnknown);
    }
    draft
}

/// What is said of a recall before anything else.
pub(super) fn warning(product: &Seen<Product>, recall: &Recall, view: &View<'_>) -> String {
    let name = view.label(product);
    let reason = ended(view.language.text(&recall.reasons));
    let warning = view.say(Say::Recalled { name: &name, reason: &reason });
    match view.language.own_text(&recall.instructions) {
        Some(instruction) => format!("{warning} {}", ended(instruction)),
        None => warning,
    }
}

/// A text with a sign at its end.
fn ended(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// What products contain, or which of several do not.
pub(super) fn allergens(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    let asked = asked(question);
    let names = names(question);
    match found(question, &names, view) {
        Resolved::One(product) => declared(&[product], &asked, 1, question, view),
        Resolved::Several(products, _) if asked.is_empty() => which(&products, view),
        Resolved::Several(products, _) if looks_for(question) => without(&products, &asked, view),
        Resolved::Several(products, count) => {
            let named = products.get(..MAX_NAMED.min(products.len())).unwrap_or_default();
            declared(named, &asked, count, question, view)
        }
        other => not_found(&other, &names, view),
    }
}

/// The allergens that are asked for: those of the phrase, or else any that is named.
fn asked(question: &Question<'_>) -> BTreeSet<Allergen> {
    let named = allergens::in_words(question.words);
    let asking = |(at, _): &&(usize, Allergen)| question.understood.asking.contains(at);
    let by_phrase: BTreeSet<_> = named.iter().filter(asking).map(|(_, a)| *a).collect();
    if by_phrase.is_empty() { named.into_iter().map(|(_, a)| a).collect() } else { by_phrase }
}

/// The words that name a product: not the allergens that are asked for.
fn names(question: &Question<'_>) -> Vec<String> {
    let named = allergens::in_words(question.words);
    let by_phrase = named.iter().any(|(at, _)| question.understood.asking.contains(at));
    let mut asking = question.understood.asking.clone();
    if !by_phrase {
        asking.extend(named.iter().map(|(at, _)| *at));
    }
    let names = resolve::naming(question.words, &asking, question.understood.language);
    let idle = "eat essen comer manger safe allergic something anything etwas algo quelque chose";
    names.into_iter().filter(|name| !idle.split(' ').any(|word| word == name)).collect()
}

/// Whether any product without something is looked for, rather than asked what certain ones have.
fn looks_for(question: &Question<'_>) -> bool {
    let word = |at: usize| question.words.get(at).map_or("", |word| word.folded.as_str());
    let of_certain = "is are ist sind es son est sont".split(' ').any(|is| is == word(0))
        && !["there", "ce"].contains(&word(1));
    question.has(WITHOUT) && !of_certain
}

/// What each of these products is declared to contain; `count` products were meant.
fn declared(
    products: &[Seen<Product>],
    asked: &BTreeSet<Allergen>,
    count: usize,
    question: &Question<'_>,
    view: &View<'_>,
) -> Draft {
    let mut draft = Draft::default();
    products.iter().for_each(|product| draft.cite(product));
    let asking = match count {
        1 if question.has(WITHOUT) => Asking::IfFree,
        1 => Asking::IfThere,
        _ => Asking::OfSeveral,
    };
    let (known, unknown): (Vec<_>, Vec<_>) =
        products.iter().partition(|product| product.allergens.is_some());
    for product in &known {
        let name = view.label(product);
        let Some(declared) = &product.allergens else { continue };
        if asked.is_empty() {
            all_of(&name, declared, &mut draft, view);
        }
        for allergen in asked {
            one_of(&name, *allergen, declared, asking, &mut draft, view);
        }
    }
    if !unknown.is_empty() {
        let names = unknown.iter().map(|product| view.label(product)).collect();
        let name = figures::all(names, view.language);
        draft.say(view, Say::AllergensUnknown { name: &name });
    }
    if count > products.len() {
        draft.say(view, Say::More { count: count - products.len() });
    }
    if !known.is_empty() {
        draft.say(view, Say::CheckLabel);
    }
    draft
}

/// What a question wants to hear of an allergen.
#[derive(Clone, Copy)]
enum Asking {
    /// Whether it is there: yes, it is.
    IfThere,
    /// Whether it is not there: no, it is.
    IfFree,
    /// Of several products, to which no yes or no is one answer.
    OfSeveral,
}

fn all_of(name: &str, known: &Allergens, draft: &mut Draft, view: &View<'_>) {
    let list = |of: &BTreeSet<Allergen>| listed(of.iter().copied(), view);
    let (contains, traces) = (list(&known.contains), list(&known.may_contain));
    if contains.is_empty() && traces.is_empty() {
        draft.say(view, Say::NoAllergens { name });
    }
    if !contains.is_empty() {
        draft.say(view, Say::Contains { name, list: &contains });
    }
    if !traces.is_empty() {
        draft.say(view, Say::MayContain { name, list: &traces });
    }
}

/// An allergen goes with its kin: who asks for gluten is told of wheat.
fn one_of(
    name: &str,
    asked: Allergen,
    known: &Allergens,
    asking: Asking,
    draft: &mut Draft,
    view: &View<'_>,
) {
    let of = |held: &BTreeSet<Allergen>| {
        listed(akin(asked).iter().copied().filter(|allergen| held.contains(allergen)), view)
    };
    let (contained, traces) = (of(&known.contains), of(&known.may_contain));
    if !contained.is_empty() {
        let what = contained.as_str();
        draft.say(
            view,
            match asking {
                Asking::IfThere => Say::Includes { name, what },
                Asking::IfFree => Say::NotFree { name, what },
                Asking::OfSeveral => Say::Contains { name, list: what },
            },
        );
    } else if !traces.is_empty() {
        draft.say(view, Say::Traces { name, what: &traces });
    } else {
        draft.say(view, Say::Free { name, what: allergens::name(asked, view.language) });
    }
}

/// Those of several products that are declared to be without what is asked for.
fn without(products: &[Seen<Product>], asked: &BTreeSet<Allergen>, view: &View<'_>) -> Draft {
    let mut draft = Draft::default();
    let free = |product: &&Seen<Product>| {
        product.allergens.as_ref().is_some_and(|known| {
            let absent =
                |a: &Allergen| !known.contains.contains(a) && !known.may_contain.contains(a);
            asked.iter().flat_map(|asked| akin(*asked)).all(absent)
        })
    };
    let free: Vec<_> = products.iter().filter(free).take(MAX_NAMED).collect();
    let what = listed(asked.iter().copied(), view);
    let list = free.iter().map(|product| view.label(product)).collect();
    let list = figures::all(list, view.language);
    free.iter().for_each(|product| draft.cite(product));
    if free.is_empty() {
        draft.say(view, Say::WithoutNone { what: &what });
    } else {
        draft.say(view, Say::WithoutList { what: &what, list: &list });
        draft.say(view, Say::CheckLabel);
    }
    draft
}

fn listed(of: impl Iterator<Item = Allergen>, view: &View<'_>) -> String {
    let names = of.map(|allergen| allergens::name(allergen, view.language).to_owned());
    figures::all(names.collect(), view.language)
}
