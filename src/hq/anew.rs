//! What is wanted anew, under a number that no box has, as boxes have another thing under the old one.

use super::acts::{self, Actor};
use super::database::Transaction;
use super::documents::newest_for;
use super::error::HqError;
use super::floors::{MAX_BELIEVED, last_version};
use super::ingest::Batch;
use super::rows::{int, uint};
use crate::protocol::{Ask, Document, Label, Place, Pointer};

impl Batch<'_> {
    /// Wants anew, under numbers that no box has, what was wanted since HQ started under a number that
    /// boxes may have for something else.
    pub(super) async fn renumber(
        &mut self,
        tenant: &Label,
        document: Document,
        seen: u64,
    ) -> Result<(), HqError> {
        let select = "SELECT version, target FROM desired WHERE tenant = $1 AND document = $2
             AND version <= $3 AND issued_ms >= $4 AND version = (
               SELECT max(version) FROM desired same WHERE same.tenant = desired.tenant
                 AND same.document = desired.document AND same.target = desired.target)
             ORDER BY version";
        let rows: Vec<(i64, String)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(document.as_str())
            .bind(int(seen))
            .bind(int(self.hq.started.0))
            .fetch_all(&mut *self.change)
            .await
            .map_err(HqError::database("wanting a document anew"))?;
        for (version, target) in rows {
            self.want_anew(tenant, document, uint(version), &target).await?;
        }
        Ok(())
    }

    /// What is wanted of a box that asks. What was wanted of it before HQ started, and what the box has
    /// under a later number that HQ knows nothing of, it would never take: that is wanted anew, once.
    pub(super) async fn wanted(
        &mut self,
        place: &Place,
        ask: &Ask,
    ) -> Result<Vec<Pointer>, HqError> {
        let wanted = newest_for(&mut self.change, place, self.now).await?;
        let is_stuck = |pointer: &&Pointer| {
            let have = ask.have.iter().find(|have| have.document == pointer.document);
            let later = |version| pointer.version < version && version <= MAX_BELIEVED;
            have.is_some_and(|have| later(have.version))
                && pointer.issued < self.hq.started
                // Deployments set boxes back by themselves.
                && pointer.document != Document::Bundle
        };
        let stuck: Vec<&Pointer> = wanted.iter().filter(is_stuck).collect();
        if stuck.is_empty() {
            return Ok(wanted);
        }
        for pointer in stuck {
            let target = target_of(&mut self.change, place, pointer).await?;
            self.want_anew(&place.tenant, pointer.document, pointer.version, &target).await?;
        }
        newest_for(&mut self.change, place, self.now).await
    }

    /// Gives a version the next number, with everything else as it was.
    async fn want_anew(
        &mut self,
        tenant: &Label,
        document: Document,
        version: u64,
        target: &str,
    ) -> Result<(), HqError> {
        let next = last_version(&mut self.change, tenant, document).await? + 1;
        self.lasts.remove(&(tenant.clone(), document));
        let insert = "INSERT INTO desired (tenant, document, version, target, digest, size_bytes,
               path, inline, issued_ms, expires_ms, author)
             SELECT tenant, document, $4, target, digest, size_bytes, path, inline, $5,
               expires_ms, author
             FROM desired WHERE tenant = $1 AND document = $2 AND version = $3";
        sqlx::query(insert)
            .bind(tenant.as_str())
            .bind(document.as_str())
            .bind(int(version))
            .bind(int(next))
            .bind(int(self.now.0))
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("wanting a document anew"))?;
        let told = format!("{document} version {version} is {next} now");
        acts::record(&mut self.change, &Actor::local(), "document.renumber", target, &told).await
    }
}

/// The target of a version, in HQ's own words.
async fn target_of(
    change: &mut Transaction,
    place: &Place,
    pointer: &Pointer,
) -> Result<String, HqError> {
    let select = "SELECT target FROM desired WHERE tenant = $1 AND document = $2 AND version = $3";
    let (target,): (String,) = sqlx::query_as(select)
        .bind(place.tenant.as_str())
        .bind(pointer.document.as_str())
        .bind(int(pointer.version))
        .fetch_one(&mut **change)
        .await
        .map_err(HqError::database("reading a version"))?;
    Ok(target)
}
