//! One answer of a pack, as it leaves one box and is read by others.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::bounded::{Blob, List, Text};
use crate::protocol::cbor;
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::{
    MAX_LISTED, MAX_NAME_BYTES, MAX_PACK_ENTRY_BYTES, MAX_PACK_EVENT_BYTES, MAX_PACK_FACTS,
    MAX_PACK_MEANING_BYTES, MAX_RECIPE_BYTES, MAX_TEXT_BYTES,
};
use crate::protocol::octets::Digest;

/// Who may be given an answer of a pack: none is one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PackScope {
    /// Anybody.
    #[n(0)]
    Public,
    /// Whoever has a token of the store.
    #[n(1)]
    Store,
}

/// An answer that was made once and is given wherever the same facts hold.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct PackedAnswer {
    /// Digest of everything that changes it: question, model, template, rules, parameters, scope.
    #[n(0)]
    pub key: Digest,
    /// Who may be given it.
    #[n(1)]
    pub scope: PackScope,
    /// How it came about.
    #[n(2)]
    pub provenance: PackedProvenance,
    /// What it stands on.
    #[n(3)]
    pub stands_on: PackedRecord,
    /// How a store can make it again by itself.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<PackedRecipe>,
    /// What its question means, in the form of the cache's semantic tier.
    #[n(5)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Blob<MAX_PACK_MEANING_BYTES>>,
    /// When it was complete, in milliseconds since 1970.
    #[n(6)]
    pub made_ms: u64,
    /// What it took.
    #[n(7)]
    pub cost: PackedCost,
    /// The answer's events as a JSON array, in the form of the cache.
    #[n(8)]
    pub events: Blob<MAX_PACK_EVENT_BYTES>,
}

/// How an answer came about. No part of it is personal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct PackedProvenance {
    /// Which skill: `copy`, `ask`.
    #[n(0)]
    pub route: Text<MAX_NAME_BYTES>,
    /// The package that answered.
    #[n(1)]
    pub model: Text<MAX_TEXT_BYTES>,
    /// Its digest.
    #[n(2)]
    pub model_digest: Text<MAX_TEXT_BYTES>,
    /// Digest of the template of its prompt.
    #[n(3)]
    pub template_digest: Text<MAX_TEXT_BYTES>,
    /// The step of the skill.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Text<MAX_NAME_BYTES>>,
    /// Its language.
    #[n(5)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Text<MAX_NAME_BYTES>>,
    /// What the sampler began with.
    #[n(6)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// What was read for an answer, by content: it holds in every store where the same is there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct PackedRecord {
    /// Facts and groups of facts, absent ones too, with what they were.
    #[n(0)]
    pub facts: List<PackedFact, MAX_PACK_FACTS>,
    /// When it was read, in seconds since 1970.
    #[n(1)]
    pub read_s: i64,
    /// From when on something of it reads otherwise by itself.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<i64>,
    /// A digest of how the shop's clock runs, where what was read depends on it.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Text<MAX_NAME_BYTES>>,
    /// Tables whose feeds it rests on.
    #[n(4)]
    pub tables: List<Text<MAX_NAME_BYTES>, MAX_LISTED>,
}

/// A fact or a group of facts by its name, and a digest of what it was.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(deny_unknown_fields)]
pub struct PackedFact {
    /// Such as `prices:0041`.
    #[n(0)]
    pub name: Text<MAX_TEXT_BYTES>,
    /// Of what was there.
    #[n(1)]
    pub digest: Digest,
}

/// How an answer can be made again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct PackedRecipe {
    /// Who can.
    #[n(0)]
    pub maker: Text<MAX_NAME_BYTES>,
    /// What that takes, in the maker's form.
    #[n(1)]
    pub order: Blob<MAX_RECIPE_BYTES>,
}

/// What an answer took to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct PackedCost {
    /// Tokens of the prompt.
    #[n(0)]
    pub prompt_tokens: u64,
    /// Tokens that were generated.
    #[n(1)]
    pub completion_tokens: u64,
    /// Milliseconds.
    #[n(2)]
    pub ms: u64,
}

impl PackedAnswer {
    /// Its bytes, by whose digest a pack names it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
        cbor::to_bytes("answer of a pack", MAX_PACK_ENTRY_BYTES as usize, self)
    }

    /// The answer of these bytes; later versions may have added keys.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProtocolError> {
        cbor::from_bytes("answer of a pack", MAX_PACK_ENTRY_BYTES as usize, bytes)
    }
}
