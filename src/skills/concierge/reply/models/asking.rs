//! What a model is asked, and everything that its answer stands on.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::prompt;
use crate::cache::{Ask, Failure, Key};
use crate::engine::{Form, Sampling, Scope};
use crate::facts::search::Search;
use crate::facts::{Facts, Product, Seen, Table, UnixSeconds};
use crate::shoppers::SubjectId;
use crate::skills::answer::Answer;
use crate::skills::ask::{self, Draft, Read};
use crate::skills::chat::Message;
use crate::skills::checks::Wording;
use crate::skills::clerk::Wishes;
use crate::skills::concierge::Concierge;
use crate::skills::concierge::diet::Diet;
use crate::skills::concierge::memory::Memory;
use crate::skills::concierge::reply::{Heard, SKILL};
use crate::skills::concierge::settings::House;
use crate::skills::concierge::summary::summary;
use crate::skills::language::Language;
use crate::skills::making::{Kind, Order, sampling};
use crate::skills::view::View;
use crate::skills::voice::Speaker;
use crate::skills::wanted::{Plan, Terms, Wanted, seed};

/// Tokens and characters of an answer.
const MAX_TOKENS: usize = 140;
const MAX_CHARS: usize = 600;
/// Products that a model may name in a tool.
const MAX_NAMED: usize = 4;

/// A question to a model, with all that it is told besides facts.
pub(super) struct Asking {
    read: Read,
    house: Arc<House>,
    blocked: Vec<String>,
    /// The end of the conversation, and what was before it in short.
    before: Option<prompt::Before>,
    diet: Diet,
    /// Whose words it has.
    subject: Option<SubjectId>,
    deadline: Instant,
    /// With whom the beginning of its prompt is shared.
    scope: Scope,
}

/// What a model was given, from which it says the same again.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompted {
    /// What it was told.
    pub messages: Vec<Message>,
    /// The form of its answer.
    pub form: Form,
    /// How its tokens were chosen.
    pub sampling: Sampling,
    /// Tokens at most.
    pub max_tokens: usize,
}

/// An answer with its prompt, and whether it has been told already; or why there is none.
pub(super) type Told = Result<(Answer, Prompted, bool), String>;

impl Concierge {
    pub(super) fn asking(
        &self,
        heard: &Heard<'_>,
        read: &Read,
        diet: &Diet,
        memory: &Memory,
        view: &mut View<'_>,
    ) -> Asking {
        let before = (!memory.topics.is_empty() && !read.meant.is_empty()
            || !heard.history.is_empty())
        .then(|| prompt::Before::of(heard.history, &summary(memory, "", view).text));
        let alone = read.meant.is_empty() && diet.is_empty() && !points(read);
        Asking {
            read: read.clone(),
            house: self.house(),
            blocked: self.clerk.settings.now().blocked_terms.clone(),
            before: before.filter(|_| !alone),
            diet: diet.clone(),
            subject: heard.conversation.map(|conversation| conversation.subject),
            deadline: heard.deadline,
            scope: if alone { heard.scope.of_prompts() } else { Scope::Public },
        }
    }

    /// What is wanted of a model in a conversation: nobody makes it again at night, and nobody watches
    /// how far it is.
    pub(super) fn wanted<P>(
        &self,
        terms: &Terms<'_>,
        (key, seed): (Key, u64),
        asking: &Asking,
        plan: P,
    ) -> Wanted<P> {
        let clerk = &self.clerk;
        Wanted {
            ask: Ask { recipe: None, ..clerk.asking(terms, key, seed, &()) },
            speaker: Arc::clone(terms.speaker),
            deadline: asking.deadline,
            progress: watch::Sender::default(),
            witnessed: clerk.witnessed(asking.subject()),
            plan,
        }
    }

    /// The answer from the cache, or made for it.
    pub(super) async fn kept(
        &self,
        asking: &Arc<Asking>,
        speaker: &Arc<dyn Speaker>,
        heard: &Heard<'_>,
    ) -> Result<Told, Failure> {
        let clerk = &self.clerk;
        let blocked = asking.blocked(speaker);
        let template = prompt::template(&asking.house);
        let wanted = || {
            let terms = Terms {
                skill: SKILL,
                template: &template,
                speaker,
                language: asking.language(),
                blocked: &blocked,
                scope: heard.scope,
                wishes: if heard.screened.is_named() { Wishes::NONE } else { Wishes::default() },
            };
            let seed = asking.seed();
            let old = asking.view(&clerk.facts, &clerk.search).is_old(Table::Prices);
            let family = clerk.family(&terms).field("prices", if old { "old" } else { "current" });
            let key = family.field("question", &asking.read.text).finish(heard.scope);
            let (facts, search) = (clerk.facts.clone(), Arc::clone(&clerk.search));
            let (asks, blocked) = (Arc::clone(asking), blocked.clone());
            let plan = move || asks.plan(&facts, &search, &blocked);
            self.wanted(&terms, (key, seed), asking, plan)
        };
        let about = (SKILL, asking.read.intent().name());
        let Some(answer) = clerk.told(about, asking.language(), wanted).await? else {
            return Ok(Err("facts_changed".to_owned()));
        };
        if answer.provenance.step != crate::skills::answer::Step::Model {
            let why = answer.provenance.refused.join(",");
            return Ok(Err(if why.is_empty() { "no_model".to_owned() } else { why }));
        }
        let order = asking.plan(&clerk.facts, &clerk.search, &blocked).order;
        let attempt = answer.provenance.seed.map_or(0, |seed| seed.wrapping_sub(asking.seed()));
        Ok(Ok((answer, prompted(&order, attempt), false)))
    }
}

impl Asking {
    pub(super) fn language(&self) -> Language {
        self.read.language
    }

    /// Whose words it has.
    pub(super) fn subject(&self) -> Option<SubjectId> {
        self.subject
    }

    /// Whether nothing of the conversation has a part in it.
    pub(super) fn stands_alone(&self) -> bool {
        self.before.is_none() && self.diet.is_empty()
    }

    pub(super) fn question(&self) -> &str {
        &self.read.text
    }

    pub(super) fn before(&self) -> Option<&prompt::Before> {
        self.before.as_ref()
    }

    pub(super) fn house(&self) -> &House {
        &self.house
    }

    /// The words that may name products.
    pub(super) fn names(&self) -> Vec<String> {
        self.read.names()
    }

    /// SKUs and names of the products that it is about for certain.
    pub(super) fn products(&self, view: &mut View<'_>) -> Vec<(String, String)> {
        let meant = match self.read.meant.as_slice() {
            [] => ask::named(&self.read.names(), view),
            meant => meant.to_vec(),
        };
        let known = meant.into_iter().take(MAX_NAMED).filter_map(|sku| {
            let product = view.reader.product(&sku)?;
            Some((sku, view.label(&product)))
        });
        known.collect()
    }

    /// What is asked for, as far as it is understood.
    pub(super) fn intent(&self) -> &'static str {
        self.read.intent().name()
    }

    pub(super) fn blocked(&self, speaker: &Arc<dyn Speaker>) -> Vec<String> {
        let mut blocked = self.blocked.clone();
        blocked.extend(speaker.blocked(self.language().code()));
        blocked
    }

    fn seed(&self) -> u64 {
        let template = prompt::template(&self.house);
        seed(&[&template, self.language().code(), &self.read.text])
    }

    pub(super) fn view<'a>(&self, facts: &'a Facts, search: &'a Search) -> View<'a> {
        let mut view = View::open(facts, search, self.language(), UnixSeconds::now());
        view.meanings.clone_from(&self.read.meanings);
        view
    }

    /// Reads what the model is told, and says what it is to make of it.
    pub(super) fn plan(&self, facts: &Facts, search: &Search, blocked: &[String]) -> Plan {
        let mut view = self.view(facts, search);
        let mut products: Vec<Seen<Product>> = ask::retrieved(&self.read, &mut view);
        products.retain(|product| self.diet.is_empty() || self.diet.allows(product));
        let mut warnings = Draft::default();
        products.retain(|product| {
            let recalled = !view.reader.recalls_of(ask::sku(product)).is_empty();
            if recalled {
                warnings.cite(product);
            }
            !recalled
        });
        let warned = ask::warned(warnings, &mut view);
        // That there is a price is no part of the record: what it is is read when a text is bound.
        let now = view.now;
        let priced = |sku: &str| facts.reader(now).price(sku).is_some();
        let (lines, ground) = ask::told_facts(&products, &view, priced);
        let related = ask::related(&products, &view);
        let mut cited = warned.cited;
        cited.extend(products.iter().map(|product| ask::sku(product).to_owned()));
        let order = Order {
            messages: prompt::messages(self, &lines),
            ground,
            wording: Wording {
                max_chars: MAX_CHARS,
                min_words: 3,
                blocked: blocked.to_vec(),
                question: self.read.text.clone(),
            },
            language: self.language(),
            sampling: Sampling { seed: self.seed(), ..Sampling::default() },
            max_tokens: MAX_TOKENS,
            scope: self.scope,
            deadline: self.deadline,
            before: warned.sentences.join(" "),
            fallback: related.sentences.join(" "),
            kind: Kind::Text,
        };
        Plan { order, cited, record: view.reader.finish() }
    }
}

/// What the model is given at an attempt.
pub(super) fn prompted(order: &Order, attempt: u64) -> Prompted {
    Prompted {
        messages: order.messages.clone(),
        form: order.form(),
        sampling: sampling(&order.sampling, attempt),
        max_tokens: order.max_tokens,
    }
}

/// Whether a word of it stands for something that was said before.
fn points(read: &Read) -> bool {
    crate::skills::concierge::phrases::of(read.language).points(&read.words)
}
