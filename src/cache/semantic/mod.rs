//! Answers to other questions of the same meaning.
//!
//! A hit needs three things, in this order. The **guards** must agree (`agree`): numbers, units,
//! codes, what is negated, the order of what is compared, the concepts asked about, the language
//! and every word that no vocabulary knows. The **cosine** of both questions must reach the
//! threshold of their category, which was fitted on labelled pairs ([`Calibration`]). And the
//! category must be **on**: some hits are made all the same and compared, and a category that is
//! beyond its budget of false hits switches itself off.
//!
//! **Invariants**
//! - Questions about prices, allergens, stock and accounts are never answered by meaning, nor are
//!   those of which no vocabulary has a concept.
//! - Questions take no more than their part of the cache's memory; of more the oldest leave.
//! - Nothing is found across a scope or a family.
//! - Thresholds belong to the encoder they were fitted for; without them there are no hits.
//! - Of a question only digests and its vector are kept.
//! - What was removed is not found again.
//!
//! **Not here**: making vectors, keeping answers, whether an answer's facts still hold.

mod bound;
mod calibration;
mod category;
pub mod evaluation;
mod index;
mod language;
mod meaning;
mod order;
mod quantity;
mod shadow;
mod signature;
#[cfg(test)]
mod tests;
mod tier;
mod vocabulary;
mod watch;
mod words;

use std::sync::Arc;

pub use calibration::Calibration;
pub use category::{Category, category};
pub(super) use tier::{Near, Semantic};

/// A question as an encoder sees it: numbers whose squares add up to 1.
pub type Vector = Arc<[f32]>;
