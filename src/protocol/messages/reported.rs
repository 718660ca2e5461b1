//! What a node has made of a desired document.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::bounded::Text;
use crate::protocol::label::Name;
use crate::protocol::limits::MAX_TEXT_BYTES;
use crate::protocol::octets::Digest;
use crate::protocol::stream::Document;
use crate::protocol::time::UnixMillis;

/// How far a node is with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Recorded.
    #[n(0)]
    Offered,
    /// Waits for hours, room, budget or a clock.
    #[n(1)]
    Deferred,
    /// Will be fetched.
    #[n(2)]
    Accepted,
    /// On its way.
    #[n(3)]
    Fetching,
    /// Here, and every hash is right.
    #[n(4)]
    Verified,
    /// Beside the live one, ready to run.
    #[n(5)]
    Staged,
    /// Answers beside the live one and is compared.
    #[n(6)]
    Shadow,
    /// Answers, and the old one stands by.
    #[n(7)]
    Trial,
    /// Answers alone and is watched.
    #[n(8)]
    Probation,
    /// Stays.
    #[n(9)]
    Committed,
    /// Gone; the last good one is back.
    #[n(10)]
    Reverted,
    /// Not taken.
    #[n(11)]
    Refused,
}

/// A version that was put into effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// Which.
    #[n(0)]
    pub version: u64,
    /// Of which bytes.
    #[n(1)]
    pub digest: Digest,
}

/// Why a version was not put into effect.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// For programs.
    #[n(0)]
    pub code: Name,
    /// For people.
    #[n(1)]
    pub text: Text<MAX_TEXT_BYTES>,
}

/// A layer over the desired document that somebody in the store laid.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct LocalOverride {
    /// Who.
    #[n(0)]
    pub owner: Text<128>,
    /// Why.
    #[n(1)]
    pub reason: Text<MAX_TEXT_BYTES>,
    /// Until when it holds.
    #[n(2)]
    pub until: UnixMillis,
    /// SHA-256 of what it says.
    #[n(3)]
    pub digest: Digest,
}

/// The reported side of a document, owned by the store.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// Which document.
    #[n(0)]
    pub document: Document,
    /// The newest version that is recorded here.
    #[n(1)]
    pub desired: Option<u64>,
    /// How far that version is.
    #[n(2)]
    pub stage: Stage,
    /// What was last put into effect.
    #[n(3)]
    pub applied: Option<Applied>,
    /// What is found running when looked at, whatever was written.
    #[n(4)]
    pub observed: Option<Digest>,
    /// When it was looked at.
    #[n(5)]
    pub at: UnixMillis,
    /// Why not.
    #[n(6)]
    pub failure: Option<Failure>,
    /// What lies over it.
    #[n(7)]
    pub local: Option<LocalOverride>,
}
