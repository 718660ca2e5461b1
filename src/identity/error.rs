//! What can go wrong with a box's identity.

use std::path::{Path, PathBuf};

use crate::protocol::ProtocolError;
use crate::sync::LineError;

/// Why a box does not become a node, or stay one.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file could not be read or written.
    #[error("{act} {path}")]
    File {
        /// `reading` or `writing`.
        act: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What makes a box a node could not be written.
    #[error(transparent)]
    Enrolment(#[from] LineError),
    /// A key or a request could not be made.
    #[error("making {what}: {why}")]
    Request {
        /// What.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// A certificate that cannot be read.
    #[error("certificate: {0}")]
    Certificate(String),
    /// HQ does not say where its broker is.
    #[error("HQ was not told where nodes find its broker; start it with --node-broker")]
    NoBroker,
    /// It does not fit what goes over the line.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

impl IdentityError {
    /// For `map_err` behind work on a file.
    pub fn file(act: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { act, path: path.to_owned(), source }
    }
}
