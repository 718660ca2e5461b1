//! What an answer is made of.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::engine::{Chunk, EngineError, Usage};
use crate::facts::Record;

/// One part of an answer, kept and replayed as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// What the engine said of one choice.
    Chunk {
        /// Which choice of the request, from 0.
        choice: u32,
        /// As the engine gave it.
        chunk: Chunk,
    },
    /// What the maker has to say beside the text, such as citations; in a form of its own.
    Note(String),
    /// Nothing more of a choice is said: what follows may not be. Such an answer is not fit to be kept.
    Withheld {
        /// Which choice of the request, from 0.
        choice: u32,
        /// What it took until then.
        usage: Usage,
    },
}

impl Event {
    /// About what it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let inner = match self {
            Self::Note(text) => text.len(),
            Self::Withheld { .. } => 0,
            Self::Chunk { chunk, .. } => {
                let of = |t: &crate::engine::TokenLogprob| size_of_val(t) + t.bytes.len();
                let token = |t: &crate::engine::TokenReport| {
                    of(&t.chosen) + t.top.iter().map(of).sum::<usize>()
                };
                chunk.text.len() + chunk.tokens.iter().map(token).sum::<usize>()
            }
        };
        size_of::<Self>() + inner
    }
}

/// What a maker gives, one after another.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A part of the answer.
    Event(Event),
    /// All facts that were read so far; comes before the first event that rests on them.
    Read(Record),
    /// The answer is good for those who wait for it and is not to be kept.
    Unfit,
    /// Which step of a skill it comes from, by its name.
    By(&'static str),
    /// The answer is good for this very question; no other of like meaning is given it.
    Particular,
}

/// An answer in the making. It ends after the last step; dropping it stops the work.
pub type Generating = BoxStream<'static, Result<Step, EngineError>>;

/// Begins to make an answer. It is called again where the facts that it read changed before it
/// said anything.
pub type Generate = Arc<dyn Fn() -> Result<Generating, EngineError> + Send + Sync>;
