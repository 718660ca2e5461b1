//! What neither rules nor facts answer: a model that is fit for it, the usual one first.
//!
//! A model may use a tool; what the tool finds is said by sentences of ours. Where it answers itself,
//! it is told facts and its text is checked. An answer that stands on nothing of the conversation
//! goes through the cache; any other is told sentence by sentence as each passes the checks.

mod asking;
mod choose;
mod hearing;
mod prompt;
mod speak;

use std::sync::Arc;

use super::{Heard, Reply, SKILL, Said};
use crate::cache::Failure;
use crate::facts::{Product, Seen, UnixSeconds};
use crate::skills::ask::{self, Draft, Outcome, Read};
use crate::skills::concierge::Concierge;
use crate::skills::concierge::diet::Diet;
use crate::skills::concierge::memory::Memory;
use crate::skills::concierge::tools::chosen::number;
use crate::skills::concierge::tools::run::run;
use crate::skills::concierge::tools::schema::Choice;
use crate::skills::concierge::trail::Trail;
use crate::skills::concierge::turn::{Step, Verdict};
use crate::skills::concierge::wording::Suggestion;
use crate::skills::fitness::is_fit;
use crate::skills::view::View;
use crate::skills::voice::Speaker;

use asking::Asking;
pub use asking::Prompted;

/// Products that are looked at for what may help, and that are told.
const MAX_LOOKED_AT: usize = 60;
const MAX_RELATED: usize = 4;
/// The share of a question's words, in percent, and the cosine from which on a product may help.
const NEAR_PERCENT: usize = 40;
const ALIKE: f32 = 0.45;
/// Products that a model may name in a tool.
const MAX_NAMED: usize = 8;

impl Concierge {
    /// The answer of a model, or what facts have beside the question.
    pub(super) async fn by_model(
        &self,
        heard: &Heard<'_>,
        read: Read,
        diet: &Diet,
        memory: &mut Memory,
        mut view: View<'_>,
        trail: &mut Trail,
    ) -> Result<Reply, Failure> {
        let asking = Arc::new(self.asking(heard, &read, diet, memory, &mut view));
        let (mut asked, language) = (None, read.language);
        for (step, name) in
            [(Step::Model, None), (Step::LargerModel, self.house().larger_model.clone())]
        {
            if step == Step::LargerModel && name.is_none() {
                trail.end(step, Verdict::Skipped, "none_set");
                continue;
            }
            let speaker = self.clerk.voice.speaker(name.as_deref(), heard.deadline).await;
            let speaker = match able(speaker, &read, asked.as_deref()) {
                Ok(speaker) => speaker,
                Err(why) => {
                    trail.end(step, Verdict::Skipped, why);
                    continue;
                }
            };
            asked = Some(speaker.name().to_owned());
            trail.begin(step, speaker.name()).await;
            if asking.wants_tools()
                && let Some(said) = self
                    .by_choice(&asking, &speaker, heard, (step, diet), &mut view, memory, trail)
                    .await
            {
                return Ok(self.finish(heard, said, language, memory, view, trail).await);
            }
            if let Some(reply) = self.spoken(&asking, &speaker, heard, step, memory, trail).await? {
                return Ok(reply);
            }
        }
        let said = self.related(&read, diet, &mut view, trail).await;
        Ok(self.finish(heard, said, language, memory, view, trail).await)
    }

    /// What a tool says that the model chose; none where it wants to answer, or the tool finds nothing.
    #[allow(clippy::too_many_arguments, reason = "all of one turn")]
    async fn by_choice(
        &self,
        asking: &Asking,
        speaker: &Arc<dyn Speaker>,
        heard: &Heard<'_>,
        (step, diet): (Step, &Diet),
        view: &mut View<'_>,
        memory: &Memory,
        trail: &mut Trail,
    ) -> Option<Said> {
        let mut products = asking.products(view);
        products.truncate(MAX_NAMED);
        let order = number(heard.text);
        let choice =
            choose::choose(asking, &products, order.as_deref(), speaker, heard.deadline).await;
        let Some(Choice::Tool(call)) = choice else { return None };
        if call.order().is_some() {
            trail.end(step, Verdict::Answered, call.name());
            return Some(self.by_orders(call, None, heard, view.language, trail).await);
        }
        let Some(draft) = run(&call, diet, view) else {
            trail.end(step, Verdict::Answered, call.name());
            return Some(self.person("wants_person", heard, memory, view.language, trail).await);
        };
        trail.used(&call, super::found_or_not(&draft)).await;
        if draft.outcome != Outcome::Answered {
            return None;
        }
        trail.end(step, Verdict::Answered, call.name());
        Some(Said::of("open", draft))
    }

    /// What is said where no model can say more: what fits the question's words, if anything does.
    async fn related(
        &self,
        read: &Read,
        diet: &Diet,
        view: &mut View<'_>,
        trail: &mut Trail,
    ) -> Said {
        trail.begin(Step::Search, "related").await;
        let products = fitting(read, diet, view);
        let draft = ask::warned(ask::related(&products, view), view);
        let verdict = if products.is_empty() { Verdict::Refused } else { Verdict::Partly };
        let reason = if products.is_empty() { "nothing_related" } else { "related" };
        trail.end(Step::Search, verdict, reason);
        let draft = Draft { outcome: Outcome::Unknown, ..draft };
        let suggestions = vec![Suggestion::Offers, Suggestion::Person];
        Said { suggestions, ..Said::of("open", draft) }
    }

    /// The reply of a model's text; none where nothing that it said may be told.
    async fn spoken(
        &self,
        asking: &Arc<Asking>,
        speaker: &Arc<dyn Speaker>,
        heard: &Heard<'_>,
        step: Step,
        memory: &mut Memory,
        trail: &mut Trail,
    ) -> Result<Option<Reply>, Failure> {
        let told = match asking.stands_alone() {
            true => self.kept(asking, speaker, heard).await?,
            false => self.streamed(asking, speaker, heard, trail).await?,
        };
        let (answer, prompted, streamed) = match told {
            Ok(told) => told,
            Err(refused) => {
                trail.end(step, Verdict::Refused, refused);
                return Ok(None);
            }
        };
        let kept = if answer.status.how.is_hit() { "kept" } else { "generated" };
        trail.end(step, Verdict::Answered, kept);
        if !streamed {
            for piece in super::pieces(&answer.text) {
                trail.say(piece).await;
            }
        }
        memory.failures = 0;
        memory.open = None;
        memory.note("open", &answer.citations);
        let language = asking.language();
        let clerk = &self.clerk;
        let mut view = View::open(&clerk.facts, &clerk.search, language, UnixSeconds::now());
        let products = crate::skills::concierge::cards::cards(&answer.citations, &mut view);
        let reply = self.told(answer, language, products, Vec::new(), None, trail);
        Ok(Some(Reply { prompt: Some(prompted), ..reply }))
    }
}

/// The products that a question is about, or that fit some of its words or its meaning, of those that
/// the shopper may have.
fn fitting(read: &Read, diet: &Diet, view: &mut View<'_>) -> Vec<Seen<Product>> {
    if !read.meant.is_empty() {
        return ask::retrieved(read, view);
    }
    let names = read.names();
    let query = ask::query_of(&names);
    if query.is_empty() {
        return Vec::new();
    }
    let mut hits = view.find_with(&query, MAX_LOOKED_AT, diet.filters());
    hits.retain(|hit| {
        let alike = hit.cosine.is_some_and(|cosine| cosine >= ALIKE);
        (alike || ask::share(&names, &hit.product) >= NEAR_PERCENT) && diet.allows(&hit.product)
    });
    hits.into_iter().take(MAX_RELATED).map(|hit| hit.product).collect()
}

/// The model, where it may be asked: it is there, speaks the language, is trusted with conversations,
/// and was not asked already.
fn able(
    speaker: Option<Arc<dyn Speaker>>,
    read: &Read,
    asked: Option<&str>,
) -> Result<Arc<dyn Speaker>, &'static str> {
    let speaker = speaker.ok_or("no_model")?;
    if !speaker.speaks(read.language.code()) {
        return Err("language");
    }
    if !is_fit(&*speaker, SKILL) {
        return Err("unfit");
    }
    if asked == Some(speaker.name()) {
        return Err("same_model");
    }
    Ok(speaker)
}
