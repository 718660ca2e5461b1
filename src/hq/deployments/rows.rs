//! Deployments and their boxes, as they are shown.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::Row as _;

use super::record::{COLUMNS, Record, load, reading, record, tally};
use super::state::{State, Tally};
use super::verdict::NodeResult;
use crate::hq::bundles;
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::rows::{from_json, int, uint};
use crate::hq::service::Hq;
use crate::protocol::{Label, Reported};

/// Rows that one page has at most.
const MAX_PAGE: u32 = 500;

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeploymentRow {
    /// By which it is asked for.
    pub number: u64,
    /// The bundle's id; none where each box gets the one that it had before.
    pub bundle: Option<String>,
    /// SHA-256 of the bundle's document.
    pub digest: Option<String>,
    /// The deployment whose boxes go back to what they had before it.
    pub reverts: Option<u64>,
    /// Whom it is for: `tenant`, `tenant/store`, `tenant/store/node` or `tenant/grp/group`.
    pub target: String,
    /// How far it is.
    pub state: State,
    /// Counts the changes of its state.
    pub revision: u64,
    /// Why it ended.
    pub reason: Option<String>,
    /// How long it may take once it has begun, in seconds.
    pub within_s: u64,
    /// How many boxes may be bad.
    pub max_bad: u64,
    /// How its boxes did so far; before it begins there are none.
    pub tally: Tally,
    /// Who asked for it.
    pub asked_by: String,
    /// When, in milliseconds since 1970.
    pub asked_ms: u64,
    /// Who let it go.
    pub approved_by: Option<String>,
    /// When.
    pub approved_ms: Option<u64>,
    /// Who ended it, where it was a person.
    pub ended_by: Option<String>,
    /// When its boxes were told.
    pub started_ms: Option<u64>,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// Until when it must be approved, and once it runs, until when it must have ended.
    pub deadline_ms: u64,
}

/// A box of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeploymentNodeRow {
    /// `tenant/store/node`.
    pub place: String,
    /// The version of the bundle document that was made for it.
    pub version: u64,
    /// SHA-256 of the bundle that it is to run.
    pub digest: String,
    /// The bundle that it had committed before.
    pub before_digest: Option<String>,
    /// How far it is with it, as it reports; none where it did not report of this version, or is past it.
    pub stage: Option<String>,
    /// Why it waits or failed, as it reports.
    pub note: Option<String>,
    /// `online`, `left`, `lost` or `never`.
    pub presence: String,
    /// When it was last heard of, in milliseconds since 1970.
    pub heard_ms: u64,
    /// What became of it; none where it was not judged.
    pub result: Option<NodeResult>,
    /// Why, for programs.
    pub code: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// SHA-256 of the bundle that it attested when it was judged.
    pub attested: Option<String>,
    /// When it was judged.
    pub judged_ms: Option<u64>,
}

/// Which boxes of a deployment: after a place, and how many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodesPage {
    /// After this place.
    pub after: String,
    /// At most so many, up to 500.
    pub limit: u32,
}

fn shown(record: Record, bundle: Option<String>, tally: Tally) -> DeploymentRow {
    let (approved_by, approved_ms) = record.approved.map(|by| (by.who, by.at_ms)).unzip();
    DeploymentRow {
        number: record.number,
        bundle,
        digest: record.bundle,
        reverts: record.reverts,
        target: record.target,
        state: record.state,
        revision: record.revision,
        reason: record.reason,
        within_s: record.within_s,
        max_bad: record.max_bad,
        tally,
        asked_by: record.asked.who,
        asked_ms: record.asked.at_ms,
        approved_by,
        approved_ms,
        ended_by: record.ended_by,
        started_ms: record.started_ms,
        ended_ms: record.ended_ms,
        deadline_ms: record.deadline_ms,
    }
}

async fn with_details(change: &mut Transaction, record: Record) -> Result<DeploymentRow, HqError> {
    let tally = tally(change, record.number).await?;
    let bundle = match &record.bundle {
        Some(digest) => bundles::find(change, &record.tenant, digest).await?,
        None => None,
    };
    Ok(shown(record, bundle.map(|bundle| bundle.id), tally))
}

impl Hq {
    /// One deployment.
    pub async fn deployment(&self, tenant: &Label, number: u64) -> Result<DeploymentRow, HqError> {
        let mut reading = self.database.read().await?;
        let record = load(&mut reading, tenant, number).await?;
        with_details(&mut reading, record).await
    }

    /// Deployments of a tenant with numbers before `before`, the newest first; at most 500.
    pub async fn deployments(
        &self,
        tenant: &Label,
        before: Option<u64>,
        most: u32,
    ) -> Result<Vec<DeploymentRow>, HqError> {
        let mut change = self.database.read().await?;
        let select = format!(
            "SELECT {COLUMNS} FROM deployments WHERE tenant = $1 AND number < $2
             ORDER BY number DESC LIMIT $3"
        );
        let rows = sqlx::query(&select)
            .bind(tenant.as_str())
            .bind(int(before.unwrap_or(u64::MAX)))
            .bind(i64::from(most.min(MAX_PAGE)))
            .fetch_all(&mut *change)
            .await
            .map_err(reading())?;
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            all.push(with_details(&mut change, record(row)?).await?);
        }
        Ok(all)
    }

    /// Boxes of a deployment, by place.
    pub async fn deployment_nodes(
        &self,
        tenant: &Label,
        number: u64,
        page: &NodesPage,
    ) -> Result<Vec<DeploymentNodeRow>, HqError> {
        let mut change = self.database.read().await?;
        load(&mut change, tenant, number).await?;
        let select = "SELECT d.place, d.version, d.digest, d.before_digest, d.result, d.code,
               d.reason, d.attested, d.judged_ms, n.presence, n.heard_ms, r.body
             FROM deployment_nodes d JOIN nodes n ON n.place = d.place
             LEFT JOIN reported r ON r.place = d.place AND r.document = 'bundle'
             WHERE d.deployment = $1 AND d.place > $2 ORDER BY d.place LIMIT $3";
        let rows = sqlx::query(select)
            .bind(int(number))
            .bind(&page.after)
            .bind(i64::from(page.limit.min(MAX_PAGE)))
            .fetch_all(&mut *change)
            .await
            .map_err(reading())?;
        rows.iter().map(node_row).collect()
    }

    /// How boxes that are not judged are doing: how many are at which stage, by its name.
    pub async fn stages(&self, tenant: &Label, number: u64) -> Result<Vec<(String, u64)>, HqError> {
        let mut change = self.database.read().await?;
        load(&mut change, tenant, number).await?;
        let select = "SELECT CASE WHEN r.desired = d.version THEN r.stage ELSE 'told' END AS at,
               count(*) FROM deployment_nodes d
             LEFT JOIN reported r ON r.place = d.place AND r.document = 'bundle'
             WHERE d.deployment = $1 AND d.result IS NULL GROUP BY at ORDER BY at";
        let rows: Vec<(String, i64)> = sqlx::query_as(select)
            .bind(int(number))
            .fetch_all(&mut *change)
            .await
            .map_err(reading())?;
        Ok(rows.into_iter().map(|(stage, count)| (stage, uint(count))).collect())
    }
}

fn node_row(row: &sqlx::sqlite::SqliteRow) -> Result<DeploymentNodeRow, HqError> {
    let text = |name| row.try_get::<String, _>(name).map_err(reading());
    let may_text = |name| row.try_get::<Option<String>, _>(name).map_err(reading());
    let number = |name| row.try_get::<i64, _>(name).map(uint).map_err(reading());
    let version = number("version")?;
    let body = may_text("body")?;
    // One that this program cannot read is shown as none.
    let reported = body.and_then(|body| from_json::<Reported>("a reported bundle", &body).ok());
    let reported = reported.filter(|reported| reported.desired == Some(version));
    let stage = reported.as_ref().map(|reported| crate::hq::rows::word(&reported.stage));
    let result = may_text("result")?.map(|word| match word.as_str() {
        "ok" => NodeResult::Ok,
        "bad" => NodeResult::Bad,
        _ => NodeResult::Silent,
    });
    Ok(DeploymentNodeRow {
        place: text("place")?,
        version,
        digest: text("digest")?,
        before_digest: may_text("before_digest")?,
        stage,
        note: reported.and_then(|reported| Some(reported.failure?.text.to_string())),
        presence: text("presence")?,
        heard_ms: number("heard_ms")?,
        result,
        code: may_text("code")?,
        reason: may_text("reason")?,
        attested: may_text("attested")?,
        judged_ms: row.try_get::<Option<i64>, _>("judged_ms").map_err(reading())?.map(uint),
    })
}
