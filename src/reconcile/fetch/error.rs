//! Why a file is not here.

use std::path::{Path, PathBuf};

use crate::protocol::{ProtocolError, UnixMillis};

/// Why bytes must wait, and until when, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// The shop does not want it at this hour.
    #[error("outside of the hours for installing")]
    Hours,
    /// The day's bytes over the WAN are used up.
    #[error("the WAN's byte budget of the day is used up")]
    Budget {
        /// When there is more.
        until: UnixMillis,
    },
    /// What the time is, is not known.
    #[error("the time is not known")]
    Clock,
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody is known who has files.
    #[error("no artefact store is known")]
    NoOrigin,
    /// The client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
    /// The artefact store has no such file, or not for us: asking again changes nothing.
    #[error("the artefact store answered {status}")]
    Refused {
        /// As it was answered.
        status: u16,
    },
    /// The artefact store does not let this box in; with another token or certificate it may.
    #[error("the artefact store does not let this box in ({status})")]
    NotLetIn {
        /// As it was answered.
        status: u16,
    },
    /// The store cannot be reached, or breaks off again and again; later it may be otherwise.
    #[error("the artefact store cannot be reached: {why}")]
    Unreachable {
        /// What was last seen.
        why: String,
    },
    /// What comes is again and again something else than it should be.
    #[error("the artefact store sends other bytes than it should")]
    Wrong,
    /// The chunks are right, and the file they make is not: who signed it contradicts itself.
    #[error("the chunks of the file do not make the file that is named")]
    Contradiction,
    /// There is no room for it.
    #[error("{needed_bytes} bytes are needed on the disk, and {free_bytes} are free")]
    NoSpace {
        /// With what must stay free.
        needed_bytes: u64,
        /// As found.
        free_bytes: u64,
    },
    /// It has to wait.
    #[error("{0}")]
    Held(Hold),
    /// It is not wanted any more.
    #[error("the fetch was cancelled")]
    Cancelled,
    /// The disk failed.
    #[error("{act} {path}")]
    Disk {
        /// What was being done.
        act: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// An artefact that is none.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

impl FetchError {
    pub(crate) fn disk(act: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Disk { act, path: path.to_owned(), source }
    }

    /// Whether another attempt may succeed without anything new from HQ.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NotLetIn { .. }
            | Self::NoSpace { .. }
            | Self::Held(_)
            | Self::Disk { .. } => true,
            Self::NoOrigin
            | Self::Client(_)
            | Self::Refused { .. }
            | Self::Wrong
            | Self::Contradiction
            | Self::Cancelled
            | Self::Protocol(_) => false,
        }
    }

    /// For programs, as it is reported.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoOrigin | Self::Client(_) => "setup",
            Self::Refused { .. } => "refused",
            Self::NotLetIn { .. } => "not_let_in",
            Self::Unreachable { .. } => "unreachable",
            Self::Wrong | Self::Contradiction => "wrong",
            Self::NoSpace { .. } => "space",
            Self::Held(_) => "held",
            Self::Cancelled => "cancelled",
            Self::Disk { .. } => "disk",
            Self::Protocol(_) => "document",
        }
    }
}
