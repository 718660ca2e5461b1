//! Why the line cannot go on.

use std::path::PathBuf;

use crate::protocol::ProtocolError;
use crate::state::StateError;

use super::mqtt::Unsent;

/// What went wrong on this side. What the other side does wrong is counted and left aside.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// A message of ours that cannot be said.
    #[error("a message of this node cannot be said")]
    Message(#[from] ProtocolError),
    /// Not the address of a broker.
    #[error("`{0}` is not the address of a broker, as mqtt://host:port or mqtts://host:port")]
    Address(String),
    /// TLS to a broker of which nobody vouches.
    #[error("{0} speaks TLS, and there is no identity folder to say whom to believe")]
    NoCredentials(String),
    /// A PEM file that cannot be used.
    #[error("reading {what} from {path}: {why}")]
    Credentials {
        /// What it should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The enrolment cannot be read or written.
    #[error("the enrolment in {path}: {why}")]
    Enrolment {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A broker is configured, and nothing says whom to believe.
    #[error(
        "line.broker is set, and {folder} holds no enrolment.json; `endcap enroll` writes one",
        folder = folder.display()
    )]
    NotEnrolled {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// Not a key.
    #[error("`{0}` is not a public ed25519 key")]
    Key(String),
    /// Not a keys document.
    #[error("the keys document: {0}")]
    Keys(String),
    /// Nobody may say what this box runs.
    #[error("the enrolment names no director key, so nothing of HQ could be believed")]
    NoKey,
    /// The connection takes nothing.
    #[error(transparent)]
    Unsent(#[from] Unsent),
    /// The folder of the state cannot be made.
    #[error("making the folder of the line's state")]
    Folder(#[source] std::io::Error),
    /// The embedded broker does not listen.
    #[error("starting the embedded broker")]
    Embedded(#[source] std::io::Error),
    /// Work on the state was given up in the middle.
    #[error("the work on the line's state broke off")]
    BrokenOff,
}

/// An error with its causes, each said once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}
