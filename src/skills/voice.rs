//! Who speaks and who understands: the models behind the skills, as the skills see them.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::chat::{Message, TemplateError};
use crate::engine::{Chunk, EngineError, Form, Sampling, Scope};

/// What a model is to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Utterance {
    /// What it is told.
    pub messages: Vec<Message>,
    /// The form that its answer must have.
    pub form: Option<Form>,
    /// How its tokens are chosen.
    pub sampling: Sampling,
    /// Tokens of its answer at most.
    pub max_tokens: usize,
    /// With whom the beginning of its prompt is shared.
    pub scope: Scope,
    /// It is done by then, or it fails.
    pub deadline: Instant,
}

/// What a model says, piece by piece; dropping it stops the work.
pub type Speech = BoxStream<'static, Result<Chunk, EngineError>>;

/// Why a model says nothing.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    /// Its template makes no prompt of these messages.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It could not be asked.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A model that is in memory and stays there as long as this is held.
pub trait Speaker: Send + Sync {
    /// By which requests call it.
    fn name(&self) -> &str;
    /// Of everything that changes what it says, hexadecimal.
    fn digest(&self) -> &str;
    /// Whether it was made for a language, as `en`; it is where nobody stated any.
    fn speaks(&self, language: &str) -> bool;
    /// Skills that its card calls it fit for, as `ask`; none where nobody stated any.
    fn skills(&self) -> &[String];
    /// Weights that each token of a prompt is multiplied with.
    fn weights(&self) -> u64;
    /// Terms that its texts may not have in a language, whatever the shop says.
    fn blocked(&self, language: &str) -> Vec<String> {
        let _ = language;
        Vec::new()
    }
    /// A text of it was refused by a check.
    fn was_refused(&self) {}
    /// Begins to speak.
    fn say(&self, utterance: Utterance) -> BoxFuture<'_, Result<Speech, Silence>>;
}

/// Where speakers come from.
pub trait Voice: Send + Sync {
    /// The model of this name, or the one that speaks where none is named; none where it cannot be
    /// had. It may have to be loaded first.
    fn speaker<'a>(
        &'a self,
        model: Option<&'a str>,
        deadline: Instant,
    ) -> BoxFuture<'a, Option<Arc<dyn Speaker>>>;

    /// The same where it is in memory; loads nothing.
    fn at_hand(&self, model: Option<&str>) -> Option<Arc<dyn Speaker>>;
}

/// What a text means, as a vector of length 1.
pub trait Meaning: Send + Sync {
    /// The vector; none where no encoder is there, or it takes too long.
    fn vector<'a>(&'a self, text: &'a str, deadline: Instant) -> BoxFuture<'a, Option<Arc<[f32]>>>;

    /// Who makes the vectors, by name and version; none where nobody does.
    fn encoder(&self) -> Option<String>;

    /// Whether nothing has to be loaded for that; so it is where there is no encoder at all.
    fn is_at_hand(&self) -> bool;
}
