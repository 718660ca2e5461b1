//! Why the line cannot go on.

use crate::protocol::ProtocolError;
use crate::state::StateError;

/// What went wrong on this side. What the other side does wrong is counted and left aside.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// A message of ours that cannot be said.
    #[error("a message of this node cannot be said")]
    Message(#[from] ProtocolError),
    /// Settings that no broker can be reached with.
    #[error("{0}")]
    Settings(String),
}
