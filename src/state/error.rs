//! Why something could not be stored.

use crate::protocol::{ProtocolError, Stream, Unfit};

/// What went wrong with the state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The disk or the file.
    #[error("{act} failed")]
    Storage {
        /// What was being done.
        act: &'static str,
        /// Why not.
        source: Box<redb::Error>,
    },
    /// What is stored cannot be read.
    #[error("what is stored of {what} cannot be read: {why}")]
    Damaged {
        /// Of what.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// A file of another version of this program.
    #[error("the state is of version {found}; this program reads version {known}")]
    Version {
        /// As found.
        found: u64,
        /// As written by this program.
        known: u64,
    },
    /// A stream that must not drop anything has no room; what it would tell must not happen now.
    #[error("the outbox for {stream} is full: {count} messages, {bytes} bytes wait for HQ")]
    Full {
        /// Which stream.
        stream: Stream,
        /// Messages that wait.
        count: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A message that is larger than all its stream may hold.
    #[error("a message of {bytes} bytes is more than the outbox for {stream} holds")]
    TooLarge {
        /// Which stream.
        stream: Stream,
        /// The message's bytes.
        bytes: u64,
    },
    /// More of something than is kept.
    #[error("no more than {most} {what} are kept")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// No randomness for a name.
    #[error("the system has no randomness")]
    Random(#[source] getrandom::Error),
    /// A message that cannot be said.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// A document that must not be recorded.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// Names what was being done when the storage failed.
pub(super) trait During<T> {
    fn during(self, act: &'static str) -> Result<T, StateError>;
}

impl<T, E: Into<redb::Error>> During<T> for Result<T, E> {
    fn during(self, act: &'static str) -> Result<T, StateError> {
        self.map_err(|error| StateError::Storage { act, source: Box::new(error.into()) })
    }
}
