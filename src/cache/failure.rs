//! Why an answer was not given.

use crate::engine::EngineError;

/// Why an answer was not given, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The engine said no.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What the answer tells of was recalled while it was made.
    #[error("{what} was recalled while the answer was made")]
    Recalled {
        /// The recall.
        what: String,
    },
    /// What the answer rests on changed again and again while it was made.
    #[error("{what} changed while the answer was made")]
    Overtaken {
        /// A fact's name, or what else there is to say.
        what: String,
    },
    /// The answer is larger than an answer may be.
    #[error("the answer has more than {limit_bytes} bytes")]
    TooLarge {
        /// The limit of one answer.
        limit_bytes: usize,
    },
}
