//! Why the facts do not follow.

use crate::facts::{FactsError, PublishError};
use crate::protocol::ProtocolError;
use crate::protocol::documents::StreamError;
use crate::reconcile::fetch::FetchError;

/// Why an epoch is not held.
#[derive(Debug, thiserror::Error)]
pub enum FactsFailure {
    /// What the time is, is not known.
    #[error("the time is not known")]
    Clock,
    /// Its time is over.
    #[error("the head expired")]
    Expired,
    /// The box has a newer one.
    #[error("epoch {given} is older than epoch {held}, which is held")]
    Older {
        /// As the head says.
        given: u64,
        /// As the facts say.
        held: u64,
    },
    /// One epoch with two roots.
    #[error("epoch {epoch} has another root than the one that is held")]
    Contradiction {
        /// Which.
        epoch: u64,
    },
    /// The index is of another epoch or root than the head.
    #[error("the index of the facts is not the one of the head")]
    Index,
    /// Neither the changes nor everything add up to the root.
    #[error("the facts of epoch {epoch} do not add up to its root")]
    Root {
        /// Which.
        epoch: u64,
    },
    /// A table or a fact that this program does not know.
    #[error("{0}")]
    Fact(String),
    /// A file was not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An index or a path that is none.
    #[error(transparent)]
    Document(#[from] ProtocolError),
    /// Changes that are none.
    #[error(transparent)]
    Changes(#[from] StreamError),
    /// The facts' room refused them.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The facts' disk.
    #[error(transparent)]
    Facts(#[from] FactsError),
}

impl FactsFailure {
    /// For programs, as it is reported.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Expired => "expired",
            Self::Older { .. } | Self::Publish(PublishError::Older { .. }) => "older",
            Self::Contradiction { .. } => "contradiction",
            Self::Index => "index",
            Self::Root { .. } | Self::Publish(PublishError::Root { .. }) => "root",
            Self::Fact(_) | Self::Publish(_) => "fact",
            Self::Fetch(error) => error.code(),
            Self::Document(_) => "document",
            Self::Changes(_) => "changes",
            Self::Facts(_) => "disk",
        }
    }

    /// Whether everything instead of the changes may help.
    pub(super) fn whole_may_help(&self) -> bool {
        match self {
            Self::Publish(PublishError::Root { .. } | PublishError::OtherEpoch { .. })
            | Self::Changes(_)
            | Self::Fact(_)
            | Self::Fetch(FetchError::Wrong | FetchError::Refused { .. }) => true,
            Self::Publish(PublishError::Refused(refused)) => {
                // A disk that fails with changes fails with everything.
                !matches!(refused.error, FactsError::Disk { .. } | FactsError::Broken { .. })
            }
            _ => false,
        }
    }

    /// Whether another attempt may succeed without anything new from HQ.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Clock | Self::Facts(_) => true,
            Self::Fetch(error) => error.may_pass(),
            _ => false,
        }
    }
}
