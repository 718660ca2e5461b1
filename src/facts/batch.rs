//! What is written at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fact::Fact;
use super::label::Id;
use super::name::{FactId, Revision, Source, Table};

/// One thing to change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A fact is to be so.
    Put {
        /// By which it is called in its table.
        id: Id,
        /// What it is to be.
        fact: Fact,
        /// What the feed says of this update's age.
        source: Option<Source>,
    },
    /// Parts of a fact are to be so: a JSON Merge Patch (RFC 7396).
    Patch {
        /// Which fact; it must be there.
        id: FactId,
        /// Fields to set, and with `null` to remove.
        patch: serde_json::Value,
        /// What the feed says of this update's age.
        source: Option<Source>,
    },
    /// A fact is to be gone.
    Delete {
        /// Which fact.
        id: FactId,
        /// What the feed says of this update's age.
        source: Option<Source>,
    },
    /// The feed says that a table is as it should be.
    Confirm {
        /// Which table.
        table: Table,
    },
}

impl Change {
    /// The table it is about.
    pub fn table(&self) -> Table {
        match self {
            Self::Put { fact, .. } => fact.table(),
            Self::Patch { id, .. } | Self::Delete { id, .. } => id.table,
            Self::Confirm { table } => *table,
        }
    }
}

/// Changes that are made all or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// In the order in which they are made.
    pub changes: Vec<Change>,
    /// Where the request may come again.
    pub idempotency: Option<Idempotency>,
}

impl Batch {
    /// One change, asked for once.
    pub fn of(change: Change) -> Self {
        Self { changes: vec![change], idempotency: None }
    }
}

/// By which a request that comes again is known, so that it has no second effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Who asks and their key.
    pub key: String,
    /// Digest of the request.
    pub digest: [u8; 32],
}

/// What a change did. Stores may also have them with a capital.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The fact was not there before.
    #[serde(alias = "Created")]
    Created,
    /// The fact has another value now.
    #[serde(alias = "Changed")]
    Changed,
    /// The fact had this value already.
    #[serde(alias = "Unchanged")]
    Unchanged,
    /// The fact is gone now.
    #[serde(alias = "Deleted")]
    Deleted,
    /// The fact to delete was not there.
    #[serde(alias = "Absent")]
    Absent,
    /// The update was late or doubled and was not applied.
    #[serde(alias = "Stale")]
    Stale,
    /// A table was confirmed.
    #[serde(alias = "Confirmed")]
    Confirmed,
}

/// How many changes of a batch did what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "each counts the outcome of its name")]
pub struct Outcomes {
    pub created: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub deleted: u64,
    /// Deletions of what was not there.
    pub absent: u64,
    /// Updates that were late or doubled and were not applied.
    pub stale: u64,
    /// Tables that were confirmed.
    pub confirmed: u64,
}

impl Outcomes {
    pub(super) fn count(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Changed => &mut self.changed,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Deleted => &mut self.deleted,
            Outcome::Absent => &mut self.absent,
            Outcome::Stale => &mut self.stale,
            Outcome::Confirmed => &mut self.confirmed,
        };
        *count += 1;
    }
}

/// What a batch did. It is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The store's revision behind the batch.
    pub revision: Revision,
    /// What the last change did; none in a batch without changes.
    pub last: Option<Outcome>,
    /// What all did.
    pub outcomes: Outcomes,
    /// Whether this was told of an earlier request with the same key.
    pub replayed: bool,
}
