//! What neither rules nor facts answer: a model that is fit for it, the usual one first.
//!
//! A model may use a tool; what the tool finds is said by sentences of ours. Where it answers itself,
//! it is told facts and its text is checked. An answer that stands on nothing of the conversation
//! goes through the cache; any other is told sentence by sentence as each passes the checks.

mod asking;
mod choose;
mod examples;
mod hearing;
mod ideas;
mod prompt;
mod speak;

use std::sync::Arc;

use super::{Heard, Reply, SKILL, Said};
use crate::cache::Failure;
use crate::facts::{Product, Seen, UnixSeconds};
use crate::skills::answer::Answer;
use crate::skills::ask::{self, Draft, Outcome, Read};
use crate::skills::concierge::Concierge;
use crate::skills::concierge::diet::Diet;
use crate::skills::concierge::memory::Memory;
use crate::skills::concierge::summary::wishes;
use crate::skills::concierge::tools::Call;
use crate::skills::concierge::tools::chosen::number;
use crate::skills::concierge::tools::run::run;
use crate::skills::concierge::tools::schema::{Choice, Menu};
use crate::skills::concierge::trail::Trail;
use crate::skills::concierge::turn::{Step, Verdict};
use crate::skills::concierge::wording::{self, Line, Suggestion, suggest};
use crate::skills::fitness::{Trust, trust};
use crate::skills::language::Language;
use crate::skills::slots::inert;
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

/// What is wanted of a model.
struct Wanted {
    /// SKUs and names of the products that it is about.
    products: Vec<(String, String)>,
    /// Whether it is known to be the shop's business.
    on_topic: bool,
    /// Whether products for something are wanted.
    idea: bool,
    /// What holds for products that are offered.
    diet: Diet,
    /// What the shopper told of themselves, in words.
    wishes: String,
}

impl Wanted {
    fn menu(&self, says: bool, order: Option<String>) -> Menu {
        Menu {
            products: if self.idea { Vec::new() } else { self.products.clone() },
            order,
            says,
            only_ideas: self.idea || !says,
            off_topic: says && !self.on_topic,
        }
    }
}

/// What a model made of a message.
enum Made {
    /// A reply that has been told.
    Reply(Box<Reply>),
    /// Something that is to be told.
    Said(Box<Said>),
    Nothing,
}

/// That nothing but the shop is talked about.
pub(super) fn only_shop(language: Language) -> Said {
    let said = Said::lines("off_topic", vec![wording::say(language, Line::OnlyShop)]);
    Said { suggestions: vec![Suggestion::Offers, Suggestion::Hours], ..said }
}

impl Concierge {
    /// The answer of a model, or what facts have beside the question. `diet` is what holds in the
    /// conversation; where `idea` is true products for something are wanted, whatever they are.
    pub(super) async fn by_model(
        &self,
        heard: &Heard<'_>,
        read: Read,
        (diet, idea): (&Diet, bool),
        memory: &mut Memory,
        mut view: View<'_>,
        trail: &mut Trail,
    ) -> Result<Reply, Failure> {
        let asking = Arc::new(self.asking(heard, &read, diet, memory, &mut view));
        let products = asking.products(&mut view);
        let wanted = Wanted {
            on_topic: idea || !products.is_empty(),
            products,
            idea,
            diet: diet.and_asked(&read.words),
            wishes: wishes(memory, read.language),
        };
        let (mut asked, language) = (None, read.language);
        for (step, name) in
            [(Step::Model, None), (Step::LargerModel, self.house().larger_model.clone())]
        {
            if step == Step::LargerModel && name.is_none() {
                trail.end(step, Verdict::Skipped, "none_set");
                continue;
            }
            let speaker = self.clerk.voice.speaker(name.as_deref(), heard.deadline).await;
            let speaker = match able(speaker, &read, asked.as_deref(), idea) {
                Ok(speaker) => speaker,
                Err(why) => {
                    trail.end(step, Verdict::Skipped, why);
                    continue;
                }
            };
            asked = Some(speaker.name().to_owned());
            trail.begin(step, speaker.name()).await;
            let with = (step, &speaker);
            match self.by_choice(&asking, with, &wanted, heard, &mut view, memory, trail).await? {
                Made::Reply(reply) => return Ok(*reply),
                Made::Said(said) => {
                    return Ok(self.finish(heard, *said, language, memory, view, trail).await);
                }
                Made::Nothing => {}
            }
        }
        let said = self.related(&read, diet, &mut view, trail).await;
        Ok(self.finish(heard, said, language, memory, view, trail).await)
    }

    /// What comes of the model's choice.
    #[allow(clippy::too_many_arguments, reason = "all of one turn")]
    async fn by_choice(
        &self,
        asking: &Arc<Asking>,
        (step, speaker): (Step, &Arc<dyn Speaker>),
        wanted: &Wanted,
        heard: &Heard<'_>,
        view: &mut View<'_>,
        memory: &mut Memory,
        trail: &mut Trail,
    ) -> Result<Made, Failure> {
        let menu = wanted.menu(trust(&**speaker, SKILL) == Trust::Speaking, number(heard.text));
        let chosen = self.chosen(asking, &menu, &wanted.wishes, speaker, heard).await?;
        let Some(chosen) = chosen else {
            trail.end(step, Verdict::Failed, "no_choice");
            return Ok(Made::Nothing);
        };
        match &chosen.choice {
            Choice::Answer => {
                let spoken = self.spoken(asking, speaker, heard, step, memory, trail).await?;
                Ok(spoken.map_or(Made::Nothing, |reply| Made::Reply(Box::new(reply))))
            }
            Choice::OffTopic => {
                trail.end(step, Verdict::Refused, "off_topic");
                Ok(Made::Said(Box::new(only_shop(view.language))))
            }
            Choice::Tool(call) => {
                let said = self.by_tool_of_model(call, step, wanted, heard, view, memory, trail);
                Ok(said.await.map_or(Made::Nothing, |said| Made::Said(Box::new(said))))
            }
            Choice::Find(idea) => {
                let found = self.idea(asking, idea, &chosen, speaker, &wanted.diet);
                let call = Call::SuggestProducts { find: idea.find.clone() };
                let outcome = if found.is_some() { "found" } else { "nothing_found" };
                trail.used(&call, outcome).await;
                let Some(answer) = found else {
                    trail.end(step, Verdict::Passed, outcome);
                    return Ok(Made::Nothing);
                };
                let kept = chosen.answer.status.how.is_hit();
                trail.end(step, Verdict::Answered, if kept { "kept" } else { "generated" });
                let made = (answer, chosen.prompted, false);
                let reply = self.told_by_model(made, ("ideas", asking), memory, trail).await;
                Ok(Made::Reply(Box::new(reply)))
            }
        }
    }

    /// What a tool says that the model chose; none where it finds nothing.
    #[allow(clippy::too_many_arguments, reason = "all of one turn")]
    async fn by_tool_of_model(
        &self,
        call: &Call,
        step: Step,
        wanted: &Wanted,
        heard: &Heard<'_>,
        view: &mut View<'_>,
        memory: &Memory,
        trail: &mut Trail,
    ) -> Option<Said> {
        if call.order().is_some() {
            trail.end(step, Verdict::Answered, call.name());
            return Some(self.by_orders(call.clone(), None, heard, view.language, trail).await);
        }
        let Some(draft) = run(call, &wanted.diet, view) else {
            trail.end(step, Verdict::Answered, call.name());
            return Some(self.person("wants_person", heard, memory, view.language, trail).await);
        };
        trail.used(call, super::found_or_not(&draft)).await;
        if draft.outcome != Outcome::Answered {
            trail.end(step, Verdict::Passed, call.name());
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
        let mut draft = ask::related(&products, view);
        if let ([product], false) = (products.as_slice(), read.meant.is_empty()) {
            draft.sentences.truncate(1);
            draft.sentences.extend(described(product, view.language));
        }
        let draft = ask::warned(draft, view);
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
        let made = (answer, prompted, streamed);
        Ok(Some(self.told_by_model(made, ("open", asking), memory, trail).await))
    }

    /// Tells what a model made, and notes it.
    async fn told_by_model(
        &self,
        (answer, prompted, streamed): (Answer, Prompted, bool),
        (intent, asking): (&str, &Asking),
        memory: &mut Memory,
        trail: &mut Trail,
    ) -> Reply {
        if !streamed {
            for piece in super::pieces(&answer.text) {
                trail.say(piece).await;
            }
        }
        memory.failures = 0;
        memory.open = None;
        memory.note(intent, &answer.citations);
        let language = asking.language();
        let clerk = &self.clerk;
        let mut view = View::open(&clerk.facts, &clerk.search, language, UnixSeconds::now());
        let products = crate::skills::concierge::cards::cards(&answer.citations, &mut view);
        let next = [Suggestion::Where, Suggestion::Allergens, Suggestion::Other];
        let next = next.map(|one| suggest(language, one).to_owned()).to_vec();
        let reply = self.told(answer, language, products, next, None, trail);
        Reply { prompt: Some(prompted), ..reply }
    }
}

/// What the shop itself says of a product, where it does in this language.
fn described(product: &Seen<Product>, language: Language) -> Option<String> {
    let text = inert(language.own_text(&product.descriptions)?);
    Some(wording::say(language, Line::Known { text: &text }))
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
    idea: bool,
) -> Result<Arc<dyn Speaker>, &'static str> {
    let speaker = speaker.ok_or("no_model")?;
    if !speaker.speaks(read.language.code()) {
        return Err("language");
    }
    // One that cannot be trusted with a sentence knows what goes together.
    let least = if idea { Trust::Choosing } else { Trust::Speaking };
    if trust(&*speaker, SKILL) < least {
        return Err("unfit");
    }
    if asked == Some(speaker.name()) {
        return Err("same_model");
    }
    Ok(speaker)
}
