//! Commands and what becomes of them.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::fields::Fields;
use crate::protocol::label::Name;
use crate::protocol::octets::MessageId;
use crate::protocol::place::Place;
use crate::protocol::time::UnixMillis;

/// Something a node is to do once; signed by HQ.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Its id; also the last level of its topic.
    #[n(0)]
    pub id: MessageId,
    /// The node that is to do it.
    #[n(1)]
    pub target: Place,
    /// What to do.
    #[n(2)]
    pub name: Name,
    /// With what.
    #[n(3)]
    #[serde(default)]
    pub arguments: Fields,
    /// When it was given.
    #[n(4)]
    pub issued: UnixMillis,
    /// From when on it must not be begun.
    #[n(5)]
    pub expires: UnixMillis,
}

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is recorded and will be done.
    #[n(0)]
    Accepted,
    /// It is being done.
    #[n(1)]
    Running,
    /// It was done.
    #[n(2)]
    Done,
    /// It was tried and failed.
    #[n(3)]
    Failed,
    /// It came too late.
    #[n(4)]
    Expired,
    /// It is not known here, not allowed, or wrongly signed.
    #[n(5)]
    Refused,
}

/// The state of a command, told by the node; the newest by hybrid time counts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct CommandState {
    /// Which command.
    #[n(0)]
    pub id: MessageId,
    /// Where it stands.
    #[n(1)]
    pub outcome: Outcome,
    /// When it came there.
    #[n(2)]
    pub at: UnixMillis,
    /// What there is to say: a reason, a result.
    #[n(3)]
    #[serde(default)]
    pub details: Fields,
}
