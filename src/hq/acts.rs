//! What people did at HQ, and who they were.

use schemars::JsonSchema;
use serde::Serialize;

use super::clock::now;
use super::database::{Transaction, commit};
use super::error::HqError;
use super::rows::{int, uint};
use super::service::Hq;
use super::users::Role;
use crate::protocol::Digest;

/// Acts that one page shows at most.
const MAX_PAGE: u32 = 500;

/// Who acts: a user, or the program itself from the command line of HQ's own machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's name.
    pub name: String,
    /// What they may.
    pub role: Role,
}

impl Actor {
    /// Whoever has HQ's own folder.
    #[must_use]
    pub fn local() -> Self {
        Self { name: "local".to_owned(), role: Role::Admin }
    }
}

/// One act as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Act {
    /// Ascends.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who.
    pub who: String,
    /// What: `store.add`, `document.publish` and the like.
    pub act: String,
    /// To what.
    pub target: String,
    /// With what.
    pub details: String,
}

/// Writes an act down, in the same change as what it does.
pub(super) async fn record(
    change: &mut Transaction,
    actor: &Actor,
    act: &'static str,
    target: &str,
    details: &str,
) -> Result<(), HqError> {
    let insert = "INSERT INTO acts (at_ms, who, act, target, details) VALUES ($1, $2, $3, $4, $5)";
    sqlx::query(insert)
        .bind(int(now().0))
        .bind(&actor.name)
        .bind(act)
        .bind(target)
        .bind(details)
        .execute(&mut **change)
        .await
        .map_err(HqError::database("writing an act down"))?;
    Ok(())
}

impl Hq {
    /// Writes down who sent a file.
    pub(super) async fn note_artefact(
        &self,
        actor: &Actor,
        digest: Digest,
        size_bytes: u64,
    ) -> Result<(), HqError> {
        let mut change = self.database.begin().await?;
        let told = format!("{size_bytes} bytes");
        record(&mut change, actor, "artefact.put", &digest.to_string(), &told).await?;
        commit(change).await
    }

    /// Acts before `before`, the newest first; at most 500.
    pub async fn acts(&self, before: Option<u64>, most: u32) -> Result<Vec<Act>, HqError> {
        let select = "SELECT id, at_ms, who, act, target, details FROM acts WHERE id < $1
             ORDER BY id DESC LIMIT $2";
        let rows: Vec<(i64, i64, String, String, String, String)> = sqlx::query_as(select)
            .bind(int(before.unwrap_or(u64::MAX)))
            .bind(i64::from(most.min(MAX_PAGE)))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading acts"))?;
        let act = |(id, at_ms, who, act, target, details)| Act {
            id: uint(id),
            at_ms: uint(at_ms),
            who,
            act,
            target,
            details,
        };
        Ok(rows.into_iter().map(act).collect())
    }
}
