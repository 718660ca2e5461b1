//! How far a stream has come.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::bounded::List;
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::MAX_RUNS;
use crate::protocol::octets::{Digest, Ledger};
use crate::protocol::place::Place;
use crate::protocol::signed::Signed;
use crate::protocol::stream::Stream;
use crate::protocol::time::UnixMillis;
use crate::protocol::watermark::{Run, Watermark};

/// What the receiver has stored of a stream. Only `through` lets the sender forget; `above` spares it
/// sending what is there already.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Whose numbers these are.
    #[n(0)]
    pub ledger: Ledger,
    /// Which stream.
    #[n(1)]
    pub stream: Stream,
    /// All up to this number are stored.
    #[n(2)]
    pub through: u64,
    /// Runs stored beyond it.
    #[n(3)]
    #[serde(default)]
    pub above: List<Run, MAX_RUNS>,
    /// Of the audit log alone: HQ's signature, without which nothing of it may be forgotten.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Signed<AuditStored>>,
}

impl Ack {
    /// What a watermark says.
    pub fn of(ledger: Ledger, stream: Stream, mark: &Watermark) -> Result<Self, ProtocolError> {
        let above = List::new(mark.above().to_vec())?;
        Ok(Self { ledger, stream, through: mark.through(), above, audit: None })
    }
}

/// HQ's word that it stored a node's audit log so far, with the head of the chain as HQ has it: the
/// node can tell that it is its own log, and nobody can later show it another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct AuditStored {
    /// Whose log.
    #[n(0)]
    pub place: Place,
    /// Whose numbers these are.
    #[n(1)]
    pub ledger: Ledger,
    /// All up to this number are stored, or were declared lost.
    #[n(2)]
    pub through: u64,
    /// The number of the last block up to there; 0 where HQ has none.
    #[n(3)]
    pub last: u64,
    /// The chain's head after that block; zeros where there is none.
    #[n(4)]
    pub head: Digest,
    /// HQ's clock.
    #[n(5)]
    pub at: UnixMillis,
}

/// These numbers never come: their messages were dropped for room or age. Its own number is `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The first that is missing.
    #[n(0)]
    pub first: u64,
    /// The last that is missing.
    #[n(1)]
    pub last: u64,
}
