//! Asking for a deployment, and letting it go.

use super::reach::Reach;
use super::record::{By, Record, insert, load, reading, writing};
use super::revertible::{revertible, watched_s};
use super::rows::DeploymentRow;
use super::state::State;
use crate::hq::acts::{self, Actor};
use crate::hq::bundles::find;
use crate::hq::clock::now;
use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::rows::{int, uint};
use crate::hq::service::Hq;
use crate::protocol::{Label, UnixMillis};

/// How long a draft waits for an approver.
const DRAFT_MS: u64 = 7 * 24 * 3600 * 1000;
/// What fetching and loading may take beyond what the bundle itself gives its boxes.
const SLACK_S: u64 = 3600;
/// The longest time that a deployment may take: as long as the longest bundle.
const MAX_WITHIN_S: u64 = 130 * 24 * 3600;

/// A deployment that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Whom it is for.
    pub reach: Reach,
    /// Id or digest of a published bundle.
    pub bundle: String,
    /// How long it may take once it has begun, in seconds; none for as long as the bundle gives its boxes.
    pub within_s: Option<u64>,
    /// How many boxes may be bad before the rest is set back.
    pub max_bad: u64,
    /// The newest deployment of the same target that its author saw, 0 for none; with another one
    /// there, nothing is done.
    pub over: Option<u64>,
}

impl Hq {
    /// Drafts a deployment.
    pub async fn ask(&self, actor: &Actor, asked: &Asked) -> Result<DeploymentRow, HqError> {
        let now = now();
        let tenant = asked.reach.tenant();
        let mut change = self.database.begin().await?;
        let found = find(&mut change, tenant, &asked.bundle).await?;
        let bundle = found.ok_or_else(|| HqError::unknown("bundle", &asked.bundle))?;
        let usual_s = bundle.take_within_s + bundle.watch_s + SLACK_S;
        let within_s = within(asked.within_s, usual_s, bundle.watch_s)?;
        require_boxes(&mut change, &asked.reach).await?;
        require_over(&mut change, &asked.reach, asked.over).await?;
        let new =
            Record { bundle: Some(bundle.digest), ..draft(&mut change, actor, tenant, now).await? };
        let target = asked.reach.to_string();
        let new = Record { target, within_s, max_bad: asked.max_bad, ..new };
        self.drafted(change, actor, &new, &bundle.id).await
    }

    /// Asks that the boxes of a deployment get what each had committed before it.
    pub async fn ask_back(
        &self,
        actor: &Actor,
        tenant: &Label,
        number: u64,
    ) -> Result<DeploymentRow, HqError> {
        let now = now();
        let mut change = self.database.begin().await?;
        let old = load(&mut change, tenant, number).await?;
        let boxes = revertible(&mut change, tenant, number).await?;
        if boxes.is_empty() {
            let why = "no box of it runs its bundle and had another one before".to_owned();
            return Err(HqError::Value { field: "number", why });
        }
        let watch_s = watched_s(&mut change, tenant, &boxes).await?;
        let usual_s = watch_s + SLACK_S;
        let new = draft(&mut change, actor, tenant, now).await?;
        let new = Record {
            reverts: Some(number),
            target: old.target,
            within_s: within(None, usual_s.max(old.within_s), watch_s)?,
            max_bad: old.max_bad,
            ..new
        };
        self.drafted(change, actor, &new, &format!("what was before {number}")).await
    }

    async fn drafted(
        &self,
        mut change: Transaction,
        actor: &Actor,
        new: &Record,
        what: &str,
    ) -> Result<DeploymentRow, HqError> {
        insert(&mut change, new).await?;
        let target = format!("{}/deployments/{}", new.tenant, new.number);
        let told = format!("{what} for {}", new.target);
        acts::record(&mut change, actor, "deployment.ask", &target, &told).await?;
        commit(change).await?;
        self.changed();
        self.deployment(&new.tenant, new.number).await
    }

    /// Lets a draft go, and begins it. `over` is the revision that the approver saw.
    pub async fn approve(
        &self,
        actor: &Actor,
        tenant: &Label,
        number: u64,
        over: Option<u64>,
    ) -> Result<DeploymentRow, HqError> {
        let now = now();
        let mut change = self.database.begin().await?;
        let found = load(&mut change, tenant, number).await?;
        found.require_revision(over)?;
        if found.state != State::Draft {
            return Err(HqError::Stage { act: "approved", number, state: found.state.as_str() });
        }
        let update = "UPDATE deployments SET state = 'approved', approved_by = $2,
               approved_ms = $3, revision = revision + 1 WHERE number = $1 AND state = 'draft'";
        sqlx::query(update)
            .bind(int(number))
            .bind(&actor.name)
            .bind(int(now.0))
            .execute(&mut *change)
            .await
            .map_err(writing())?;
        let target = format!("{tenant}/deployments/{number}");
        let told = format!("for {}, asked for by {}", found.target, found.asked.who);
        acts::record(&mut change, actor, "deployment.approve", &target, &told).await?;
        commit(change).await?;
        self.advance(now).await?;
        self.changed();
        self.deployment(tenant, number).await
    }
}

impl Record {
    /// Refuses where somebody was faster.
    pub(super) fn require_revision(&self, over: Option<u64>) -> Result<(), HqError> {
        let found = self.revision;
        match over.filter(|expected| *expected != found) {
            Some(expected) => Err(HqError::Moved { number: self.number, found, expected }),
            None => Ok(()),
        }
    }
}

/// A draft of nothing yet.
async fn draft(
    change: &mut Transaction,
    actor: &Actor,
    tenant: &Label,
    now: UnixMillis,
) -> Result<Record, HqError> {
    let (last,): (i64,) = sqlx::query_as("SELECT coalesce(max(number), 0) FROM deployments")
        .fetch_one(&mut **change)
        .await
        .map_err(reading())?;
    Ok(Record {
        number: uint(last) + 1,
        tenant: tenant.clone(),
        bundle: None,
        reverts: None,
        target: String::new(),
        state: State::Draft,
        revision: 1,
        reason: None,
        within_s: 0,
        max_bad: 0,
        asked: By { who: actor.name.clone(), at_ms: now.0 },
        approved: None,
        ended_by: None,
        started_ms: None,
        ended_ms: None,
        deadline_ms: now.plus(DRAFT_MS).0,
    })
}

/// How long it may take. A box that does nothing wrong must be able to come to an end in it.
fn within(asked_s: Option<u64>, usual_s: u64, watch_s: u64) -> Result<u64, HqError> {
    let field = "within_s";
    let within_s = asked_s.unwrap_or_else(|| usual_s.min(MAX_WITHIN_S));
    if within_s <= watch_s {
        let why =
            format!("{within_s} s is not longer than shadow, trial and probation, {watch_s} s");
        return Err(HqError::Value { field, why });
    }
    if within_s > MAX_WITHIN_S {
        let why = format!("{within_s} s is longer than {MAX_WITHIN_S} s");
        return Err(HqError::Value { field, why });
    }
    Ok(within_s)
}

async fn require_boxes(change: &mut Transaction, reach: &Reach) -> Result<(), HqError> {
    if reach.places(change).await?.is_empty() {
        let why = format!("{reach} has no box");
        return Err(HqError::Value { field: "target", why });
    }
    Ok(())
}

async fn require_over(
    change: &mut Transaction,
    reach: &Reach,
    over: Option<u64>,
) -> Result<(), HqError> {
    let Some(expected) = over else { return Ok(()) };
    let select =
        "SELECT coalesce(max(number), 0) FROM deployments WHERE target = $1 AND tenant = $2";
    let (found,): (i64,) = sqlx::query_as(select)
        .bind(reach.to_string())
        .bind(reach.tenant().as_str())
        .fetch_one(&mut **change)
        .await
        .map_err(reading())?;
    let found = uint(found);
    if found != expected {
        let (document, target) = ("deployment".to_owned(), reach.to_string());
        return Err(HqError::Overtaken { document, target, found, expected });
    }
    Ok(())
}
