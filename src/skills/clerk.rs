//! Who answers: facts, cache and models, joined.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{FutureExt, StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::answer::{self, Answer, Kept, Provenance, Step};
use super::bind::bind;
use super::checks::Refused;
use super::language::Language;
use super::making::{self, Order, Progress};
use super::view::View;
use super::voice::{Meaning, Speaker, Voice};
use super::wording::{self, Say};
use crate::cache::{self, Ask, Cache, Event, Generate, Generating, Status};
use crate::engine::{Chunk, EngineError, FinishReason};
use crate::facts::search::Search;
use crate::facts::{Facts, Record, UnixSeconds};
use crate::telemetry::SkillMetrics;

/// What a shop decides about its skills.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The model that speaks where a request names none; without one the first that can.
    pub model: Option<String>,
    /// The language of questions that do not tell theirs.
    pub language: Language,
    /// Terms that no generated text may have.
    pub blocked_terms: Vec<String>,
}

/// Answers from the shop's facts.
pub struct Clerk {
    pub(super) facts: Facts,
    pub(super) search: Arc<Search>,
    pub(super) cache: Cache,
    pub(super) voice: Arc<dyn Voice>,
    pub(super) meaning: Arc<dyn Meaning>,
    pub(super) settings: Settings,
    pub(super) metrics: SkillMetrics,
}

/// What a [`Clerk`] is made of.
pub struct ClerkParts {
    /// What the shop knows.
    pub facts: Facts,
    /// By which its products are found.
    pub search: Arc<Search>,
    /// Where generated texts are kept.
    pub cache: Cache,
    /// Who speaks.
    pub voice: Arc<dyn Voice>,
    /// Who understands.
    pub meaning: Arc<dyn Meaning>,
    /// What the shop decides.
    pub settings: Settings,
    /// What is counted.
    pub metrics: SkillMetrics,
}

/// What somebody wants of the cache for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// Texts made before may be used.
    pub read: bool,
    /// What is made may be kept.
    pub write: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkillError {
    /// The product is not in the catalogue.
    #[error("there is no product {sku}")]
    NoProduct {
        /// Its SKU.
        sku: String,
    },
    /// Nothing is to be written about a product that is recalled.
    #[error("the product {sku} is recalled")]
    Recalled {
        /// Its SKU.
        sku: String,
    },
    /// There is nothing to write about.
    #[error("the product {sku} is not on offer now")]
    NotOnOffer {
        /// Its SKU.
        sku: String,
    },
}

/// What a generated answer is made of, each time it is made.
pub(super) struct Plan {
    pub(super) order: Order,
    /// SKUs of the products that were handed to the model.
    pub(super) cited: Vec<String>,
    /// What was read.
    pub(super) record: Record,
}

/// A text to be had from the cache or from a model.
pub(super) struct Wanted<P> {
    pub(super) ask: Ask,
    /// What the semantic tier compares.
    pub(super) question: Option<String>,
    pub(super) speaker: Arc<dyn Speaker>,
    pub(super) deadline: Instant,
    pub(super) progress: watch::Sender<Progress>,
    /// Reads facts and says what is to be made.
    pub(super) plan: P,
}

impl Clerk {
    /// Joins these parts.
    pub fn new(parts: ClerkParts) -> Self {
        let ClerkParts { facts, search, cache, voice, meaning, settings, metrics } = parts;
        Self { facts, search, cache, voice, meaning, settings, metrics }
    }

    /// What the shop knows.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Brings the search up to the facts, off the async threads: after many changes it takes a
    /// moment.
    pub(super) async fn catch_up(&self) {
        let search = Arc::clone(&self.search);
        let work = tokio::task::spawn_blocking(move || search.catch_up());
        if let Ok(Err(error)) = work.await {
            tracing::warn!(%error, "the products could not be brought up to the facts");
        }
    }

    /// The text from the cache, or as the model says it, with slots.
    pub(super) async fn text<P>(&self, wanted: Wanted<P>) -> Result<(Kept, Status), cache::Failure>
    where
        P: Fn() -> Plan + Send + Sync + 'static,
    {
        let Wanted { ask, question, speaker, deadline, progress, plan } = wanted;
        let generate: Generate = Arc::new(move || {
            let (speaker, progress) = (Arc::clone(&speaker), progress.clone());
            Ok(generating(plan(), speaker, progress))
        });
        let vector = async {
            let text = question.as_deref()?;
            self.meaning.vector(text, deadline).await
        };
        let answer = self.cache.ask(ask, vector.boxed(), generate).await?;
        let status = answer.status().clone();
        let events = answer.collect().await?;
        let kept = events.iter().find_map(|event| match event {
            Event::Note(text) => serde_json::from_str(text).ok(),
            Event::Chunk { .. } => None,
        });
        let fault = || EngineError::Internal("a kept text cannot be read".to_owned());
        Ok((kept.ok_or_else(fault)?, status))
    }

    /// An answer of facts alone.
    pub(super) fn of_facts(
        &self,
        skill: &'static str,
        intent: &'static str,
        (text, cited): (String, Vec<String>),
        step: Step,
        mut view: View<'_>,
    ) -> Answer {
        let language = view.language;
        // What was composed of facts a moment ago is there.
        let text =
            bind(&text, &mut view).unwrap_or_else(|_| wording::say(language, Say::Unanswered));
        let now = view.now;
        let record = view.reader.finish();
        let provenance = Provenance {
            step,
            intent,
            model: None,
            template_digest: wording::digest(language),
            seed: None,
            refused: Vec::new(),
        };
        self.metrics.answered(skill, step.name());
        Answer {
            text,
            citations: cited,
            facts: answer::facts_read(&self.facts, &[], &record, now),
            provenance,
            disclosure: wording::disclosure(language, false),
            freshness: answer::ages(&self.facts, &[], &record, now),
            status: Status::BYPASS,
        }
    }

    /// An answer that was generated, or kept, bound to the facts of now; none where a slot has
    /// nothing to stand for.
    pub(super) fn bound(
        &self,
        (skill, intent): (&'static str, &'static str),
        kept: Kept,
        (speaker, template_digest): (&Arc<dyn Speaker>, String),
        language: Language,
        status: Status,
    ) -> Option<Answer> {
        let now = UnixSeconds::now();
        let mut view = View::open(&self.facts, &self.search, language, now);
        let text = bind(&kept.text, &mut view).ok()?;
        let record = view.reader.finish();
        let refused = answer::reasons(&kept.refused);
        self.metrics.answered(skill, kept.step.name());
        Some(Answer {
            text,
            facts: answer::facts_read(&self.facts, &kept.read, &record, now),
            freshness: answer::ages(&self.facts, &kept.read, &record, now),
            citations: kept.cited,
            provenance: Provenance {
                step: kept.step,
                intent,
                model: Some((speaker.name().to_owned(), speaker.digest().to_owned())),
                template_digest,
                seed: kept.seed,
                refused,
            },
            disclosure: wording::disclosure(language, kept.step == Step::Model),
            status,
        })
    }

    /// Counts why texts of a fresh answer were refused.
    pub(super) fn count(&self, skill: &'static str, answer: &Answer) {
        if !answer.status.how.is_hit() {
            for reason in &answer.provenance.refused {
                self.metrics.refused(skill, reason);
            }
        }
    }
}

/// Says in an answer of facts alone why no model was asked.
pub(super) fn unspoken(mut answer: Answer, speaker: Option<&Arc<dyn Speaker>>) -> Answer {
    if let Some(speaker) = speaker {
        let named = (speaker.name().to_owned(), speaker.digest().to_owned());
        answer.provenance.model = Some(named);
        answer.provenance.refused = vec![Refused::Language.name()];
    }
    answer
}

/// The steps of a text in the making: what was read, then the text. One that no model could say is
/// good for those who wait, and is not kept.
fn generating(
    plan: Plan,
    speaker: Arc<dyn Speaker>,
    progress: watch::Sender<Progress>,
) -> Generating {
    let Plan { order, cited, record } = plan;
    let read = record.read.clone();
    let work = async move {
        let made = making::make(&order, &speaker, &progress).await;
        let (made, fit) = match made {
            Ok(made) => (made, true),
            Err(error @ (EngineError::Internal(_) | EngineError::UnknownToken { .. })) => {
                return vec![Err(error)];
            }
            Err(error) => {
                tracing::warn!(error = %error, model = speaker.name(), "no model could speak");
                (making::Made::fallback(&order), false)
            }
        };
        let usage = made.usage;
        let kept = Kept {
            text: made.text,
            cited,
            step: made.step,
            seed: made.seed,
            refused: made.refused.iter().map(|reason| reason.name().to_owned()).collect(),
            read,
        };
        let note = serde_json::to_string(&kept).map(|text| cache::Step::Event(Event::Note(text)));
        let note = note.map_err(|error| EngineError::Internal(error.to_string()));
        let unfit = (!fit).then_some(Ok(cache::Step::Unfit));
        // By this the cache knows what its making took.
        let finish = Some((FinishReason::Stop, usage));
        let took = Chunk { text: String::new(), tokens: Vec::new(), finish };
        let took = Ok(cache::Step::Event(Event::Chunk { choice: 0, chunk: took }));
        unfit.into_iter().chain([note, took]).collect::<Vec<_>>()
    };
    let first = stream::iter([Ok(cache::Step::Read(record))]);
    first.chain(stream::once(work).flat_map(stream::iter)).boxed()
}

/// A number that is the same whenever the same is asked: the seed of its first attempt.
pub(super) fn seed(of: &[&str]) -> u64 {
    let mut digest = Sha256::new();
    for part in of {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let bytes = digest.finalize();
    // Clients read JSON's numbers as doubles: 53 bits are exact there.
    u64::from_le_bytes(bytes.first_chunk::<8>().copied().unwrap_or_default()) >> 11
}

/// Digest of a prompt's template, hexadecimal.
pub(super) fn template_digest(source: &str) -> String {
    Sha256::digest(source).iter().map(|byte| format!("{byte:02x}")).collect()
}
