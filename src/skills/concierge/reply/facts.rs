//! What facts answer by themselves, and what they offer where something is sold out or avoided.

use super::sections::section;
use super::{Heard, Said};
use crate::facts::{Allergen, Band, Product, Table};
use crate::skills::allergens;
use crate::skills::ask::{Draft, Intent, Outcome, Read};
use crate::skills::concierge::Concierge;
use crate::skills::concierge::diet::Diet;
use crate::skills::concierge::memory::{Memory, Open};
use crate::skills::concierge::tools::Call;
use crate::skills::concierge::tools::run::run;
use crate::skills::concierge::trail::Trail;
use crate::skills::concierge::turn::{Step, Verdict};
use crate::skills::concierge::wording::Suggestion;
use crate::skills::figures;
use crate::skills::view::View;
use crate::skills::wording::Say;

/// Products of an answer of which it is said that they have in them what is avoided.
const MAX_NOTED: usize = 3;

impl Concierge {
    /// The answer of facts, to both questions where a message has two; none where no rule knows what is
    /// asked.
    pub(super) async fn by_facts(
        &self,
        heard: &Heard<'_>,
        read: &mut Read,
        diet: &Diet,
        memory: &Memory,
        view: &mut View<'_>,
        trail: &mut Trail,
    ) -> Option<Said> {
        match self.both(heard, read, diet, memory, view, trail).await {
            Some(both) => Some(both),
            None => self.of_facts(heard, read, diet, view, trail).await,
        }
    }

    /// The answer of facts to one question.
    pub(super) async fn of_facts(
        &self,
        heard: &Heard<'_>,
        read: &mut Read,
        diet: &Diet,
        view: &mut View<'_>,
        trail: &mut Trail,
    ) -> Option<Said> {
        let intent = read.intent();
        trail.begin(Step::Facts, intent.name()).await;
        if let Some(draft) = section(read, view) {
            trail.end(Step::Facts, Verdict::Answered, "section");
            let suggestions = vec![Suggestion::Offers, Suggestion::Hours];
            return Some(Said { suggestions, ..Said::of(intent.name(), draft) });
        }
        let Some(draft) = self.clerk.by_rule(read, view, heard.deadline).await else {
            trail.end(Step::Facts, Verdict::Passed, Outcome::Silent.name());
            return None;
        };
        let outcome = draft.outcome;
        let verdict = match outcome {
            Outcome::Answered => Verdict::Answered,
            Outcome::Old | Outcome::Unknown => Verdict::Refused,
            _ => Verdict::Partly,
        };
        trail.end(Step::Facts, verdict, outcome.name());
        let mut said = Said::of(intent.name(), draft);
        match outcome {
            Outcome::Which | Outcome::Near => {
                said.open = Some(Open::Which);
                said.choices = names(&said.draft, view);
                said.helped = outcome == Outcome::Which;
            }
            Outcome::Answered => {
                self.instead_of_sold_out(intent, diet, &mut said, view, trail).await;
                said.suggestions.extend(suggestions(intent, &said.draft));
            }
            _ => said.suggestions.extend([Suggestion::Offers, Suggestion::Person]),
        }
        if intent != Intent::Allergens {
            note_avoided(&mut said.draft, diet, view);
        }
        Some(said)
    }

    /// Where the one product that was asked for is sold out, others are offered.
    async fn instead_of_sold_out(
        &self,
        intent: Intent,
        diet: &Diet,
        said: &mut Said,
        view: &mut View<'_>,
        trail: &mut Trail,
    ) {
        let [sku] = said.draft.cited.as_slice() else { return };
        let sku = &sku.clone();
        let asks = matches!(intent, Intent::Stock | Intent::Location | Intent::Price);
        let is_out = |stock: &crate::facts::Stock| stock.band == Band::Out;
        let out = asks
            && !view.is_old(Table::Stock)
            && view.reader.stock(sku).is_some_and(|stock| is_out(&stock));
        if !out {
            return;
        }
        let call = Call::Alternatives { sku: sku.clone(), cheaper: false };
        trail.begin(Step::Search, "sold_out").await;
        let mut found = run(&call, diet, view).unwrap_or_default();
        trail.used(&call, super::found_or_not(&found)).await;
        let any = found.outcome == Outcome::Answered;
        trail.end(Step::Search, if any { Verdict::Answered } else { Verdict::Passed }, "sold_out");
        if intent == Intent::Price {
            let product = view.reader.product(sku);
            let name = product.map(|product| view.label(&product)).unwrap_or_default();
            said.draft.say(view, Say::SoldOut { name: &name });
        }
        said.draft.sentences.append(&mut found.sentences);
        // What is offered is what goes on being talked of.
        if any {
            said.draft.cited = found.cited;
            said.draft.cited.push(sku.clone());
        }
    }
}

/// Says of the products of an answer what they have in them that the shopper avoids.
fn note_avoided(draft: &mut Draft, diet: &Diet, view: &mut View<'_>) {
    if diet.is_empty() {
        return;
    }
    for sku in draft.cited.clone().iter().take(MAX_NOTED) {
        let Some(product) = view.reader.product(sku) else { continue };
        let found = diet.found_in(&product);
        let (contained, traces): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|allergen| is_in(&product, *allergen));
        let name = view.label(&product);
        let list = |of: Vec<Allergen>| {
            let names = of.iter().map(|allergen| allergens::name(*allergen, view.language));
            figures::all(names.map(str::to_owned).collect(), view.language)
        };
        let (contained, traces) = (list(contained), list(traces));
        if !contained.is_empty() {
            draft.say(view, Say::Contains { name: &name, list: &contained });
        }
        if !traces.is_empty() {
            draft.say(view, Say::MayContain { name: &name, list: &traces });
        }
    }
}

fn is_in(product: &Product, allergen: Allergen) -> bool {
    product.allergens.as_ref().is_some_and(|declared| declared.contains.contains(&allergen))
}

fn names(draft: &Draft, view: &mut View<'_>) -> Vec<String> {
    let name = |sku: &String| view.reader.product(sku).map(|product| view.label(&product));
    draft.cited.iter().filter_map(name).collect()
}

/// What may be asked after this.
fn suggestions(intent: Intent, draft: &Draft) -> Vec<Suggestion> {
    use Suggestion::{
        Allergens, Cheaper, Goes, Hours, Offers, Other, Person, Price, Stock, Vegan, Where,
    };
    if draft.cited.is_empty() {
        return vec![Offers, Hours, Person];
    }
    match intent {
        Intent::Price | Intent::Compare => vec![Where, Cheaper, Allergens, Goes],
        Intent::Stock => vec![Price, Where, Other],
        Intent::Location => vec![Price, Stock, Goes, Other],
        Intent::Allergens => vec![Price, Other, Person],
        Intent::Promotions => vec![Where, Price],
        Intent::Recall => vec![Person, Other],
        _ => vec![Price, Where, Allergens, Vegan],
    }
}
