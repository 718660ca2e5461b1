//! The question of a node that has just come back, and the answer.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{Ack, FactsHead, HqTime, Pointer};
use crate::protocol::bounded::List;
use crate::protocol::limits::MAX_LISTED;
use crate::protocol::octets::Ledger;
use crate::protocol::signed::Signed;
use crate::protocol::stream::{Document, Stream};

/// A version that a node has recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(deny_unknown_fields)]
pub struct Have {
    /// Of which document.
    #[n(0)]
    pub document: Document,
    /// Which version.
    #[n(1)]
    pub version: u64,
}

/// What a node holds of a stream that it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    /// Which stream.
    #[n(0)]
    pub stream: Stream,
    /// The first number that it still has.
    #[n(1)]
    pub first: u64,
    /// The number that comes next.
    #[n(2)]
    pub next: u64,
}

/// Asks for all that may have been missed; the envelope's id is the question's name.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The ledger of the streams.
    #[n(0)]
    pub ledger: Ledger,
    /// What is recorded here.
    #[n(1)]
    pub have: List<Have, MAX_LISTED>,
    /// What waits here.
    #[n(2)]
    pub sending: List<Sending, MAX_LISTED>,
}

/// Everything a node must know to go on; the envelope's correlation names the question.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// HQ's clock.
    #[n(0)]
    pub time: Signed<HqTime>,
    /// Documents that are newer than those the node has.
    #[n(1)]
    pub desired: List<Signed<Pointer>, MAX_LISTED>,
    /// Heads of the node's catalogues of facts.
    #[n(2)]
    pub facts: List<Signed<FactsHead>, MAX_LISTED>,
    /// How far HQ is with each stream of the ledger.
    #[n(3)]
    pub acks: List<Ack, MAX_LISTED>,
}
