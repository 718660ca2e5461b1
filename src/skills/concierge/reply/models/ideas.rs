//! What a model would look for, found in the shop and said with prices as facts have them.

use std::sync::Arc;

use super::asking::Asking;
use super::choose::Chosen;
use crate::facts::search::Filters;
use crate::facts::{Product, Seen, UnixSeconds};
use crate::skills::answer::{Answer, Kept, Step};
use crate::skills::ask;
use crate::skills::checks::{self, Ground, Wording};
use crate::skills::concierge::Concierge;
use crate::skills::concierge::diet::Diet;
use crate::skills::concierge::reply::SKILL;
use crate::skills::concierge::tools::goes::each_of;
use crate::skills::concierge::tools::run::priced;
use crate::skills::concierge::tools::schema::Idea;
use crate::skills::concierge::wording::{self, Line};
use crate::skills::figures;
use crate::skills::language::Language;
use crate::skills::view::View;
use crate::skills::voice::Speaker;
use crate::skills::wanted::template_digest;
use crate::skills::words::words;

/// Products of an answer, and those that are looked at for one.
const MAX_PRODUCTS: usize = 4;
const LOOKED_AT: usize = 50;
/// Characters and words of a sentence of a model's own.
const MAX_SAY_CHARS: usize = 160;
const MIN_SAY_WORDS: usize = 3;

impl Concierge {
    /// What was chosen to be looked for, as an answer: the model's sentence where it may be told,
    /// then products of the shop. None where the shop has nothing of it.
    pub(super) fn idea(
        &self,
        asking: &Asking,
        idea: &Idea,
        chosen: &Chosen,
        speaker: &Arc<dyn Speaker>,
        diet: &Diet,
    ) -> Option<Answer> {
        let clerk = &self.clerk;
        let language = asking.language();
        let mut view = View::open(&clerk.facts, &clerk.search, language, UnixSeconds::now());
        let mut products = each_of(&idea.find, diet, &mut view);
        products.splice(0..0, self.named_besides(asking, &products, diet, &mut view));
        products.truncate(MAX_PRODUCTS);
        if products.is_empty() {
            return None;
        }
        let list = figures::all(priced(&products, &mut view), language);
        let listed = wording::say(language, Line::ForThat { list: &list });
        let blocked = asking.blocked(speaker);
        let say = idea.say.as_deref();
        let say = say.filter(|say| may_say(say, asking.question(), blocked, diet, &mut view));
        let text = match say {
            Some(say) => format!("{say} {listed}"),
            None => listed,
        };
        let template = super::prompt::choosing(asking, idea.say.is_some());
        let kept = Kept {
            text,
            cited: products.iter().map(|product| ask::sku(product).to_owned()).collect(),
            step: Step::Model,
            seed: chosen.answer.provenance.seed,
            refused: Vec::new(),
            read: view.reader.finish().read,
            made: chosen.answer.provenance.made.clone(),
        };
        let by = (speaker, template_digest(&template));
        clerk.bound((SKILL, "ideas"), kept, by, language, chosen.answer.status.clone())
    }

    /// A product of the first kind that the shopper named and the model forgot: wine, where wine for
    /// something was wanted.
    fn named_besides(
        &self,
        asking: &Asking,
        products: &[Seen<Product>],
        diet: &Diet,
        view: &mut View<'_>,
    ) -> Option<Seen<Product>> {
        let kind = asking.names().into_iter().find(|name| ask::is_kind(name, view))?;
        let has = |product: &Seen<Product>| ask::share(std::slice::from_ref(&kind), product) == 100;
        if products.iter().any(has) {
            return None;
        }
        let filters = Filters { in_stock: true, ..diet.filters() };
        let there: Vec<String> = view
            .find_with(&kind, LOOKED_AT, filters)
            .into_iter()
            .map(|hit| ask::sku(&hit.product).to_owned())
            .collect();
        let meant = ask::named(&[kind], view);
        let mut meant = meant.into_iter().filter(|sku| there.contains(sku));
        meant.find_map(|sku| {
            let product = view.reader.product(&sku)?;
            let fits = diet.allows(&product) && view.reader.recalls_of(&sku).is_empty();
            fits.then_some(product)
        })
    }
}

/// Whether a model's sentence may be told: it claims nothing that facts would have to say, is in the
/// language, and names nothing that the shopper does not eat.
fn may_say(
    say: &str,
    question: &str,
    blocked: Vec<String>,
    diet: &Diet,
    view: &mut View<'_>,
) -> bool {
    let mut ground = Ground::default();
    ground.text(question);
    let question = question.to_owned();
    let wording = Wording { max_chars: MAX_SAY_CHARS, min_words: MIN_SAY_WORDS, blocked, question };
    checks::check(say, &ground, view.language, &wording).is_empty()
        && diet.suits(say)
        && are_words(say, &ground, view)
}

/// Whether the nouns of a German sentence are words that the shop's products or the question have: a
/// small model joins nouns to new ones that mean nothing.
fn are_words(say: &str, question: &Ground, view: &mut View<'_>) -> bool {
    if view.language != Language::German {
        return true;
    }
    let is_known = |folded: &str, view: &mut View<'_>| {
        let names = [folded.to_owned()];
        view.find(folded, 3).iter().any(|hit| ask::share(&names, &hit.product) == 100)
    };
    let said = words(say);
    said.iter().skip(1).all(|word| {
        let capital =
            say.get(word.range.clone()).is_some_and(|text| text.starts_with(char::is_uppercase));
        let usual = view.language.function_words().any(|usual| usual == word.folded);
        !capital || usual || question.has_word(&word.folded) || is_known(&word.folded, view)
    })
}
