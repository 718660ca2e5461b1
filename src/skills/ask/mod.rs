//! `ask`: a question about the shop, answered from its facts.
//!
//! The cheapest step that can answer does. A question's words tell what it asks for; where a rule
//! knows that, the answer is sentences filled from facts. Only what no rule knows goes to a model,
//! with the products that its words find, and through the cache.

mod compose;
mod intent;
mod pattern;
mod phrases;
mod prompt;
mod resolve;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

pub use intent::{Aspect, Intent};
pub(super) use prompt::known;

use super::answer::{Answer, Step};
use super::checks::Wording;
use super::clerk::{Clerk, Plan, Wanted, Wishes, seed, template_digest, unspoken};
use super::language::Language;
use super::making::{Order, Progress};
use super::view::View;
use super::voice::Speaker;
use super::wording::{self, Say};
use super::words::{Word, words};
use crate::cache::{self, Ask, KeyBuilder, Policy, Scope};
use crate::engine::Sampling;
use crate::facts::search::Search;
use crate::facts::{Facts, UnixSeconds};
use compose::{Draft, Question, compose};
use intent::understand;

/// The skill's name in settings, keys and metrics.
const SKILL: &str = "ask";
/// Products that a model is told of.
const MAX_RETRIEVED: usize = 4;
/// Tokens and characters of a generated answer.
const MAX_TOKENS: usize = 120;
const MAX_CHARS: usize = 500;

/// A question as it comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Its words; personal data in it is taken out before anything is done with it.
    pub question: String,
    /// In which language it is, and is to be answered; told from its words where it is left out.
    pub language: Option<Language>,
    /// Who may be given the answer.
    pub scope: Scope,
    /// The model to be asked where no rule answers.
    pub model: Option<String>,
    /// What is wanted of the cache.
    pub wishes: Wishes,
    /// The answer is there by then.
    pub deadline: Instant,
}

/// What a question's words say.
struct Read {
    text: String,
    words: Vec<Word>,
    understood: intent::Understood,
    language: Language,
}

impl Read {
    fn of(asked: &Asked, default: Language) -> Self {
        let text = crate::privacy::redact(asked.question.trim());
        let words = words(&text);
        let told = asked.language.or_else(|| Language::of(&text));
        let understood = understand(&words, told.unwrap_or(default), told.is_some());
        // "Preis Milch" has no function word, and its phrase tells the language.
        let language = asked.language.or(told).unwrap_or(understood.language);
        Self { text, words, understood, language }
    }

    fn question(&self) -> Question<'_> {
        Question { text: &self.text, words: &self.words, understood: &self.understood }
    }
}

impl Clerk {
    /// Answers a question. `progress` tells how far a model is that has to be asked.
    pub async fn ask(
        &self,
        asked: Asked,
        progress: watch::Sender<Progress>,
    ) -> Result<Answer, cache::Failure> {
        let read = Read::of(&asked, self.settings.language);
        self.catch_up().await;
        let now = UnixSeconds::now();
        let mut view = View::open(&self.facts, &self.search, read.language, now);
        let intent = read.understood.intent.name();
        if let Some(draft) = compose(&read.question(), &mut view) {
            return Ok(self.of_facts(SKILL, intent, joined(draft), Step::Template, view));
        }
        let speaker = self.voice.speaker(asked.model.as_deref(), asked.deadline).await;
        let speaks = |speaker: &Arc<dyn Speaker>| speaker.speaks(read.language.code());
        let Some(speaker) = speaker.as_ref().filter(|speaker| speaks(speaker)) else {
            let draft = fallback(&read, &mut view);
            let answer = self.of_facts(SKILL, intent, joined(draft), Step::Fallback, view);
            return Ok(unspoken(answer, speaker.as_ref()));
        };
        let read = Arc::new(read);
        let digest = template_digest(prompt::INSTRUCTION);
        // What is kept may have a slot for what is not there any more; then it is made anew.
        for fresh in [false, true] {
            let wanted = self.wanted(&asked, &read, speaker, progress.clone(), fresh);
            let (kept, status) = self.text(wanted).await?;
            let by = (speaker, digest.clone());
            if let Some(answer) = self.bound((SKILL, intent), kept, by, read.language, status) {
                self.count(SKILL, &answer);
                return Ok(answer);
            }
        }
        let view = View::open(&self.facts, &self.search, read.language, UnixSeconds::now());
        let safe = Draft { sentences: vec![view.say(Say::Unanswered)], cited: Vec::new() };
        Ok(self.of_facts(SKILL, intent, joined(safe), Step::Fallback, view))
    }

    fn wanted(
        &self,
        asked: &Asked,
        read: &Arc<Read>,
        speaker: &Arc<dyn Speaker>,
        progress: watch::Sender<Progress>,
        fresh: bool,
    ) -> Wanted<impl Fn() -> Plan + Send + Sync + 'static> {
        let template = template_digest(prompt::INSTRUCTION);
        let seed = seed(&[&template, read.language.code(), &read.text]);
        let blocked = self.settings.blocked_terms.clone();
        let language = read.language.code();
        let prices_old = self.view(read.language).is_old(crate::facts::Table::Prices);
        let family = KeyBuilder::new(SKILL)
            .field("model", speaker.digest())
            .field("template", &template)
            .field("wording", wording::digest(read.language))
            .field("language", language)
            .field("prices", if prices_old { "old" } else { "current" })
            .list("blocked", blocked.iter());
        let key = family.clone().field("question", &read.text).finish(asked.scope);
        let policy = self.cache.policy(SKILL, speaker.name());
        // What is about something that must not be shared is asked of no vector.
        let category = cache::category(&read.text).filter(|category| category.may_share());
        let ask = Ask {
            key,
            scope: asked.scope,
            policy: Policy {
                read: policy.read && asked.wishes.read && !fresh,
                write: policy.write && asked.wishes.write,
                ..policy
            },
            question: category.map(|category| cache::Question {
                text: read.text.as_str().into(),
                category: category.as_str().into(),
                family: family.finish(asked.scope),
            }),
            provenance: cache::Provenance {
                route: SKILL.to_owned(),
                model: speaker.name().to_owned(),
                model_digest: speaker.digest().to_owned(),
                template_digest: template,
                seed: Some(seed),
                step: Some(Step::Model.name().to_owned()),
            },
            recipe: None,
        };
        let (facts, search) = (self.facts.clone(), Arc::clone(&self.search));
        let (read, deadline) = (Arc::clone(read), asked.deadline);
        let question = category.map(|_| read.text.clone());
        let scope = asked.scope.of_prompts();
        let plan = move || plan(&facts, &search, &read, &blocked, seed, scope, deadline);
        Wanted { ask, question, speaker: Arc::clone(speaker), deadline, progress, plan }
    }

    fn view(&self, language: Language) -> View<'_> {
        View::open(&self.facts, &self.search, language, UnixSeconds::now())
    }
}

/// Reads what a model is told, and says what it is to make of it.
fn plan(
    facts: &Facts,
    search: &Search,
    read: &Read,
    blocked: &[String],
    seed: u64,
    scope: crate::engine::Scope,
    deadline: Instant,
) -> Plan {
    let now = UnixSeconds::now();
    let mut view = View::open(facts, search, read.language, now);
    let names = read.question().names();
    let mut products = match names.is_empty() {
        true => Vec::new(),
        false => view.find(&resolve::query(&names), MAX_RETRIEVED),
    };
    // Nothing is said of what is recalled but that it is.
    let mut warnings = Draft::default();
    products.retain(|product| {
        let sku = compose::sku(product);
        let recalled = !view.reader.recalls_of(sku).is_empty();
        if recalled {
            warnings.cited.push(sku.to_owned());
        }
        !recalled
    });
    let warned = compose::warned(warnings, &mut view);
    // That there is a price is no part of the record: what it is is read when a text is bound.
    let priced = |sku: &str| facts.reader(now).price(sku).is_some();
    let (lines, ground) = prompt::facts(&products, &view, priced);
    let (fallback, _) = joined(related(&products, &view));
    let mut cited = warned.cited;
    cited.extend(products.iter().map(|product| compose::sku(product).to_owned()));
    let order = Order {
        messages: prompt::messages(&read.text, &lines, read.language),
        ground,
        wording: Wording {
            max_chars: MAX_CHARS,
            min_words: 3,
            blocked: blocked.to_vec(),
            question: read.text.clone(),
        },
        language: read.language,
        sampling: Sampling { seed, ..Sampling::default() },
        max_tokens: MAX_TOKENS,
        scope,
        deadline,
        before: warned.sentences.join(" "),
        fallback,
    };
    Plan { order, cited, record: view.reader.finish() }
}

/// What is said where nobody can say more.
fn fallback(read: &Read, view: &mut View<'_>) -> Draft {
    let names = read.question().names();
    let products = match names.is_empty() {
        true => Vec::new(),
        false => view.find(&resolve::query(&names), MAX_RETRIEVED),
    };
    compose::warned(related(&products, view), view)
}

fn related(products: &[crate::facts::Seen<crate::facts::Product>], view: &View<'_>) -> Draft {
    let mut draft = Draft { sentences: vec![view.say(Say::Unanswered)], cited: Vec::new() };
    if !products.is_empty() {
        let list = products.iter().map(|product| view.label(product)).collect();
        let list = super::figures::all(list, view.language);
        draft.sentences.push(view.say(Say::Related { list: &list }));
        draft.cited = products.iter().map(|product| compose::sku(product).to_owned()).collect();
    }
    draft
}

fn joined(draft: Draft) -> (String, Vec<String>) {
    (draft.sentences.join(" "), draft.cited)
}
