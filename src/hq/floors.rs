//! Numbers that are never given out twice, though HQ was put back from an older copy.
//!
//! A copy does not know what was given out after it was made, and boxes take nothing under a number
//! that they know. Nothing tells a copy of a moment ago from the database itself, so each start leaves
//! out a number for each millisecond since HQ last noted that it lives ([`Hq::begin`]): more than can
//! have been given, as each is a change on the disk. Where the clock was wrong, HQ learns from what boxes
//! say they have ([`Batch::learn`]). What it wants of a box that has a later number for something which
//! was lost with the copy, it wants anew ([`Batch::wanted`]). Commands are counted in a ledger that
//! begins anew with each start.

use std::collections::BTreeMap;

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
/// An absence of such a length is told.
const AWAY_MS: u64 = 10 * 60 * 1000;
/// Numbers that a start leaves out at least, for clocks that are set meanwhile.
const LEAST_LEFT_OUT: u64 = 60_000;
/// No number beyond this is believed to be HQ's, so that no box uses them up. JSON is exact up to it.
pub(super) const MAX_BELIEVED: u64 = 1 << 53;
/// The setting that says when HQ was last alive, and the one with the ledger of commands.
const ALIVE: &str = "alive_ms";
const LEDGER: &str = "ledger";

impl Hq {
    /// Begins to serve: commands get a new ledger, and numbers are left out of every document and of the
    /// facts, as the database may be a copy.
    pub async fn begin(&self) -> Result<(), HqError> {
        let now = now();
        let mut change = self.database.begin().await?;
        set(&mut change, LEDGER, &Ledger(random()?).to_string()).await?;
        let alive = setting(&mut change, ALIVE).await?.and_then(|text| text.parse::<u64>().ok());
        if let Some(alive) = alive {
            let away_ms = now.0.abs_diff(alive);
            leave_out(&mut change, away_ms.max(LEAST_LEFT_OUT)).await?;
            if away_ms >= AWAY_MS {
                let seconds = away_ms / 1000;
                tracing::info!(seconds, "HQ was away or was put back from a copy");
                let told = format!("{seconds} s");
                acts::record(&mut change, &Actor::local(), "hq.away", "", &told).await?;
            }
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
    let select = "SELECT t.name, last.document, max(last.version) FROM tenants t JOIN (
           SELECT tenant, document, version FROM desired
           UNION ALL SELECT tenant, 'facts', applied FROM catalogues
           UNION ALL SELECT tenant, name, version FROM floors) last ON last.tenant = t.name
         GROUP BY t.name, last.document";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(select)
        .fetch_all(&mut **change)
        .await
        .map_err(HqError::database("reading versions"))?;
    let known: BTreeMap<(String, String), u64> =
        rows.into_iter().map(|(tenant, name, last)| ((tenant, name), uint(last))).collect();
    let tenants: Vec<(String,)> = sqlx::query_as("SELECT name FROM tenants")
        .fetch_all(&mut **change)
        .await
        .map_err(HqError::database("reading tenants"))?;
    // A document of which the copy has no version may have got its first one after it was made.
    for (tenant,) in tenants {
        for document in Document::ALL {
            let name = document.as_str().to_owned();
            let last = known.get(&(tenant.clone(), name.clone())).copied().unwrap_or(0);
            raise(change, &tenant, &name, last.saturating_add(numbers)).await?;
        }
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
        if version > MAX_BELIEVED {
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
        let last = rows.iter().map(|(_, applied, _)| uint(*applied)).max().unwrap_or(0);
        // One number of one catalogue, with other facts under it.
        let root = root.map(|root| root.to_string());
        let other = match &rows[..] {
            [(of, _, known)] => uint(*of) == epoch && root.is_some() && *known != root,
            _ => false,
        };
        if (epoch <= last && !other) || epoch > MAX_BELIEVED || rows.is_empty() {
            return Ok(());
        }
        tracing::warn!(%tenant, epoch, last, "a box has an epoch of facts that HQ does not know: HQ was put back from a copy");
        let floor = last_epoch(&mut self.change, tenant).await?;
        let next = epoch.max(last).max(floor) + 1;
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
