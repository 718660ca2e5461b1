//! Why there is no record.

use crate::shoppers::ShoppersError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// There is none of this id, or it is kept no longer.
    #[error("there is no record of the answer {id}")]
    NotFound {
        /// Which was asked for.
        id: String,
    },
    /// A text that is no id.
    #[error("the id of an answer is 32 digits of 0-9 and a-f")]
    BadId,
    /// The database.
    #[error("{act} failed")]
    Storage {
        /// What was being done.
        act: &'static str,
        /// Why not.
        source: Box<redb::Error>,
    },
    /// What is stored cannot be read.
    #[error("the record {number} cannot be read: {why}")]
    Damaged {
        /// Its number in the chain.
        number: u64,
        /// Why not.
        why: String,
    },
    /// A file of another version of this program.
    #[error("the audit is of version {found}; this program reads version {known}")]
    Version {
        /// As found.
        found: u64,
        /// As written by this program.
        known: u64,
    },
    /// No key to seal with.
    #[error("the keys of subjects failed")]
    Keys(#[from] ShoppersError),
    /// No thread to write with.
    #[error("starting the thread that writes records")]
    Thread(#[source] std::io::Error),
}

/// Names what was being done when the storage failed.
pub(super) trait During<T> {
    fn during(self, act: &'static str) -> Result<T, AuditError>;
}

impl<T, E: Into<redb::Error>> During<T> for Result<T, E> {
    fn during(self, act: &'static str) -> Result<T, AuditError> {
        self.map_err(|error| AuditError::Storage { act, source: Box::new(error.into()) })
    }
}
