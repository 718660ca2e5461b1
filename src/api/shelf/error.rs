//! Why a model is not to be had.

use std::time::Duration;

use super::AliasFault;
use crate::units::Bytes;

/// Why the shelf does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShelfError {
    /// There is no such package or alias.
    #[error("there is no model `{name}` here")]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// It needs more memory than it can ever get.
    #[error(
        "the model `{name}` needs {} of memory; the budget is {}, of which {} are kept by models that \
         may not leave", Bytes(*.needed_bytes), Bytes(*.budget_bytes), Bytes(*.kept_bytes)
    )]
    TooLarge {
        /// Which model.
        name: String,
        /// Weights, and the least it needs to answer.
        needed_bytes: u64,
        /// For all models.
        budget_bytes: u64,
        /// What pinned models have of it.
        kept_bytes: u64,
    },
    /// The last try to load it failed not long ago.
    #[error("the model `{name}` cannot be loaded: {why}")]
    Failing {
        /// Which model.
        name: String,
        /// For an administrator.
        why: String,
        /// When it is tried again.
        retry_after: Duration,
    },
    /// It is kept in memory on purpose.
    #[error("the model `{name}` is pinned; unpin it first")]
    Pinned {
        /// Which model.
        name: String,
    },
    /// It is just being loaded.
    #[error("the model `{name}` is being loaded")]
    Loading {
        /// Which model.
        name: String,
    },
    /// An alias that cannot be.
    #[error("the alias `{name}`: {fault}")]
    Alias {
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: AliasFault,
    },
    /// The server stops.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// A fault of ours, or of the disk.
    #[error("{0}")]
    Internal(String),
}
