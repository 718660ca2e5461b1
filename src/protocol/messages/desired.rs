//! What HQ wants, as signed pointers.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::bounded::{Blob, Text};
use crate::protocol::label::Label;
use crate::protocol::limits::{MAX_INLINE_BYTES, MAX_TEXT_BYTES};
use crate::protocol::octets::{Digest, MessageId};
use crate::protocol::place::{Place, Target};
use crate::protocol::stream::Document;
use crate::protocol::time::UnixMillis;

/// Where a document's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contents {
    /// Here.
    #[n(0)]
    Inline(#[n(0)] Blob<MAX_INLINE_BYTES>),
    /// Below HQ's artefact store, by this path.
    #[n(1)]
    Path(#[n(0)] Text<MAX_TEXT_BYTES>),
}

/// One version of a desired document. Versions of a document ascend over all its targets, so the
/// newest counts, whether it came for the node or for one of its groups.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// For whom.
    #[n(0)]
    pub target: Target,
    /// Which document.
    #[n(1)]
    pub document: Document,
    /// Its version; never used twice.
    #[n(2)]
    pub version: u64,
    /// SHA-256 of the document's bytes.
    #[n(3)]
    pub digest: Digest,
    /// How many bytes it has.
    #[n(4)]
    pub size_bytes: u64,
    /// Where they are.
    #[n(5)]
    pub contents: Contents,
    /// When it was signed.
    #[n(6)]
    pub issued: UnixMillis,
    /// From when on it must not be installed; what runs goes on.
    #[n(7)]
    pub expires: Option<UnixMillis>,
}

/// The newest epoch of a catalogue of facts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct FactsHead {
    /// Whose facts.
    #[n(0)]
    pub tenant: Label,
    /// Which of them.
    #[n(1)]
    pub catalogue: Label,
    /// The epoch; ascends.
    #[n(2)]
    pub epoch: u64,
    /// Hash over all facts of that epoch.
    #[n(3)]
    pub root: Digest,
    /// The folder below HQ's artefact store with the deltas up to it.
    #[n(4)]
    pub path: Text<MAX_TEXT_BYTES>,
    /// When it was signed.
    #[n(5)]
    pub issued: UnixMillis,
    /// From when on it must not be taken.
    #[n(6)]
    pub expires: Option<UnixMillis>,
}

/// HQ's clock, in answer to a question: no earlier answer can stand in for it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct HqTime {
    /// Who asked.
    #[n(0)]
    pub target: Place,
    /// The id of the question.
    #[n(1)]
    pub answers: MessageId,
    /// When it was answered.
    #[n(2)]
    pub at: UnixMillis,
}
