//! Who answers: facts, cache and models, joined.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{self, Answer, Kept, Provenance, Step};
use super::bind::bind;
use super::checks::Refused;
use super::language::Language;
use super::live::Live;
use super::view::View;
use super::voice::{Meaning, Speaker, Voice};
use super::witness::{self, Inputs, Nobody, NotAsked, Witness, Witnessed};
use super::wording::{self, Say};
use crate::cache::{Cache, Status};
use crate::facts::search::Search;
use crate::facts::{Facts, UnixSeconds};
use crate::privacy::{NoTagger, Tagger};
use crate::shoppers::SubjectId;
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

impl Settings {
    /// What a text of this speaker may not have: the shop's terms and those that came with the model.
    pub(super) fn blocked(&self, speaker: &Arc<dyn Speaker>, language: Language) -> Vec<String> {
        let mut blocked = self.blocked_terms.clone();
        blocked.extend(speaker.blocked(language.code()));
        blocked
    }
}

/// Answers from the shop's facts.
pub struct Clerk {
    pub(super) facts: Facts,
    pub(super) search: Arc<Search>,
    pub(super) cache: Cache,
    pub(super) voice: Arc<dyn Voice>,
    pub(super) meaning: Arc<dyn Meaning>,
    pub(super) settings: Live,
    pub(super) metrics: SkillMetrics,
    pub(super) witness: Arc<dyn Witness>,
    pub(super) tagger: Arc<dyn Tagger>,
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
    pub settings: Live,
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
    /// How old a text made before may be.
    pub max_age: Option<Duration>,
}

impl Wishes {
    /// Nothing of it.
    pub const NONE: Self = Self { read: false, write: false, max_age: None };
}

impl Default for Wishes {
    fn default() -> Self {
        Self { read: true, write: true, max_age: None }
    }
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

impl Clerk {
    /// Joins these parts.
    pub fn new(parts: ClerkParts) -> Self {
        let ClerkParts { facts, search, cache, voice, meaning, settings, metrics } = parts;
        let (witness, tagger) = (Arc::new(Nobody), Arc::new(NoTagger));
        Self { facts, search, cache, voice, meaning, settings, metrics, witness, tagger }
    }

    /// The same, with somebody who tells names and places.
    #[must_use]
    pub fn tagged_by(self, tagger: Arc<dyn Tagger>) -> Self {
        Self { tagger, ..self }
    }

    /// The same, with somebody who keeps records of what models say.
    #[must_use]
    pub fn before(self, witness: Arc<dyn Witness>) -> Self {
        Self { witness, ..self }
    }

    /// For whom something is made; `subject` is whose words a model is asked with.
    pub(super) fn witnessed(&self, subject: Option<SubjectId>) -> Witnessed {
        Witnessed { witness: Arc::clone(&self.witness), subject }
    }

    /// Asks the model of a name and digest once more what it was asked before, past the cache; all that
    /// it says. It may have to be loaded first.
    pub async fn say_again(
        &self,
        model: (&str, &str),
        inputs: Inputs,
        deadline: Instant,
    ) -> Result<String, NotAsked> {
        witness::ask_again(&*self.voice, model, inputs, deadline).await
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
            made: None,
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
        let mut read = kept.read;
        if status.of_pack {
            // Revisions are a shop's own, and it was made in another.
            read.iter_mut().for_each(|(name, at)| *at = self.facts.revision_of(name));
        }
        self.metrics.answered(skill, kept.step.name());
        Some(Answer {
            text,
            facts: answer::facts_read(&self.facts, &read, &record, now),
            freshness: answer::ages(&self.facts, &read, &record, now),
            citations: kept.cited,
            provenance: Provenance {
                step: kept.step,
                intent,
                model: Some((speaker.name().to_owned(), speaker.digest().to_owned())),
                template_digest,
                seed: kept.seed,
                refused,
                made: kept.made,
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

/// Says in an answer of facts alone which model was not asked, and why.
pub(super) fn unspoken(mut answer: Answer, unable: Option<(&Arc<dyn Speaker>, Refused)>) -> Answer {
    if let Some((speaker, why)) = unable {
        let named = (speaker.name().to_owned(), speaker.digest().to_owned());
        answer.provenance.model = Some(named);
        answer.provenance.refused = vec![why.name()];
    }
    answer
}
