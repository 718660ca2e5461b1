//! Deployments in the database, one at a time.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::state::{State, Tally};
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::rows::{int, parsed, uint};
use crate::protocol::{Label, UnixMillis};

/// A deployment as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) tenant: Label,
    /// Digest of the bundle; none where each box gets the one before `reverts`.
    pub(super) bundle: Option<String>,
    pub(super) reverts: Option<u64>,
    pub(super) target: String,
    pub(super) state: State,
    pub(super) revision: u64,
    pub(super) reason: Option<String>,
    pub(super) within_s: u64,
    pub(super) max_bad: u64,
    pub(super) asked: By,
    pub(super) approved: Option<By>,
    pub(super) ended_by: Option<String>,
    pub(super) started_ms: Option<u64>,
    pub(super) ended_ms: Option<u64>,
    pub(super) deadline_ms: u64,
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct By {
    pub(super) who: String,
    pub(super) at_ms: u64,
}

pub(super) const COLUMNS: &str = "number, tenant, bundle, reverts, target, state, revision, reason,
     within_s, max_bad, asked_by, asked_ms, approved_by, approved_ms, ended_by, started_ms, ended_ms,
     deadline_ms";

pub(super) fn reading() -> impl FnOnce(sqlx::Error) -> HqError {
    HqError::database("reading deployments")
}

pub(super) fn writing() -> impl FnOnce(sqlx::Error) -> HqError {
    HqError::database("writing deployments")
}

/// A row of [`COLUMNS`].
pub(super) fn record(row: &SqliteRow) -> Result<Record, HqError> {
    let number = |name| row.try_get::<i64, _>(name).map(uint).map_err(reading());
    let text = |name| row.try_get::<String, _>(name).map_err(reading());
    let may = |name| row.try_get::<Option<i64>, _>(name).map(|n| n.map(uint)).map_err(reading());
    let may_text = |name| row.try_get::<Option<String>, _>(name).map_err(reading());
    let approved = may_text("approved_by")?.zip(may("approved_ms")?);
    Ok(Record {
        number: number("number")?,
        tenant: parsed("a tenant", &text("tenant")?)?,
        bundle: may_text("bundle")?,
        reverts: may("reverts")?,
        target: text("target")?,
        state: parsed("a deployment's state", &text("state")?)?,
        revision: number("revision")?,
        reason: may_text("reason")?,
        within_s: number("within_s")?,
        max_bad: number("max_bad")?,
        asked: By { who: text("asked_by")?, at_ms: number("asked_ms")? },
        approved: approved.map(|(who, at_ms)| By { who, at_ms }),
        ended_by: may_text("ended_by")?,
        started_ms: may("started_ms")?,
        ended_ms: may("ended_ms")?,
        deadline_ms: number("deadline_ms")?,
    })
}

/// One deployment of a tenant.
pub(super) async fn load(
    change: &mut Transaction,
    tenant: &Label,
    number: u64,
) -> Result<Record, HqError> {
    let select = format!("SELECT {COLUMNS} FROM deployments WHERE number = $1 AND tenant = $2");
    let row = sqlx::query(&select)
        .bind(int(number))
        .bind(tenant.as_str())
        .fetch_optional(&mut **change)
        .await
        .map_err(reading())?;
    record(&row.ok_or_else(|| HqError::unknown("deployment", number))?)
}

/// Deployments that are not over, oldest first; one that cannot be read keeps the others from nothing.
pub(super) async fn open(change: &mut Transaction) -> Result<Vec<Record>, HqError> {
    let select = format!(
        "SELECT {COLUMNS} FROM deployments WHERE state IN ('draft', 'approved', 'running')
         ORDER BY number"
    );
    let rows = sqlx::query(&select).fetch_all(&mut **change).await.map_err(reading())?;
    Ok(rows.iter().filter_map(readable).collect())
}

fn readable(row: &SqliteRow) -> Option<Record> {
    let read = record(row);
    read.inspect_err(|error| tracing::error!(%error, "a deployment cannot be read")).ok()
}

/// Tells that nothing can be done about a deployment now. The others go on.
pub(super) fn cannot_look(record: &Record, error: &HqError) {
    let deployment = record.number;
    tracing::error!(%error, deployment, "a deployment could not be looked at");
}

/// Writes a new one down.
pub(super) async fn insert(change: &mut Transaction, new: &Record) -> Result<(), HqError> {
    let insert =
        "INSERT INTO deployments (number, tenant, bundle, reverts, target, state, revision,
           within_s, max_bad, asked_by, asked_ms, deadline_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    sqlx::query(insert)
        .bind(int(new.number))
        .bind(new.tenant.as_str())
        .bind(&new.bundle)
        .bind(new.reverts.map(int))
        .bind(&new.target)
        .bind(new.state.as_str())
        .bind(int(new.revision))
        .bind(int(new.within_s))
        .bind(int(new.max_bad))
        .bind(&new.asked.who)
        .bind(int(new.asked.at_ms))
        .bind(int(new.deadline_ms))
        .execute(&mut **change)
        .await
        .map_err(writing())?;
    Ok(())
}

/// Ends a deployment that is not over.
pub(super) async fn end(
    change: &mut Transaction,
    number: u64,
    state: State,
    reason: &str,
    by: Option<&str>,
    now: UnixMillis,
) -> Result<(), HqError> {
    let update = "UPDATE deployments SET state = $2, reason = $3, ended_by = $4, ended_ms = $5,
           revision = revision + 1
         WHERE number = $1 AND state IN ('draft', 'approved', 'running')";
    sqlx::query(update)
        .bind(int(number))
        .bind(state.as_str())
        .bind(reason)
        .bind(by)
        .bind(int(now.0))
        .execute(&mut **change)
        .await
        .map_err(writing())?;
    Ok(())
}

/// How its boxes did so far.
pub(super) async fn tally(change: &mut Transaction, number: u64) -> Result<Tally, HqError> {
    let select = "SELECT result, count(*) FROM deployment_nodes WHERE deployment = $1
         GROUP BY result";
    let rows: Vec<(Option<String>, i64)> = sqlx::query_as(select)
        .bind(int(number))
        .fetch_all(&mut **change)
        .await
        .map_err(reading())?;
    Ok(tally_of(rows.iter().map(|(result, count)| (result.as_deref(), uint(*count)))))
}

pub(super) fn tally_of<'a>(counts: impl Iterator<Item = (Option<&'a str>, u64)>) -> Tally {
    let mut tally = Tally::default();
    for (result, count) in counts {
        let of = match result {
            Some("ok") => &mut tally.ok,
            Some("bad") => &mut tally.bad,
            Some(_) => &mut tally.silent,
            None => &mut tally.open,
        };
        *of += count;
        tally.boxes += count;
    }
    tally
}
