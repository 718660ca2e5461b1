//! Recalls: every one that a question may mean is told, and no all-clear goes further than facts do.

use std::collections::BTreeSet;

use super::super::resolve::{self, Resolved};
use super::{Draft, MAX_NAMED, Question, found, not_found, sku};
use crate::facts::{Fact, Product, Recall, Seen, Table};
use crate::skills::slots::inert;
use crate::skills::view::View;
use crate::skills::wording::Say;
use crate::skills::words::fold;

/// Recalls that are told at once.
const MAX_TOLD: usize = 20;
/// Recalls that are read at once.
const PAGE: usize = 100;
/// The share of words, in percent, from which on a recall is told where no product has them all.
const NEAR_PERCENT: usize = 50;
/// Words of questions about recalls that name no product.
const IDLE: &str = "anything something everything any alert alerts notice bought yesterday last week \
    eat safe still etwas irgendetwas irgendwas alles gekauft gestern warnung essen aktuelle algo \
    alguna algun alerta alertas aviso comprado compre ayer comer quelque chose alerte achete hier \
    manger";
/// Words that name everything there is to eat, unless others stand with them.
const ALL_FOOD: &str = "food foods groceries lebensmittel essen ware waren alimento alimentos comida \
    aliment aliments nourriture";

/// A recall of one product; of one that is not in the range its SKU alone is known.
struct Recalled {
    sku: String,
    product: Option<Seen<Product>>,
    recall: Seen<Recall>,
}

/// Whether the products that a question names are recalled, or what is recalled at all.
pub(super) fn answer(question: &Question<'_>, view: &mut View<'_>) -> Draft {
    let names = names(question);
    let any = question.meant.is_empty() && !question.text.contains(|c: char| c.is_ascii_digit());
    let everything = names.is_empty() && any;
    let resolved = if everything { Resolved::Unnamed } else { found(question, &names, view) };
    let mut meant = all(view);
    if !everything {
        meant.retain(|recalled| recalled.is_meant(question, &names, &resolved));
    }
    // No feed, no all-clear: silence of a feed that was never heard says nothing.
    let unknown = view.is_old(Table::Recalls) || view.reader.heard(Table::Recalls).is_none();
    let mut draft = warnings(&meant, view);
    match resolved {
        _ if unknown && meant.is_empty() => draft.say(view, Say::RecallsUnknown),
        Resolved::Unnamed if everything && meant.is_empty() => draft.say(view, Say::NoRecalls),
        Resolved::Unnamed if everything => {}
        Resolved::One(product) => {
            draft.cite(&product);
            if !unknown && view.reader.recalls_of(sku(&product)).is_empty() {
                let name = view.label(&product);
                draft.say(view, Say::NotRecalled { name: &name });
            }
        }
        Resolved::Several(products, _) => {
            if meant.is_empty() {
                products.iter().take(MAX_NAMED).for_each(|product| draft.cite(product));
                draft.say(view, Say::NoneRecalled { what: &resolve::asked_for(&names) });
            } else if !unknown && meant.len() <= MAX_TOLD {
                draft.say(view, Say::NoOtherRecalled { what: &resolve::asked_for(&names) });
            }
        }
        // What stands in a recall is known by it, though it is not in the range.
        _ if meant.iter().any(|recalled| recalled.product.is_none()) => {}
        other => draft.append(not_found(&other, &names, view)),
    }
    draft
}

/// The words that may name a product; none where everything is meant.
fn names(question: &Question<'_>) -> Vec<String> {
    let is_in = |list: &str, name: &str| list.split_ascii_whitespace().any(|known| known == name);
    let mut names = question.names();
    names.retain(|name| !is_in(IDLE, name));
    if names.iter().all(|name| is_in(ALL_FOOD, name)) { Vec::new() } else { names }
}

/// Everything that is recalled now.
fn all(view: &mut View<'_>) -> Vec<Recalled> {
    let (mut skus, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = view.facts.list(Table::Recalls, &after, PAGE);
        let Some(last) = page.last() else { break };
        after = last.id.id.to_string();
        for held in &page {
            let Fact::Recall(recall) = &held.fact else { continue };
            skus.extend(recall.skus.iter().map(ToString::to_string));
        }
    }
    let mut all = Vec::new();
    for sku in skus {
        let recalls = view.reader.recalls_of(&sku);
        let product = if recalls.is_empty() { None } else { view.reader.product(&sku) };
        all.extend(recalls.into_iter().map(|recall| Recalled {
            sku: sku.clone(),
            product: product.clone(),
            recall,
        }));
    }
    all
}

impl Recalled {
    /// Whether a question may mean it. With a product that has all of the words only another that
    /// has them all is meant as well; else whatever comes near.
    fn is_meant(&self, question: &Question<'_>, names: &[String], resolved: &Resolved) -> bool {
        let one = matches!(resolved, Resolved::One(product) if sku(product) == self.sku);
        let least = match resolved {
            Resolved::One(_) | Resolved::Several(..) => 100,
            _ => NEAR_PERCENT,
        };
        let by_words = match &self.product {
            Some(product) => resolve::share(names, product) >= least,
            None => self.reasons_name(names),
        };
        one || !names.is_empty() && by_words || resolve::has_sku(question.text, &self.sku)
    }

    /// Whether a text of the recall has all of these words: nothing else is known of a product
    /// that is not in the range.
    fn reasons_name(&self, names: &[String]) -> bool {
        self.recall.reasons.values().any(|reason| {
            let reason = fold(reason);
            let mut words = names.iter();
            words.all(|name| reason.split(' ').any(|word| resolve::same(name, word)))
        })
    }

    fn warning(&self, view: &View<'_>) -> String {
        match &self.product {
            Some(product) => warning(&view.label(product), &self.recall, view),
            None => warning(&self.sku, &self.recall, view),
        }
    }
}

/// Warns of what is recalled, and says how many recalls it leaves out.
fn warnings(recalled: &[Recalled], view: &View<'_>) -> Draft {
    let mut draft = Draft::default();
    for recalled in recalled.iter().take(MAX_TOLD) {
        let warning = recalled.warning(view);
        if !draft.sentences.contains(&warning) {
            draft.tell(warning);
        }
        recalled.product.iter().for_each(|product| draft.cite(product));
    }
    if recalled.len() > MAX_TOLD {
        draft.say(view, Say::MoreRecalls { count: recalled.len() - MAX_TOLD });
    }
    draft
}

/// What is said of a recall before anything else.
pub(super) fn warning(name: &str, recall: &Recall, view: &View<'_>) -> String {
    let reason = ended(view.language.text(&recall.reasons));
    let warning = view.say(Say::Recalled { name, reason: &reason });
    match view.language.own_text(&recall.instructions) {
        Some(instruction) => format!("{warning} {}", ended(instruction)),
        None => warning,
    }
}

/// A text with a sign at its end.
fn ended(text: &str) -> String {
    let text = inert(text.trim());
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}
