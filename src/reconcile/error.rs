//! Why the world does not follow.

use crate::facts::FactsError;
use crate::protocol::ProtocolError;
use crate::state::StateError;

use super::fetch::FetchError;

/// What went wrong with making the world follow what HQ wants.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The disk or the file of the state, in a table of this room.
    #[error("{act} failed")]
    Storage {
        /// What was being done.
        act: &'static str,
        /// Why not.
        source: Box<redb::Error>,
    },
    /// What is stored cannot be read.
    #[error("{what} cannot be read: {why}")]
    Damaged {
        /// What.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// An override that is none.
    #[error("{field}: {why}")]
    Override {
        /// What of it, as `settings.cache.ask`.
        field: String,
        /// Why not.
        why: String,
    },
    /// No lease can begin.
    #[error("the time is not known, so no lease can begin")]
    ClockUnknown,
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The facts.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// A file was not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Something that cannot be said.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// Names what was being done when the storage failed.
pub(crate) trait During<T> {
    fn during(self, act: &'static str) -> Result<T, ReconcileError>;
}

impl<T, E: Into<redb::Error>> During<T> for Result<T, E> {
    fn during(self, act: &'static str) -> Result<T, ReconcileError> {
        self.map_err(|error| ReconcileError::Storage { act, source: Box::new(error.into()) })
    }
}
