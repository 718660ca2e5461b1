//! Allergens: said as facts have them, or not at all.

use std::collections::BTreeSet;

use super::super::resolve::{self, Resolved};
use super::meant::{self, Meant};
use super::{Draft, MAX_NAMED, Question, found, not_found, which};
use crate::facts::{Allergen, Allergens, Product, Seen};
use crate::skills::allergens::{self, akin};
use crate::skills::figures;
use crate::skills::view::View;
use crate::skills::wording::Say;
use crate::skills::words::words;

/// How words begin that tell of lactose, which is taken out of milk.
const LACTOSE: [&str; 2] = ["lactos", "laktos"];
/// Words by which something without an allergen is looked for.
const WITHOUT: &str = "free without ohne frei glutenfrei* laktosefrei* nussfrei* milchfrei* eifrei* \
    sin libre libres sans";
/// Words that turn what contains something into what does not.
const NOT: &str = "no not don doesn isn nicht kein keine keinen ne n pas aucun aucune";
/// Words that ask whether something is there.
const HOLDS: &str = "contain contains in has have with enthalt enthalten hat haben drin contiene contienen \
    lleva llevan tiene tienen hay contient contiennent dans";
/// Words that ask whether somebody may have it: yes and no would be advice.
const SUITS: &str = "safe suitable ok okay can may could should fine allergi* celiac* coeliac* \
    intoleran* sicher geeignet vertraglich* darf durfen kann konnen unvertrag* zoliakie* seguro* \
    segura* apto* apta* puede* puedo alergi* sur surs convient conviennent peut peuvent puis \
    coeliaque*";
/// Words by which one of several is chosen.
const WHICH: &str =
    "what which welche welcher welches welchen cual cuales quel quelle quels quelles";

/// What products contain, or which of several do not.
pub(super) fn allergens(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    if let Some(draft) = by_name(question, view) {
        return draft;
    }
    let (meant, resolved) = found_by(question, view);
    let feared = &meant.feared;
    match resolved {
        Resolved::One(product) => declared(&[product], feared, 1, question, view),
        Resolved::Several(products, _) if feared.is_empty() => which(&products, view),
        Resolved::Several(products, _) if looks_for(question) => without(&products, feared, view),
        Resolved::Several(products, count) => {
            let named = products.get(..MAX_NAMED.min(products.len())).unwrap_or_default();
            declared(named, feared, count, question, view)
        }
        other => not_found(&other, &meant.names, view),
    }
}

/// Products that are looked for by a name that says what they are free of, as "lactose-free milk". What
/// is declared to contain it all the same is none of them; milk is, where lactose was taken out of it.
fn by_name(question: &Question<'_>, view: &mut View<'_>) -> Option<Draft> {
    if !looks_for(question) || !question.meant.is_empty() {
        return None;
    }
    let word = |at: &usize| question.words.get(*at).map_or("", |word| word.folded.as_str());
    let names_it = |at: &usize| allergens::named(word(at)).is_some() || is_in(WITHOUT, word(at));
    let asking = question.understood.asking.iter().copied().filter(|at| !names_it(at));
    let asking: Vec<usize> = asking.collect();
    let names = resolve::naming(question.words, &asking, question.understood.language);
    let of_lactose = names.iter().any(|name| LACTOSE.iter().any(|part| name.starts_with(part)));
    let feared: BTreeSet<Allergen> =
        names.iter().filter_map(|name| allergens::named(name)).collect();
    let mut products = match resolve::resolve(&names, view) {
        Resolved::One(product) => vec![product],
        Resolved::Several(products, _) => products,
        _ => return None,
    };
    products.retain(|product| {
        let held = product.allergens.as_ref().map(|held| &held.contains);
        let holds = |allergen: &Allergen| held.is_some_and(|held| held.contains(allergen));
        says_so(product, &names) && (of_lactose || !feared.iter().any(holds))
    });
    let count = products.len();
    products.truncate(MAX_NAMED);
    if products.is_empty() {
        return None;
    }
    let mut draft = super::stock::each(question, &products, view);
    if count > products.len() {
        draft.say(view, Say::More { count: count - products.len() });
    }
    draft.say(view, Say::CheckLabel);
    Some(draft)
}

/// Whether a product's own name has all of these words.
fn says_so(product: &Product, names: &[String]) -> bool {
    product.names.values().any(|name| {
        let own = words(name);
        names.iter().all(|word| own.iter().any(|own| resolve::same(word, &own.folded)))
    })
}

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| match known.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == known,
    })
}

/// The products that a question names. Where none has all of the words and nothing is feared for
/// certain, the allergens among the words are.
fn found_by(question: &Question<'_>, view: &mut View<'_>) -> (Meant, Resolved) {
    let strictly = meant::strictly(question);
    let resolved = found(question, &strictly.names, view);
    let is_certain = matches!(resolved, Resolved::One(_) | Resolved::Several(..));
    if is_certain || !strictly.feared.is_empty() {
        return (strictly, resolved);
    }
    let widely = meant::widely(question);
    match found(question, &widely.names, view) {
        certain @ (Resolved::One(_) | Resolved::Several(..)) => (widely, certain),
        _ => (strictly, resolved),
    }
}

/// Whether any product without something is looked for, rather than asked what certain ones have.
fn looks_for(question: &Question<'_>) -> bool {
    let word = |at: usize| question.words.get(at).map_or("", |word| word.folded.as_str());
    let of_certain = "is are ist sind es son est sont".split(' ').any(|is| is == word(0))
        && !["there", "ce"].contains(&word(1));
    let suits_which = question.has(WHICH) && question.has(SUITS);
    let holds_not = question.has(NOT) && question.has(HOLDS);
    (question.has(WITHOUT) || holds_not || suits_which) && !of_certain
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
        1 if question.has(SUITS) => Asking::Neither,
        1 if question.has(WITHOUT) => Asking::IfFree,
        1 if question.has(HOLDS) && !question.has(NOT) => Asking::IfThere,
        _ => Asking::Neither,
    };
    let (known, unknown): (Vec<_>, Vec<_>) =
        products.iter().partition(|product| product.allergens.is_some());
    for product in &known {
        let name = view.label(product);
        let Some(declared) = &product.allergens else { continue };
        if asked.is_empty() {
            all_of(&name, declared, &mut draft, view);
        }
        for allergen in asked.iter().filter(|allergen| !is_told(**allergen, asked, declared)) {
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
    /// What is there: of several products, or for somebody whom it may harm.
    Neither,
}

/// Whether what a product contains of an allergen is told with another that is asked for as well.
fn is_told(allergen: Allergen, asked: &BTreeSet<Allergen>, known: &Allergens) -> bool {
    let other = |other: &&Allergen| **other != allergen && akin(**other).contains(&allergen);
    let held = known.contains.contains(&allergen) || known.may_contain.contains(&allergen);
    held && asked.iter().any(|asked| other(&asked))
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
                Asking::Neither => Say::Contains { name, list: what },
            },
        );
        if !traces.is_empty() {
            draft.say(view, Say::MayContain { name, list: &traces });
        }
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
    let mut free: Vec<_> = products.iter().filter(free).collect();
    let more = free.len().saturating_sub(MAX_NAMED);
    free.truncate(MAX_NAMED);
    let what = listed(asked.iter().copied(), view);
    let list = free.iter().map(|product| view.label(product)).collect();
    let list = figures::all(list, view.language);
    free.iter().for_each(|product| draft.cite(product));
    if free.is_empty() {
        draft.say(view, Say::WithoutNone { what: &what });
    } else {
        draft.say(view, Say::WithoutList { what: &what, list: &list });
        if more > 0 {
            draft.say(view, Say::More { count: more });
        }
        draft.say(view, Say::CheckLabel);
    }
    draft
}

fn listed(of: impl Iterator<Item = Allergen>, view: &View<'_>) -> String {
    let names = of.map(|allergen| allergens::name(allergen, view.language).to_owned());
    figures::all(names.collect(), view.language)
}
