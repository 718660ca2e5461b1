//! What is asked of the cache.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Key, Scope};

/// Which tiers an ask may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Answers made before may be given.
    pub read: bool,
    /// The answer may be kept, and equal asks may join it while it is made.
    pub write: bool,
    /// An answer to another question of the same meaning may be given.
    pub semantic: bool,
    /// Answers older than this are not given.
    pub max_age: Option<Duration>,
}

impl Policy {
    /// Exact hits only.
    pub const EXACT: Self = Self { read: true, write: true, semantic: false, max_age: None };
    /// Exact and semantic hits.
    pub const SEMANTIC: Self = Self { semantic: true, ..Self::EXACT };
    /// Neither given from the cache nor kept in it.
    pub const BYPASS: Self = Self { read: false, write: false, ..Self::EXACT };
}

/// What a question is, for the semantic tier.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Its words, without personal data.
    pub text: Arc<str>,
    /// Such as `hours`; thresholds and switches are per category.
    pub category: Arc<str>,
    /// Everything of the ask's key but the question's words: only questions of one family can have
    /// the same answer.
    pub family: Key,
}

/// How an answer came about, for `why` and for audits. No part of it is personal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// Which door or skill: `chat`, `copy`, `ask`.
    pub route: String,
    /// The package that answered.
    pub model: String,
    /// Its digest, hexadecimal.
    pub model_digest: String,
    /// Digest of the template of its prompt, hexadecimal.
    pub template_digest: String,
    /// What the sampler began with, where it drew.
    pub seed: Option<u64>,
    /// The cheapest step that could answer, where a skill has several.
    pub step: Option<String>,
    /// In which language it is, where that is known.
    pub language: Option<String>,
}

/// How an answer can be made again when nobody waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Who can make it, such as `ask`.
    pub maker: String,
    /// What the [`super::Maker`] needs for it; no personal data.
    pub order: Vec<u8>,
}

/// Bytes of a recipe's order. What needs more is not made again.
const MAX_ORDER_BYTES: usize = 4 << 10;

impl Recipe {
    /// The recipe of an order; none where it is too large to be kept.
    pub fn of(maker: &str, order: &impl Serialize) -> Option<Self> {
        let order = postcard::to_stdvec(order).ok()?;
        let fits = order.len() <= MAX_ORDER_BYTES;
        fits.then(|| Self { maker: maker.to_owned(), order })
    }

    /// The order that [`Self::of`] was given; none where it was one of another kind.
    pub fn order<T: DeserializeOwned>(&self) -> Option<T> {
        postcard::from_bytes(&self.order).ok()
    }
}

/// A question to the cache.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Of everything that changes the answer.
    pub key: Key,
    /// The scope that the key was finished with.
    pub scope: Scope,
    /// Which tiers it may use.
    pub policy: Policy,
    /// Where the semantic tier may answer.
    pub question: Option<Question>,
    /// How the answer comes about.
    pub provenance: Provenance,
    /// How it can be made again; without one it is not.
    pub recipe: Option<Recipe>,
}
