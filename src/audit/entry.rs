//! The entries of the chain, as they are written: JSON, which is read as it is by the next version.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::record::AnswerId;

/// A fact, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactRead {
    /// Its name, or a collection's.
    pub name: String,
    /// Of its last change.
    pub revision: u64,
}

/// The device that an answer is shown on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SeenBy {
    /// The id of its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// What one entry tells. Times are seconds since 1970, digests hexadecimal SHA-256.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum Entry {
    /// A model wrote a text.
    Made(Made),
    /// An answer was told.
    Given(Given),
    /// Inputs were erased, as somebody asked for it.
    Erased {
        at: u64,
        /// Of how many records.
        answers: u64,
    },
    /// Records that could not be written before this one.
    Lost { at: u64, records: u64 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) id: AnswerId,
    pub(super) at: u64,
    pub(super) skill: String,
    pub(super) model: String,
    pub(super) model_digest: String,
    pub(super) template_digest: String,
    pub(super) refused: Vec<String>,
    pub(super) facts: Vec<FactRead>,
    /// None where nothing that it said was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<SaidDigests>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SaidDigests {
    /// Of the inputs and of the text, under the salt that is sealed with them.
    pub(super) prompt_digest: String,
    pub(super) text_digest: String,
    /// How it came to its end; older records do not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) end: String,
    pub(super) whole: bool,
    pub(super) sampling: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Given {
    pub(super) id: AnswerId,
    pub(super) at: u64,
    pub(super) skill: String,
    pub(super) intent: String,
    pub(super) step: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) made: Option<AnswerId>,
    pub(super) question_digest: String,
    pub(super) text_digest: String,
    pub(super) facts: Vec<FactRead>,
    pub(super) cache: String,
    pub(super) refused: Vec<String>,
    pub(super) seen_by: SeenBy,
}

impl Entry {
    pub(super) fn at(&self) -> u64 {
        match self {
            Self::Made(made) => made.at,
            Self::Given(given) => given.at,
            Self::Erased { at, .. } | Self::Lost { at, .. } => *at,
        }
    }

    pub(super) fn id(&self) -> Option<AnswerId> {
        match self {
            Self::Made(made) => Some(made.id),
            Self::Given(given) => Some(given.id),
            Self::Erased { .. } | Self::Lost { .. } => None,
        }
    }
}

/// The head of the chain after an entry: SHA-256 of a name, the entry's number, the head before and
/// the entry's bytes.
pub(super) fn head_after(before: [u8; 32], number: u64, entry: &[u8]) -> [u8; 32] {
    let digest = Sha256::new()
        .chain_update(b"endcap.audit.answers.1\0")
        .chain_update(number.to_be_bytes())
        .chain_update(before)
        .chain_update(entry);
    digest.finalize().into()
}

/// The digest of a text under a salt.
pub(super) fn digest(salt: &str, text: &[u8]) -> String {
    let digest = Sha256::new()
        .chain_update((salt.len() as u64).to_be_bytes())
        .chain_update(salt)
        .chain_update(text)
        .finalize();
    hex(&digest)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
