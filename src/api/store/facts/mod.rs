//! The shop's facts over HTTP: `/store/v1/facts`.
//!
//! Writes are for feeds and administrators, reads for clients, too. Every write may carry an
//! `Idempotency-Key`: sent again with the same request it has no second effect and is answered as
//! it was; with another request it is refused. Whatever waits for the disk does so off the async
//! threads.

pub(in crate::api) mod batch;
pub(in crate::api) mod changes;
mod key;
mod lines;
pub(in crate::api) mod one;
mod refusal;
pub(in crate::api) mod table;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::{Fact, FactId, Held, Revision, Source, Table, UnixSeconds};

/// A fact as it is held.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct FactEntry {
    table: Table,
    id: String,
    /// Of its last change.
    revision: Revision,
    /// When it last changed.
    written: UnixSeconds,
    /// The stamp of its feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[schemars(with = "AnyFact")]
    fact: Fact,
}

impl From<Held> for FactEntry {
    fn from(held: Held) -> Self {
        let FactId { table, id } = held.id;
        Self {
            table,
            id: id.into(),
            revision: held.revision,
            written: held.written,
            source: held.source,
            fact: held.fact,
        }
    }
}

/// The value of a fact; its table says which form it has.
#[derive(JsonSchema)]
#[schemars(rename = "Fact", untagged)]
#[allow(dead_code, reason = "it describes what Fact writes")]
pub(in crate::api) enum AnyFact {
    Product(crate::facts::Product),
    Price(crate::facts::Price),
    Promotion(crate::facts::Promotion),
    Stock(crate::facts::Stock),
    Hours(crate::facts::Hours),
    Recall(crate::facts::Recall),
}
