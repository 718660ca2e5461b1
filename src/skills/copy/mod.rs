//! `copy`: texts about a product for shelves, screens and leaflets, written from its facts.

mod prompt;
mod template;

use std::sync::Arc;
use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::answer::{Answer, Step};
use super::checks::{Ground, Refused, Wording};
use super::clerk::{Clerk, SkillError, Wishes, unspoken};
use super::language::Language;
use super::making::{self, Order, Progress};
use super::view::View;
use super::voice::Speaker;
use super::wanted::{Plan, Terms, Wanted, at_night, seed};
use super::{ask, bind};
use crate::cache::{self, Again, Scope};
use crate::engine::Sampling;
use crate::facts::search::Search;
use crate::facts::{Facts, Product, Seen, Table, UnixSeconds};

/// The skill's name in settings, keys and metrics.
pub(super) const SKILL: &str = "copy";

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What a product is.
    Description,
    /// A line or two for the shelf, with the price.
    ShelfTalker,
    /// What is on offer, with price and dates.
    Promotion,
}

impl Kind {
    /// As requests and provenance have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::ShelfTalker => "shelf_talker",
            Self::Promotion => "promotion",
        }
    }
}

/// How it sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Says what is.
    #[default]
    Neutral,
    /// As to a neighbour.
    Friendly,
    /// With a smile.
    Playful,
    /// For something special.
    Premium,
}

impl Tone {
    fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Friendly => "friendly",
            Self::Playful => "playful",
            Self::Premium => "premium",
        }
    }
}

/// How long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// One sentence.
    #[default]
    Short,
    /// Two or three.
    Medium,
    /// A paragraph.
    Long,
}

impl Length {
    /// Sentences as a prompt says it, characters and tokens at most.
    fn limits(self) -> (&'static str, usize, usize) {
        match self {
            Self::Short => ("one short sentence", 180, 60),
            Self::Medium => ("two or three short sentences", 400, 120),
            Self::Long => ("four or five sentences", 800, 240),
        }
    }
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyOrder {
    /// Of which product.
    pub sku: String,
    /// What.
    pub kind: Kind,
    /// In which language.
    pub language: Language,
    /// How it sounds.
    pub tone: Tone,
    /// How long it is.
    pub length: Length,
    /// For whom; personal data in it is taken out.
    pub audience: Option<String>,
    /// Who may be given it.
    pub scope: Scope,
    /// The model to be asked.
    pub model: Option<String>,
    /// What is wanted of the cache.
    #[serde(skip)]
    pub wishes: Wishes,
    /// It is there by then.
    #[serde(skip, default = "at_night")]
    pub deadline: Instant,
}

/// Why a text was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// There is nothing to write.
    #[error(transparent)]
    Skill(#[from] SkillError),
    /// It could not be made.
    #[error(transparent)]
    Failed(#[from] cache::Failure),
}

impl Clerk {
    /// Writes a text about a product. `progress` tells how far the model is.
    pub async fn copy(
        &self,
        mut order: CopyOrder,
        progress: watch::Sender<Progress>,
    ) -> Result<Answer, CopyError> {
        order.audience = order.audience.as_deref().map(crate::privacy::redact);
        let now = UnixSeconds::now();
        let mut view = View::open(&self.facts, &self.search, order.language, now);
        subject(&order, &mut view)?;
        let speaker = self.voice.speaker(order.model.as_deref(), order.deadline).await;
        let (kind, order) = (order.kind.name(), Arc::new(order));
        let speaks = |speaker: &&Arc<dyn Speaker>| speaker.speaks(order.language.code());
        let told = match speaker.as_ref().filter(speaks) {
            Some(speaker) => {
                let written = || self.written(&order, speaker, progress.clone());
                self.told((SKILL, kind), order.language, written).await
            }
            None => Ok(None),
        };
        // Nothing is written about what is gone or recalled meanwhile.
        let now = UnixSeconds::now();
        let mut view = View::open(&self.facts, &self.search, order.language, now);
        let product = subject(&order, &mut view)?;
        if let Some(answer) = told? {
            return Ok(answer);
        }
        let text = template::text(&order, &product, &view, Slots::of(&order, &view, now));
        let cited = vec![order.sku.clone()];
        let answer = self.of_facts(SKILL, kind, (text, cited), Step::Fallback, view);
        let unable = speaker.as_ref().filter(|speaker| !speaks(speaker));
        Ok(unspoken(answer, unable.map(|speaker| (speaker, Refused::Language))))
    }

    /// What can be made now of an order that nobody gives.
    pub(super) fn copy_again(&self, order: CopyOrder) -> Again {
        let Some(speaker) = self.voice.at_hand(order.model.as_deref()) else { return Again::Later };
        let now = UnixSeconds::now();
        let mut view = View::open(&self.facts, &self.search, order.language, now);
        if subject(&order, &mut view).is_err() || !speaker.speaks(order.language.code()) {
            return Again::Never;
        }
        self.written(&Arc::new(order), &speaker, watch::Sender::default()).again()
    }

    fn written(
        &self,
        order: &Arc<CopyOrder>,
        speaker: &Arc<dyn Speaker>,
        progress: watch::Sender<Progress>,
    ) -> Wanted<impl Fn() -> Plan + Send + Sync + 'static> {
        let settings = self.settings.now();
        let terms = Terms {
            skill: SKILL,
            template: prompt::INSTRUCTION,
            speaker,
            language: order.language,
            blocked: &settings.blocked_terms,
            scope: order.scope,
            wishes: order.wishes,
        };
        let view = View::open(&self.facts, &self.search, order.language, UnixSeconds::now());
        let slots = Slots::of(order, &view, view.now);
        let key = self
            .family(&terms)
            .field("sku", &order.sku)
            .field("kind", order.kind.name())
            .field("tone", order.tone.name())
            .field("length", order.length.limits().0)
            .field("audience", order.audience.as_deref().unwrap_or_default())
            .list("slots", slots.written(&order.sku).iter())
            .finish(order.scope);
        let tone = order.tone.name();
        let of = [terms.template, order.language.code(), &order.sku, order.kind.name(), tone];
        let seed = seed(&of);
        let ask = self.asking(&terms, key, seed, order.as_ref());
        let blocked = settings.blocked(speaker, order.language);
        let (facts, search) = (self.facts.clone(), Arc::clone(&self.search));
        let (deadline, order) = (order.deadline, Arc::clone(order));
        let plan = move || plan(&facts, &search, &order, &blocked, seed);
        let (speaker, witnessed) = (Arc::clone(speaker), self.witnessed(None));
        Wanted { ask, speaker, deadline, progress, witnessed, plan }
    }
}

/// The product, where there is something to be written about it.
fn subject(order: &CopyOrder, view: &mut View<'_>) -> Result<Seen<Product>, SkillError> {
    let sku = || order.sku.clone();
    let product =
        view.reader.product(&order.sku).ok_or_else(|| SkillError::NoProduct { sku: sku() })?;
    if !view.reader.recalls_of(&order.sku).is_empty() {
        return Err(SkillError::Recalled { sku: sku() });
    }
    let wants_offer = order.kind == Kind::Promotion;
    let old = view.is_old(Table::Promotions);
    if wants_offer && (old || view.reader.promotions_of(&order.sku).is_empty()) {
        return Err(SkillError::NotOnOffer { sku: sku() });
    }
    Ok(product)
}

/// The slots that a text may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slots {
    price: bool,
    offer: bool,
}

impl Slots {
    /// What there is now. It is read by a reader of its own: what a price is is no part of a text
    /// that has a slot for it.
    fn of(order: &CopyOrder, view: &View<'_>, now: UnixSeconds) -> Self {
        let price = order.kind != Kind::Description
            && !view.is_old(Table::Prices)
            && view.facts.reader(now).price(&order.sku).is_some();
        Self { price, offer: order.kind == Kind::Promotion }
    }

    fn written(self, sku: &str) -> Vec<String> {
        let price = self.price.then(|| bind::price_slot(sku));
        let offer = self.offer.then(|| bind::offer_slot(sku));
        price.into_iter().chain(offer).collect()
    }
}

/// Reads what the model is told, and says what it is to make of it.
fn plan(facts: &Facts, search: &Search, order: &CopyOrder, blocked: &[String], seed: u64) -> Plan {
    let now = UnixSeconds::now();
    let mut view = View::open(facts, search, order.language, now);
    let slots = Slots::of(order, &view, now);
    let (mut ground, mut known) = (Ground::default(), Vec::new());
    let mut fallback = String::new();
    if let Some(product) = view.reader.product(&order.sku) {
        known = ask::known(&product, order.language);
        known.iter().for_each(|part| ground.text(part));
        ground.name(order.language.text(&product.names));
        ground.product(product.allergens.as_ref());
        fallback = template::text(order, &product, &view, slots);
    }
    let written = slots.written(&order.sku);
    written.iter().for_each(|slot| ground.slot(slot.clone()));
    let (_, max_chars, max_tokens) = order.length.limits();
    let temperature = if order.tone == Tone::Neutral { 0.0 } else { 0.6 };
    let cited = vec![order.sku.clone()];
    let order = Order {
        messages: prompt::messages(order, &known, &written),
        ground,
        wording: Wording {
            max_chars,
            min_words: 4,
            blocked: blocked.to_vec(),
            question: String::new(),
        },
        language: order.language,
        sampling: Sampling { seed, temperature, top_p: 0.9, ..Sampling::default() },
        max_tokens,
        scope: order.scope.of_prompts(),
        deadline: order.deadline,
        before: String::new(),
        fallback,
        kind: making::Kind::Text,
    };
    Plan { order, cited, record: view.reader.finish() }
}
