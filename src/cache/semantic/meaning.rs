//! What is kept of a question.

use serde::{Deserialize, Serialize};

use super::category::Category;
use super::index::Packed;
use super::signature::{Digest, Signature};
use crate::cache::{Key, Scope};

/// Questions that may be answered by each other's answers, as far as the guards do not object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Partition {
    pub(super) scope: Scope,
    pub(super) family: Key,
    pub(super) category: Category,
    /// By whose vectors they are compared: the digest of its name.
    pub(super) encoder: Digest,
}

/// A question without its words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Meaning {
    /// Of what is kept; one of another version is not read.
    version: u8,
    pub(super) family: Key,
    pub(super) encoder: Digest,
    pub(super) signature: Signature,
    vector: Vec<u8>,
}

impl Meaning {
    /// Changes with the guards: a signature of older ones would agree with none of today's.
    const VERSION: u8 = 2;

    pub(super) fn of(family: Key, encoder: Digest, signature: Signature, vector: &Packed) -> Self {
        Self { version: Self::VERSION, family, encoder, signature, vector: vector.bytes() }
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let meaning: Self = postcard::from_bytes(bytes).ok()?;
        (meaning.version == Self::VERSION).then_some(meaning)
    }

    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        postcard::to_allocvec(self).ok()
    }

    pub(super) fn vector(&self) -> Packed {
        Packed::from_bytes(&self.vector)
    }
}
