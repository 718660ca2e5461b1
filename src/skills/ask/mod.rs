//! `ask`: a question about the shop, answered from its facts.
//!
//! The cheapest step that can answer does. A question's words tell what it asks for; where a rule
//! knows that, the answer is sentences filled from facts. Only what no rule knows goes to a model,
//! with the products that its words find, and through the cache.

mod compose;
mod intent;
mod phrases;
mod prompt;
mod resolve;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub(super) use compose::{Draft, Outcome, sku, warned};
pub use intent::{Aspect, Intent};
pub(super) use prompt::{facts as told_facts, known};
pub(super) use resolve::{by_sku, query as query_of, same, share};

use super::answer::{Answer, Step};
use super::checks::{Refused, Wording};
use super::clerk::{Clerk, Wishes, unspoken};
use super::fitness::is_fit;
use super::language::Language;
use super::making::{Kind, Order, Progress};
use super::screen::Screened;
use super::view::{Meanings, View};
use super::voice::Speaker;
use super::wanted::{Plan, Terms, Wanted, at_night, seed};
use super::wording::Say;
use super::words::{Word, words};
use crate::cache::{self, Again, Ask, Scope};
use crate::engine::Sampling;
use crate::facts::search::Search;
use crate::facts::{Facts, Product, Seen, UnixSeconds};
use compose::{Question, compose};
use intent::understand;

/// The skill's name in settings, keys and metrics.
pub(super) const SKILL: &str = "ask";
/// Products that a model is told of.
const MAX_RETRIEVED: usize = 4;
/// Texts of one question whose meaning is looked up: two are compared.
const MAX_MEANT: usize = 2;
/// Tokens and characters of a generated answer.
const MAX_TOKENS: usize = 120;
const MAX_CHARS: usize = 500;

/// A question as it comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Its words; personal data that has a pattern or is announced is taken out before anything is done
    /// with it.
    pub question: String,
    /// In which language it is, and is to be answered; told from its words where it is left out.
    pub language: Option<Language>,
    /// Who may be given the answer.
    pub scope: Scope,
    /// The model to be asked where no rule answers.
    pub model: Option<String>,
    /// What is wanted of the cache.
    #[serde(skip)]
    pub wishes: Wishes,
    /// The answer is there by then.
    #[serde(skip, default = "at_night")]
    pub deadline: Instant,
}

/// What a question's words say.
#[derive(Clone)]
pub(super) struct Read {
    /// Without personal data that has a pattern or is announced.
    pub(super) text: String,
    pub(super) words: Vec<Word>,
    understood: intent::Understood,
    pub(super) language: Language,
    /// What those of its words mean that no product has.
    pub(super) meanings: Meanings,
    /// SKUs of the products that a conversation tells are meant.
    pub(super) meant: Vec<String>,
}

impl Read {
    fn of(asked: &Asked, default: Language) -> Self {
        Self::said(&asked.question, asked.language, default)
    }

    /// Of words in a language, or in the one that they tell, or else in `default`.
    pub(super) fn said(text: &str, language: Option<Language>, default: Language) -> Self {
        let text = crate::privacy::redact(text.trim());
        let mut words = words(&text);
        words.retain(|word| !in_placeholder(&text, word));
        let told = language.or_else(|| Language::of(&text));
        let understood = understand(&words, told.unwrap_or(default), told.is_some());
        // "Preis Milch" has no function word, and its phrase tells the language.
        let language = language.or(told).unwrap_or(understood.language);
        let (meanings, meant) = Default::default();
        Self { text, words, understood, language, meanings, meant }
    }

    /// What is asked for.
    pub(super) fn intent(&self) -> Intent {
        self.understood.intent
    }

    /// A conversation tells that these products are meant, and where no word says it, what is asked.
    pub(super) fn mean(&mut self, skus: Vec<String>, intent: Option<Intent>) {
        self.meant = skus;
        if let Some(intent) = intent.filter(|_| self.understood.intent == Intent::Open) {
            self.understood.intent = intent;
        }
    }

    /// The words that may name a product.
    pub(super) fn names(&self) -> Vec<String> {
        self.question().names()
    }

    /// The words that name products, as a search takes them; empty where there are none.
    pub(super) fn query(&self) -> String {
        resolve::query(&self.names())
    }

    fn question(&self) -> Question<'_> {
        let Self { text, words, understood, meant, .. } = self;
        Question { text, words, understood, meant }
    }
}

/// Whether a word stands for personal data that was taken out.
fn in_placeholder(text: &str, word: &Word) -> bool {
    let letter = |c: char| c.is_ascii_uppercase() || c == '_';
    let before = text.get(..word.range.start).unwrap_or_default().trim_end_matches(letter);
    let behind = text.get(word.range.end..).unwrap_or_default().trim_start_matches(letter);
    before.ends_with('<') && behind.starts_with('>')
}

impl Clerk {
    /// Answers a question, of which `screened` may be kept. `progress` tells how far a model is that has
    /// to be asked.
    pub async fn ask(
        &self,
        mut asked: Asked,
        screened: &Screened,
        progress: watch::Sender<Progress>,
    ) -> Result<Answer, cache::Failure> {
        if screened.is_named() {
            asked.wishes = Wishes::NONE;
        }
        let mut read = Read::of(&asked, self.settings.now().language);
        self.catch_up().await;
        if let Some(answer) = self.corrected(screened.text(), read.language).await {
            return Ok(answer);
        }
        let now = UnixSeconds::now();
        let mut view = View::open(&self.facts, &self.search, read.language, now);
        let intent = read.understood.intent.name();
        if let Some(draft) = self.by_rule(&mut read, &mut view, asked.deadline).await {
            return Ok(self.of_facts(SKILL, intent, joined(draft), Step::Template, view));
        }
        let speaker = self.voice.speaker(asked.model.as_deref(), asked.deadline).await;
        let why_not = |speaker: &Arc<dyn Speaker>| self.why_not(speaker, &asked, &read);
        let unable = speaker.as_ref().and_then(why_not);
        let Some(speaker) = speaker.as_ref().filter(|_| unable.is_none()) else {
            let draft = fallback(&read, &mut view);
            let answer = self.of_facts(SKILL, intent, joined(draft), Step::Fallback, view);
            return Ok(unspoken(answer, speaker.as_ref().zip(unable)));
        };
        let read = Arc::new(read);
        let wanted = || self.wanted(&asked, &read, speaker, progress.clone());
        if let Some(answer) = self.told((SKILL, intent), read.language, wanted).await? {
            return Ok(answer);
        }
        let view = View::open(&self.facts, &self.search, read.language, UnixSeconds::now());
        let safe = unanswered(&view);
        Ok(self.of_facts(SKILL, intent, joined(safe), Step::Fallback, view))
    }

    /// What can be made now of a question that nobody asks.
    pub(super) async fn ask_again(&self, asked: Asked) -> Again {
        let speaker = self.voice.at_hand(asked.model.as_deref());
        let Some(speaker) = speaker.filter(|_| self.meaning.is_at_hand()) else {
            return Again::Later;
        };
        let mut read = Read::of(&asked, self.settings.now().language);
        self.catch_up().await;
        // A rule may know by now what none knew then.
        let mut view = self.view(read.language);
        let by_rule = self.by_rule(&mut read, &mut view, asked.deadline).await;
        if by_rule.is_some() || self.why_not(&speaker, &asked, &read).is_some() {
            return Again::Never;
        }
        self.wanted(&asked, &Arc::new(read), &speaker, watch::Sender::default()).again()
    }

    /// The answer of the rules, where one has it: by words, then by what the words mean that no
    /// product has.
    pub(super) async fn by_rule(
        &self,
        read: &mut Read,
        view: &mut View<'_>,
        deadline: Instant,
    ) -> Option<Draft> {
        let draft = compose(&read.question(), view);
        if draft.is_none() {
            view.missed.push(read.query());
        }
        if self.understand(read, view, deadline).await {
            return compose(&read.question(), view);
        }
        draft
    }

    /// Looks up what the missed texts mean, for the question and the view; whether any is known.
    async fn understand(&self, read: &mut Read, view: &mut View<'_>, deadline: Instant) -> bool {
        let mut missed = std::mem::take(&mut view.missed);
        missed.retain(|text| !text.is_empty());
        for text in missed.into_iter().take(MAX_MEANT) {
            if let Some(vector) = self.meaning.vector(&text, deadline).await {
                read.meanings.insert(text, vector);
            }
        }
        view.meanings.clone_from(&read.meanings);
        !read.meanings.is_empty()
    }

    /// Why a model is not asked; none where it is.
    fn why_not(&self, speaker: &Arc<dyn Speaker>, asked: &Asked, read: &Read) -> Option<Refused> {
        let settings = self.settings.now();
        let named = asked.model.as_ref().or(settings.model.as_ref());
        let is_named = named.is_some_and(|name| name == speaker.name());
        match speaker.speaks(read.language.code()) {
            false => Some(Refused::Language),
            true => (!is_named && !is_fit(&**speaker, SKILL)).then_some(Refused::Unfit),
        }
    }

    fn wanted(
        &self,
        asked: &Asked,
        read: &Arc<Read>,
        speaker: &Arc<dyn Speaker>,
        progress: watch::Sender<Progress>,
    ) -> Wanted<impl Fn() -> Plan + Send + Sync + 'static> {
        let settings = self.settings.now();
        let terms = Terms {
            skill: SKILL,
            template: prompt::INSTRUCTION,
            speaker,
            language: read.language,
            blocked: &settings.blocked_terms,
            scope: asked.scope,
            wishes: asked.wishes,
        };
        let seed = seed(&[terms.template, read.language.code(), &read.text]);
        let prices_old = self.view(read.language).is_old(crate::facts::Table::Prices);
        let prices = if prices_old { "old" } else { "current" };
        let family = self.family(&terms).field("prices", prices);
        let key = family.clone().field("question", &read.text).finish(asked.scope);
        // What is about something that must not be shared is asked of no vector.
        let category = cache::category(&read.text)
            .filter(|category| category.may_share() && asked.wishes != Wishes::NONE);
        let order = Asked { question: read.text.clone(), ..asked.clone() };
        let ask = Ask {
            question: category.map(|category| cache::Question {
                text: read.text.as_str().into(),
                category: category.as_str().into(),
                family: family.finish(asked.scope),
            }),
            ..self.asking(&terms, key, seed, &order)
        };
        let (facts, search) = (self.facts.clone(), Arc::clone(&self.search));
        let (read, deadline) = (Arc::clone(read), asked.deadline);
        let blocked = settings.blocked(speaker, read.language);
        let scope = asked.scope.of_prompts();
        let plan = move || plan(&facts, &search, &read, &blocked, seed, scope, deadline);
        let (speaker, witnessed) = (Arc::clone(speaker), self.witnessed(None));
        Wanted { ask, speaker, deadline, progress, witnessed, plan }
    }

    fn view(&self, language: Language) -> View<'_> {
        View::open(&self.facts, &self.search, language, UnixSeconds::now())
    }
}

/// What facts say of these products, as an answer to this; none where nothing is known to say.
pub(super) fn tell(intent: Intent, skus: &[String], view: &mut View<'_>) -> Option<Draft> {
    let (language, asking) = (view.language, Vec::new());
    let understood = intent::Understood { intent, language, asking };
    compose(&Question { text: "", words: &[], understood: &understood, meant: skus }, view)
}

/// SKUs of the products that these words name, the best first; none where it is not certain.
pub(super) fn named(names: &[String], view: &mut View<'_>) -> Vec<String> {
    let products = match resolve::resolve(names, view) {
        resolve::Resolved::One(product) => vec![product],
        resolve::Resolved::Several(products, _) => products,
        _ => Vec::new(),
    };
    products.iter().map(|product| sku(product).to_owned()).collect()
}

/// Whether a word is what some product is, as `chicken`, and not which one of its kind, as `hot`.
pub(super) fn is_kind(name: &str, view: &mut View<'_>) -> bool {
    let names = [name.to_owned()];
    let skus = named(&names, view);
    let mut products: Vec<_> = skus.iter().filter_map(|sku| view.reader.product(sku)).collect();
    // A slip is forgiven who names a product, and not seen in every word: "likes" are no limes.
    let is_it = |word: &Word| {
        let alike = word.folded.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
        alike + 1 >= name.chars().count().min(word.folded.chars().count()).max(3)
    };
    products.retain(|product| product.names.values().any(|own| words(own).iter().any(is_it)));
    resolve::say_what(&names, &products)
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
    view.meanings.clone_from(&read.meanings);
    let mut products = retrieved(read, &mut view);
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
    let warned = warned(warnings, &mut view);
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
        kind: Kind::Text,
    };
    Plan { order, cited, record: view.reader.finish() }
}

/// What is said where nobody can say more.
fn fallback(read: &Read, view: &mut View<'_>) -> Draft {
    let products = retrieved(read, view);
    warned(related(&products, view), view)
}

/// The products that a question may be about.
pub(super) fn retrieved(read: &Read, view: &mut View<'_>) -> Vec<Seen<Product>> {
    if let Some(resolve::Resolved::One(product)) = read.question().meant(view) {
        return vec![product];
    }
    if let Some(resolve::Resolved::Several(mut products, _)) = read.question().meant(view) {
        products.truncate(MAX_RETRIEVED);
        return products;
    }
    let query = read.query();
    if query.is_empty() {
        return Vec::new();
    }
    view.find(&query, MAX_RETRIEVED).into_iter().map(|hit| hit.product).collect()
}

pub(super) fn related(products: &[Seen<Product>], view: &View<'_>) -> Draft {
    let mut draft = unanswered(view);
    if !products.is_empty() {
        let list = products.iter().map(|product| view.label(product)).collect();
        let list = super::figures::all(list, view.language);
        draft.sentences.push(view.say(Say::Related { list: &list }));
        draft.cited = products.iter().map(|product| compose::sku(product).to_owned()).collect();
    }
    draft
}

fn unanswered(view: &View<'_>) -> Draft {
    Draft { sentences: vec![view.say(Say::Unanswered)], ..Draft::default() }
}

fn joined(draft: Draft) -> (String, Vec<String>) {
    (draft.sentences.join(" "), draft.cited)
}
