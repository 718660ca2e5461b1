//! Why the pack of answers does not follow.

use crate::cache::PackError;
use crate::protocol::ProtocolError;
use crate::protocol::documents::StreamError;
use crate::reconcile::fetch::FetchError;

/// Why a pack is not there.
#[derive(Debug, thiserror::Error)]
pub enum PackFailure {
    /// What the time is, is not known.
    #[error("the time is not known")]
    Clock,
    /// Its time is over.
    #[error("the pack expired before it came")]
    Expired,
    /// The pointer names another file than its digest says.
    #[error("the pointer's path is not that of its digest")]
    Contradiction,
    /// Its answers are more than a pack may have.
    #[error("the pack has {bytes} bytes of answers, at most {most}")]
    TooLarge {
        /// As the index says.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// A file was not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An index or a path that is none.
    #[error(transparent)]
    Document(#[from] ProtocolError),
    /// Entries that are none.
    #[error(transparent)]
    Entries(#[from] StreamError),
    /// The cache did not take it.
    #[error(transparent)]
    Cache(#[from] PackError),
}

impl PackFailure {
    /// For programs, as it is reported.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Expired => "expired",
            Self::Contradiction => "contradiction",
            Self::TooLarge { .. } => "too_large",
            Self::Fetch(error) => error.code(),
            Self::Document(_) => "document",
            Self::Entries(_) | Self::Cache(PackError::Entries(_)) => "entries",
            Self::Cache(PackError::NoDisk) => "no_disk",
            Self::Cache(PackError::Lacking { .. }) => "lacking",
            Self::Cache(PackError::Disk(_)) => "disk",
        }
    }

    /// Whether all entries instead of a delta may help.
    pub(super) fn whole_may_help(&self) -> bool {
        match self {
            Self::Entries(_)
            | Self::Cache(PackError::Entries(_) | PackError::Lacking { .. })
            | Self::Fetch(FetchError::Wrong | FetchError::Refused { .. }) => true,
            Self::Clock
            | Self::Expired
            | Self::Contradiction
            | Self::TooLarge { .. }
            | Self::Fetch(_)
            | Self::Document(_)
            | Self::Cache(_) => false,
        }
    }

    /// Whether another attempt may succeed without anything new from HQ.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Clock | Self::Cache(PackError::Disk(_)) => true,
            Self::Fetch(error) => error.may_pass(),
            Self::Expired
            | Self::Contradiction
            | Self::TooLarge { .. }
            | Self::Document(_)
            | Self::Entries(_)
            | Self::Cache(_) => false,
        }
    }
}
