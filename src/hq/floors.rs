//! Numbers that are never given out twice, though HQ was put back from an older copy.
//!
//! A copy does not know what was given out after it was made, and boxes take nothing under a number
//! that they know. So HQ leaves out as many numbers as may have been given while it knows nothing of
//! its own life ([`Hq::begin`]), and learns from what boxes say they have ([`Batch::learn`]). Commands
//! are counted in a ledger that begins anew with each start.

use super::acts::{self, Actor};
use super::clock::now;
use super::database::{Transaction, commit};
use super::error::HqError;
use super::ingest::Batch;
use super::key_file::random;
use super::rows::{int, uint};
use super::service::Hq;
use crate::protocol::{Digest, Document, Label, Ledger, Place};

/// The floor of all epochs of a tenant's facts.
const FACTS: &str = "facts";
/// HQ that knows nothing of its life for so long may be a copy.
const AWAY_MS: u64 = 10 * 60 * 1000;
/// So far beyond what HQ has given out a box is believed: a number for each second of three years.
const MAX_AHEAD: u64 = 100_000_000;
/// The setting that says when HQ was last alive, and the one with the ledger of commands.
const ALIVE: &str = "alive_ms";
const LEDGER: &str = "ledger";

impl Hq {
    /// Begins to serve: commands get a new ledger, and where HQ knows nothing of the last ten minutes
    /// or more, a number for each second since is left out of every document and of the facts.
    pub async fn begin(&self) -> Result<(), HqError> {
        let now = now();
        let mut change = self.database.begin().await?;
        set(&mut change, LEDGER, &Ledger(random()?).to_string()).await?;
        let alive = setting(&mut change, ALIVE).await?.and_then(|text| text.parse::<u64>().ok());
        let away_ms = alive.map_or(0, |alive| now.0.saturating_sub(alive));
        if away_ms >= AWAY_MS {
            let seconds = away_ms / 1000;
            tracing::info!(
                seconds,
                "HQ was away or was put back from a copy; numbers are left out"
            );
            leave_out(&mut change, seconds).await?;
            let told = format!("{seconds} s");
            acts::record(&mut change, &Actor::local(), "hq.away", "", &told).await?;
        }
        set(&mut change, ALIVE, &now.0.to_string()).await?;
        commit(change).await
    }

    /// Notes that HQ lives; at least every few minutes.
    pub(super) async fn note_alive(&self) -> Result<(), HqError> {
        let mut change = self.database.begin().await?;
        set(&mut change, ALIVE, &now().0.to_string()).await?;
        commit(change).await
    }
}

/// Raises the floor of every document and of all facts by so many numbers.
async fn leave_out(change: &mut Transaction, numbers: u64) -> Result<(), HqError> {
    let select = "SELECT tenant, document, max(version) FROM desired GROUP BY tenant, document
         UNION ALL SELECT tenant, 'facts', max(applied) FROM catalogues GROUP BY tenant";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(select)
        .fetch_all(&mut **change)
        .await
        .map_err(HqError::database("reading versions"))?;
    for (tenant, name, version) in rows {
        raise(change, &tenant, &name, uint(version).saturating_add(numbers)).await?;
    }
    Ok(())
}

/// The last number that may have been given out for a document, whether it is known here or not.
pub(super) async fn last_version(
    change: &mut Transaction,
    tenant: &Label,
    document: Document,
) -> Result<u64, HqError> {
    let select = "SELECT coalesce(max(version), 0) FROM (
           SELECT max(version) AS version FROM desired WHERE tenant = $1 AND document = $2
           UNION ALL SELECT version FROM floors WHERE tenant = $1 AND name = $2) numbers";
    let (last,): (i64,) = sqlx::query_as(select)
        .bind(tenant.as_str())
        .bind(document.as_str())
        .fetch_one(&mut **change)
        .await
        .map_err(HqError::database("reading a version"))?;
    Ok(uint(last))
}

/// The last epoch that may have been given out for a tenant's facts.
pub(super) async fn last_epoch(change: &mut Transaction, tenant: &Label) -> Result<u64, HqError> {
    let select = "SELECT coalesce(max(version), 0) FROM floors WHERE tenant = $1 AND name = $2";
    let (floor,): (i64,) = sqlx::query_as(select)
        .bind(tenant.as_str())
        .bind(FACTS)
        .fetch_one(&mut **change)
        .await
        .map_err(HqError::database("reading an epoch"))?;
    Ok(uint(floor))
}

/// Raises a floor; whether it was lower before.
async fn raise(
    change: &mut Transaction,
    tenant: &str,
    name: &str,
    version: u64,
) -> Result<bool, HqError> {
    let insert = "INSERT INTO floors (tenant, name, version) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, name) DO UPDATE SET version = excluded.version
         WHERE floors.version < excluded.version";
    let raised = sqlx::query(insert)
        .bind(tenant)
        .bind(name)
        .bind(int(version))
        .execute(&mut **change)
        .await
        .map_err(HqError::database("raising a floor"))?;
    Ok(raised.rows_affected() > 0)
}

impl Batch<'_> {
    /// A box says that it has this version of a document, of these bytes where it says so. Where HQ
    /// cannot have given it that, its number and all before are not given out again, and what was
    /// wanted under such a number since HQ started is wanted anew under another.
    pub(super) async fn learn(
        &mut self,
        place: &Place,
        document: Document,
        version: u64,
        digest: Option<Digest>,
    ) -> Result<(), HqError> {
        let tenant = &place.tenant;
        if document == Document::Facts {
            return self.learn_epoch(tenant, version, digest).await;
        }
        let key = (tenant.clone(), document);
        if digest.is_none() && self.lasts.get(&key).is_some_and(|last| version <= *last) {
            return Ok(());
        }
        let last = last_version(&mut self.change, tenant, document).await?;
        self.lasts.insert(key.clone(), last);
        let other = self.is_other(tenant, document, version, digest).await?;
        if version <= last && !other {
            return Ok(());
        }
        if version.saturating_sub(last) > MAX_AHEAD {
            tracing::warn!(%place, %document, version, "a box names a version that nobody believes");
            return Ok(());
        }
        let floor = version.max(last);
        if raise(&mut self.change, tenant.as_str(), document.as_str(), floor).await? {
            tracing::warn!(%place, %document, version, last, "a box has a version that HQ did not give it: HQ was put back from a copy");
        }
        self.lasts.remove(&key);
        if matches!(document, Document::Config | Document::Keys) {
            self.renumber(tenant, document, version).await?;
        }
        Ok(())
    }

    async fn learn_epoch(
        &mut self,
        tenant: &Label,
        epoch: u64,
        root: Option<Digest>,
    ) -> Result<(), HqError> {
        let select =
            "SELECT epoch, applied, root FROM catalogues WHERE tenant = $1 AND applied > 0";
        let rows: Vec<(i64, i64, Option<String>)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .fetch_all(&mut *self.change)
            .await
            .map_err(HqError::database("reading epochs"))?;
        let floor = last_epoch(&mut self.change, tenant).await?;
        let last = rows.iter().map(|(_, applied, _)| uint(*applied)).max().unwrap_or(0).max(floor);
        // One number of one catalogue, with other facts under it.
        let root = root.map(|root| root.to_string());
        let other = match &rows[..] {
            [(of, _, known)] => uint(*of) == epoch && root.is_some() && *known != root,
            _ => false,
        };
        let ahead = epoch.saturating_sub(last);
        if (ahead == 0 && !other) || ahead > MAX_AHEAD || rows.is_empty() {
            return Ok(());
        }
        tracing::warn!(%tenant, epoch, last, "a box has an epoch of facts that HQ does not know: HQ was put back from a copy");
        let next = epoch.max(last) + 1;
        raise(&mut self.change, tenant.as_str(), FACTS, next).await?;
        // The same facts under a number that no box has: whoever has others takes these.
        sqlx::query("UPDATE catalogues SET applied = $2 WHERE tenant = $1 AND applied > 0")
            .bind(tenant.as_str())
            .bind(int(next))
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("beginning an epoch of facts"))?;
        Ok(())
    }

    /// Whether a version that HQ gave has other bytes than the box says.
    async fn is_other(
        &mut self,
        tenant: &Label,
        document: Document,
        version: u64,
        digest: Option<Digest>,
    ) -> Result<bool, HqError> {
        let Some(said) = digest.filter(|_| document != Document::Cache) else { return Ok(false) };
        let select = "SELECT digest FROM desired
             WHERE tenant = $1 AND document = $2 AND version = $3";
        let row: Option<(String,)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(document.as_str())
            .bind(int(version))
            .fetch_optional(&mut *self.change)
            .await
            .map_err(HqError::database("reading a version"))?;
        Ok(row.is_some_and(|(known,)| known != said.to_string()))
    }

    /// Wants anew, under numbers that no box has, what was wanted since HQ started under a number that
    /// boxes may have for something else.
    async fn renumber(
        &mut self,
        tenant: &Label,
        document: Document,
        seen: u64,
    ) -> Result<(), HqError> {
        let reading = || HqError::database("wanting a document anew");
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
            .map_err(reading())?;
        for (version, target) in rows {
            let next = last_version(&mut self.change, tenant, document).await? + 1;
            let insert =
                "INSERT INTO desired (tenant, document, version, target, digest, size_bytes,
                   path, inline, issued_ms, expires_ms, author)
                 SELECT tenant, document, $4, target, digest, size_bytes, path, inline, $5,
                   expires_ms, author
                 FROM desired WHERE tenant = $1 AND document = $2 AND version = $3";
            sqlx::query(insert)
                .bind(tenant.as_str())
                .bind(document.as_str())
                .bind(version)
                .bind(int(next))
                .bind(int(self.now.0))
                .execute(&mut *self.change)
                .await
                .map_err(reading())?;
            let told = format!("{document} version {version} is {next} now");
            let actor = Actor::local();
            acts::record(&mut self.change, &actor, "document.renumber", &target, &told).await?;
        }
        Ok(())
    }
}

pub(super) async fn setting(
    change: &mut Transaction,
    name: &str,
) -> Result<Option<String>, HqError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT value FROM settings WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("reading a setting"))?;
    Ok(row.map(|(value,)| value))
}

pub(super) async fn set(change: &mut Transaction, name: &str, value: &str) -> Result<(), HqError> {
    let insert = "INSERT INTO settings (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sqlx::query(insert)
        .bind(name)
        .bind(value)
        .execute(&mut **change)
        .await
        .map_err(HqError::database("writing a setting"))?;
    Ok(())
}
