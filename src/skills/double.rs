//! Models for tests of what is done with models.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{BoxFuture, ready};
use futures_util::stream::once;
use futures_util::{FutureExt as _, StreamExt as _};

use super::voice::{Meaning, Silence, Speaker, Speech, Utterance, Voice};
use crate::engine::{Chunk, EngineError, FinishReason, Usage};

/// What a double says when it is asked.
type Says = Box<dyn Fn(Utterance) -> Result<String, Silence> + Send + Sync>;

/// What a double does when it has said its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It has come to its end.
    Stops,
    /// It has as many tokens as it may.
    IsCut,
    /// Its time is over.
    Fails,
    /// It goes on, some time.
    Waits,
}

/// A model that says what a test has it say, each text at once.
pub(super) struct Double {
    pub(super) digest: &'static str,
    /// The language that it was not made for.
    pub(super) lacks: Option<&'static str>,
    pub(super) skills: Vec<String>,
    pub(super) weights: u64,
    pub(super) after: After,
    pub(super) says: Says,
}

impl Double {
    /// One that is large enough for everything.
    pub(super) fn saying(
        says: impl Fn(Utterance) -> Result<String, Silence> + Send + Sync + 'static,
    ) -> Self {
        let says = Box::new(says);
        let (skills, weights, after) = (Vec::new(), u64::MAX, After::Stops);
        Self { digest: "00", lacks: None, skills, weights, after, says }
    }

    /// One that says nothing.
    pub(super) fn mute() -> Self {
        Self::saying(|_| Err(EngineError::ShuttingDown.into()))
    }
}

impl Speaker for Double {
    fn name(&self) -> &str {
        "double"
    }

    fn digest(&self) -> &str {
        self.digest
    }

    fn speaks(&self, language: &str) -> bool {
        self.lacks != Some(language)
    }

    fn skills(&self) -> &[String] {
        &self.skills
    }

    fn weights(&self) -> u64 {
        self.weights
    }

    fn say(&self, utterance: Utterance) -> BoxFuture<'_, Result<Speech, Silence>> {
        let said = (self.says)(utterance).map(|text| {
            let usage = Usage { prompt_tokens: 1, completion_tokens: 1, cached_tokens: 0 };
            let finish = match self.after {
                After::Stops => Some((FinishReason::Stop, usage)),
                After::IsCut => Some((FinishReason::Length, usage)),
                After::Fails | After::Waits => None,
            };
            let said = futures_util::stream::iter([Ok(Chunk { text, tokens: Vec::new(), finish })]);
            match self.after {
                After::Stops | After::IsCut => said.boxed(),
                After::Fails => said.chain(once(ready(Err(EngineError::Deadline)))).boxed(),
                After::Waits => said.chain(futures_util::stream::pending()).boxed(),
            }
        });
        ready(said).boxed()
    }
}

/// The models that there are, by name; the first is the usual one.
pub(super) type Models = Vec<(&'static str, Arc<Double>)>;

/// Who speaks where there are these models.
pub(super) struct Mouths(pub(super) Models);

impl Voice for Mouths {
    fn speaker<'a>(
        &'a self,
        model: Option<&'a str>,
        _: Instant,
    ) -> BoxFuture<'a, Option<Arc<dyn Speaker>>> {
        ready(self.at_hand(model)).boxed()
    }

    fn at_hand(&self, model: Option<&str>) -> Option<Arc<dyn Speaker>> {
        let found = self.0.iter().find(|(name, _)| model.is_none_or(|model| model == *name));
        found.map(|(_, double)| Arc::<Double>::clone(double) as Arc<dyn Speaker>)
    }
}

/// No encoder.
pub(super) struct Unlearned;

impl Meaning for Unlearned {
    fn vector<'a>(&'a self, _: &'a str, _: Instant) -> BoxFuture<'a, Option<Arc<[f32]>>> {
        ready(None).boxed()
    }

    fn is_at_hand(&self) -> bool {
        true
    }
}
