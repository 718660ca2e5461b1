//! Why something of the desk's cannot be done.

use super::shoppers::ShoppersError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is none, or it is over.
    #[error("there is no open handoff of this id")]
    NotFound,
    /// As many as there may be are open.
    #[error("{open} handoffs are open, as many as there may be")]
    Full {
        /// As many.
        open: usize,
    },
    /// Somebody else answers.
    #[error("another associate answers this shopper")]
    Taken,
    /// It has to be claimed first.
    #[error("this handoff is to be claimed before it is answered")]
    Unclaimed,
    /// The shopper left.
    #[error("the shopper's conversation is over")]
    Left,
    /// A text that is none, or too long.
    #[error("{field} has 1 to {most} bytes")]
    Text {
        /// Which field.
        field: &'static str,
        /// How much it may hold.
        most: usize,
    },
    /// There is no such turn of the assistant's.
    #[error("the conversation has no turn of the assistant's with this number")]
    NoTurn,
    /// The conversation.
    #[error(transparent)]
    Shoppers(ShoppersError),
    /// The database.
    #[error("{act} failed")]
    Storage {
        /// What was being done.
        act: &'static str,
        /// Why not.
        #[source]
        source: Box<redb::Error>,
    },
    /// What was kept cannot be read.
    #[error("a row of the desk's cannot be read: {0}")]
    Damaged(String),
    /// No randomness for an id.
    #[error("the system has no randomness: {0}")]
    Random(getrandom::Error),
}

impl From<ShoppersError> for DeskError {
    fn from(error: ShoppersError) -> Self {
        match error {
            ShoppersError::NotFound { .. }
            | ShoppersError::Expired { .. }
            | ShoppersError::Erased => Self::Left,
            other => Self::Shoppers(other),
        }
    }
}

/// Names what was being done when the storage failed.
pub(super) trait During<T> {
    fn during(self, act: &'static str) -> Result<T, DeskError>;
}

impl<T, E: Into<redb::Error>> During<T> for Result<T, E> {
    fn during(self, act: &'static str) -> Result<T, DeskError> {
        self.map_err(|error| DeskError::Storage { act, source: Box::new(error.into()) })
    }
}
