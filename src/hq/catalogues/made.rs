//! Which artefacts an epoch is made of, so that those of epochs that are over leave the disk.

use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::rows::{int, parsed};
use crate::hq::service::Hq;
use crate::protocol::{Digest, Label, UnixMillis};

/// How long artefacts of an epoch that is over stay: stores may be fetching them, and a database that
/// is put back from a copy names them again.
const KEPT_MS: u64 = 7 * 24 * 3600 * 1000;
/// Artefacts that leave in one round.
const MAX_REMOVED: i64 = 256;

/// What is over: a later epoch is there, and has been for long.
const OVER: &str = "at_ms < $1 AND epoch < (SELECT c.epoch FROM catalogues c
     WHERE c.tenant = made.tenant AND c.name = made.catalogue)";

/// Notes what an epoch is made of.
pub(super) async fn note(
    change: &mut Transaction,
    (tenant, catalogue, epoch): (&Label, &Label, u64),
    files: &[Digest],
    now: UnixMillis,
) -> Result<(), HqError> {
    let insert = "INSERT INTO made (tenant, catalogue, epoch, digest, at_ms)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    for digest in files {
        sqlx::query(insert)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .bind(int(epoch))
            .bind(digest.to_string())
            .bind(int(now.0))
            .execute(&mut **change)
            .await
            .map_err(HqError::database("noting what an epoch is made of"))?;
    }
    Ok(())
}

impl Hq {
    /// Removes artefacts that only epochs are made of that are over; whether there are more.
    pub(in crate::hq) async fn tidy_epochs(&self, now: UnixMillis) -> Result<bool, HqError> {
        // While an epoch is being made it may come to the same files.
        let _publishing = self.publishing.lock().await;
        let before = int(now.0.saturating_sub(KEPT_MS));
        let select = format!("SELECT DISTINCT digest FROM made WHERE {OVER} LIMIT $2");
        let over: Vec<(String,)> = sqlx::query_as(&select)
            .bind(before)
            .bind(MAX_REMOVED)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("looking for epochs that are over"))?;
        for (text,) in &over {
            if !self.is_needed(text, before).await? {
                self.artefacts.remove(parsed::<Digest>("an artefact's digest", text)?).await?;
            }
            // The file first: what is still noted is removed with the next round.
            let forget = format!("DELETE FROM made WHERE digest = $2 AND {OVER}");
            let mut change = self.database.begin().await?;
            sqlx::query(&forget)
                .bind(before)
                .bind(text)
                .execute(&mut *change)
                .await
                .map_err(HqError::database("forgetting an epoch"))?;
            commit(change).await?;
        }
        Ok(over.len() as i64 >= MAX_REMOVED)
    }

    /// Whether an epoch that is not over is made of it, too.
    async fn is_needed(&self, digest: &str, before: i64) -> Result<bool, HqError> {
        let select = format!("SELECT count(*) FROM made WHERE digest = $2 AND NOT ({OVER})");
        let (count,): (i64,) = sqlx::query_as(&select)
            .bind(before)
            .bind(digest)
            .fetch_one(self.database.reader())
            .await
            .map_err(HqError::database("looking for epochs that are over"))?;
        Ok(count > 0)
    }
}
