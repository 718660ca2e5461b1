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
            Self::Publish(PublishError::Refused(refused)) if is_the_disks(&refused.error) => "disk",
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
            Self::Publish(PublishError::Refused(refused)) => is_the_disks(&refused.error),
            _ => false,
        }
    }
}

/// Whether it is the disk that failed, which may have room later, and not the facts.
fn is_the_disks(error: &FactsError) -> bool {
    matches!(error, FactsError::Disk { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_found_no_room_on_the_disk_is_tried_again() {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
        let full = FactsError::Disk { act: "writing", path: "facts.redb".into(), source };
        let failure = FactsFailure::from(PublishError::from(full));
        assert!(failure.may_pass() && !failure.whole_may_help());
        assert_eq!(failure.code(), "disk");
        let other = FactsFailure::from(PublishError::Root { epoch: 2, found: [0; 32] });
        assert!(!other.may_pass(), "facts that do not add up are not fetched again and again");
    }
}
