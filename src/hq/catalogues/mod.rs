//! Catalogues of facts: what is pushed, as epochs, and the artefacts that bring stores to them.
//!
//! A push is read and checked as a whole before any of it counts; then its changes are one epoch. For
//! each epoch there is an artefact of all facts and some of what changed since earlier epochs; a
//! signed head names their index. An epoch that a stop interrupted is finished at the next start.

mod changes;
mod head;
mod made;
mod push;
mod spool;

use schemars::JsonSchema;
use serde::Serialize;

use super::error::HqError;
use super::rows::uint;
use super::service::Hq;
use crate::protocol::Label;

pub(in crate::hq) use head::heads_for;
pub use push::{Push, Pushed};

/// A catalogue of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CatalogueRow {
    /// Its name.
    pub name: String,
    /// The epoch that stores are told of; 0 where there is none yet.
    pub epoch: u64,
    /// What the facts of that epoch add up to.
    pub root: Option<String>,
    /// How many facts that are.
    pub facts: u64,
    /// Bytes of the artefact of all facts.
    pub whole_bytes: u64,
    /// Bytes of what changed since the epoch before.
    pub delta_bytes: Option<u64>,
    /// When it was published, in milliseconds since 1970.
    pub at_ms: u64,
}

impl Hq {
    /// All catalogues of a tenant.
    pub async fn catalogues(&self, tenant: &Label) -> Result<Vec<CatalogueRow>, HqError> {
        let select = "SELECT name, epoch, root, facts, whole_bytes, delta_bytes, at_ms
             FROM catalogues WHERE tenant = $1 ORDER BY name";
        type Columns = (String, i64, Option<String>, i64, i64, Option<i64>, i64);
        let rows: Vec<Columns> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading catalogues"))?;
        let row = |(name, epoch, root, facts, whole, delta, at): Columns| CatalogueRow {
            name,
            epoch: uint(epoch),
            root,
            facts: uint(facts),
            whole_bytes: uint(whole),
            delta_bytes: delta.map(uint),
            at_ms: uint(at),
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
