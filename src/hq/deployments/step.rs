//! What follows from what boxes report and from the time.

use std::collections::BTreeSet;

use serde_json::Value;

use super::begin::begin;
use super::record::{self, Record, cannot_look, load, reading, tally, writing};
use super::set_back::{GoingBack, set_back};
use super::state::{State, end};
use super::verdict::{self, Ended, NodeResult, Verdict};
use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::ingest::Outgoing;
use crate::hq::rows::{from_json, int, parsed, uint};
use crate::hq::service::Hq;
use crate::protocol::{Digest, Place, Reported, UnixMillis};

/// One that begins may end another, and that is all that can follow.
const MAX_ROUNDS: usize = 3;
/// Events of a box that are searched for how a version ended.
const MAX_EVENTS: u32 = 64;

/// A box that may have come to an end.
struct Node {
    place: Place,
    version: u64,
    digest: Digest,
    reported: Reported,
}

impl Hq {
    /// Makes the world follow what was asked and what boxes reported: begins what is approved, judges
    /// boxes that came to an end, ends what is over. Does nothing where there is nothing to do. One that
    /// cannot be looked at stays as it is, and the others go on.
    pub async fn advance(&self, now: UnixMillis) -> Result<(), HqError> {
        let mut stuck = BTreeSet::new();
        for _ in 0..MAX_ROUNDS {
            let mut due = self.due(now).await?;
            due.retain(|record| !stuck.contains(&record.number));
            if due.is_empty() {
                break;
            }
            for record in due {
                if let Err(error) = self.advance_alone(&record, now).await {
                    cannot_look(&record, &error);
                    stuck.insert(record.number);
                }
            }
        }
        Ok(())
    }

    async fn advance_alone(&self, record: &Record, now: UnixMillis) -> Result<(), HqError> {
        let mut change = self.database.begin().await?;
        let said = self.advance_one(&mut change, record, now).await?;
        commit(change).await?;
        self.say(said);
        self.changed();
        Ok(())
    }

    /// Deployments that something is to be done about. Nobody who writes waits for that.
    async fn due(&self, now: UnixMillis) -> Result<Vec<Record>, HqError> {
        let mut reading = self.database.read().await?;
        let mut due = Vec::new();
        for record in record::open(&mut reading).await? {
            match is_due(&mut reading, &record, now).await {
                Ok(true) => due.push(record),
                Ok(false) => {}
                Err(error) => cannot_look(&record, &error),
            }
        }
        Ok(due)
    }

    /// One deployment, looked at again within a change.
    pub(super) async fn advance_one(
        &self,
        change: &mut Transaction,
        record: &Record,
        now: UnixMillis,
    ) -> Result<Vec<Outgoing>, HqError> {
        let record = load(change, &record.tenant, record.number).await?;
        let (number, late) = (record.number, now.0 >= record.deadline_ms);
        match record.state {
            State::Draft if late => {
                let why = "nobody approved it in time";
                record::end(change, number, State::Expired, why, None, now).await?;
            }
            State::Approved => return begin(self, change, &record, now).await,
            State::Running => {
                let verdicts = verdicts(change, &record).await?;
                let mut said = judge(self, change, &record, verdicts, now).await?;
                let tally = tally(change, number).await?;
                let Some((state, why)) = end(tally, record.max_bad, record.deadline_ms, now.0)
                else {
                    return Ok(said);
                };
                said.extend(set_back(self, change, &record, state.as_str(), &why, now).await?);
                record::end(change, number, state, &why, None, now).await?;
                return Ok(said);
            }
            _ => {}
        }
        Ok(Vec::new())
    }
}

async fn is_due(
    change: &mut Transaction,
    record: &Record,
    now: UnixMillis,
) -> Result<bool, HqError> {
    Ok(match record.state {
        State::Draft => now.0 >= record.deadline_ms,
        State::Approved => true,
        State::Running => {
            let tally = tally(change, record.number).await?;
            end(tally, record.max_bad, record.deadline_ms, now.0).is_some()
                || !verdicts(change, record).await?.is_empty()
        }
        _ => false,
    })
}

/// A box that came to an end.
pub(super) struct Judged {
    place: Place,
    verdict: Verdict,
    /// What it has committed.
    holds: Option<Digest>,
    /// Whether it is at a newer version, that nobody asked this deployment for.
    past: bool,
}

/// Judges boxes that came to an end, each once; what comes back is for them.
pub(super) async fn judge(
    hq: &Hq,
    change: &mut Transaction,
    record: &Record,
    verdicts: Vec<Judged>,
    now: UnixMillis,
) -> Result<Vec<Outgoing>, HqError> {
    let mut going_back = GoingBack::of(hq, record, now);
    for Judged { place, verdict, holds, past } in verdicts {
        write(change, record.number, &place, &verdict, now).await?;
        match verdict.result {
            NodeResult::Ok => keep_wish(change, record.number, &place).await?,
            NodeResult::Bad | NodeResult::Silent => {
                going_back.of_box(change, &place, holds, past).await?;
            }
        }
    }
    Ok(going_back.said)
}

/// What becomes of boxes that were not judged and have come to an end.
pub(super) async fn verdicts(
    change: &mut Transaction,
    record: &Record,
) -> Result<Vec<Judged>, HqError> {
    let mut verdicts = Vec::new();
    for node in ended(change, record.number).await? {
        let Node { place, version, digest, reported } = node;
        let past = reported.desired.is_some_and(|desired| desired > version);
        let told = if past { told_end(change, &place, version).await? } else { None };
        let holds = reported.applied.map(|applied| applied.digest);
        let verdict = verdict::judge(version, digest, &reported, told);
        verdicts.extend(verdict.map(|verdict| Judged { place, verdict, holds, past }));
    }
    Ok(verdicts)
}

async fn ended(change: &mut Transaction, number: u64) -> Result<Vec<Node>, HqError> {
    let select = "SELECT d.place, d.version, d.digest, r.body FROM deployment_nodes d
         JOIN reported r ON r.place = d.place AND r.document = 'bundle'
         WHERE d.deployment = $1 AND d.result IS NULL AND (
           r.applied = d.version OR r.desired > d.version
           OR (r.desired = d.version AND r.stage IN ('reverted', 'refused')))
         ORDER BY d.place";
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(select)
        .bind(int(number))
        .fetch_all(&mut **change)
        .await
        .map_err(reading())?;
    let node = |(place, version, digest, body): (String, i64, String, String)| {
        let place = parsed("a place", &place)?;
        // What a newer program wrote of one box does not keep the others from being judged.
        let Some(reported) = readable(&place, &body) else { return Ok(None) };
        let (version, digest) = (uint(version), parsed("a digest", &digest)?);
        Ok(Some(Node { place, version, digest, reported }))
    };
    rows.into_iter().filter_map(|row| node(row).transpose()).collect()
}

/// What a box reports of its bundle, if this program can read it; it counts as not heard of otherwise.
pub(super) fn readable(place: &Place, body: &str) -> Option<Reported> {
    let reported = from_json("a reported bundle", body);
    reported.inspect_err(|error| tracing::warn!(%place, %error, "a report is left aside")).ok()
}

/// How a version ended on a box that is past it, if its events tell.
async fn told_end(
    change: &mut Transaction,
    place: &Place,
    version: u64,
) -> Result<Option<Ended>, HqError> {
    let select = "SELECT fields FROM events
         WHERE place = $1 AND name IN ('bundle.reverted', 'bundle.refused')
         ORDER BY id DESC LIMIT $2";
    let rows: Vec<(String,)> = sqlx::query_as(select)
        .bind(place.to_string())
        .bind(i64::from(MAX_EVENTS))
        .fetch_all(&mut **change)
        .await
        .map_err(reading())?;
    let of = |(text,): (String,)| {
        let fields: Value = serde_json::from_str(&text).ok()?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let same = fields.get("version").and_then(Value::as_u64) == Some(version);
        same.then(|| Ended { code: text("code").to_owned(), reason: text("reason").to_owned() })
    };
    Ok(rows.into_iter().find_map(of))
}

/// Writes a verdict; one that is there stays.
pub(super) async fn write(
    change: &mut Transaction,
    number: u64,
    place: &Place,
    verdict: &Verdict,
    now: UnixMillis,
) -> Result<(), HqError> {
    let update = "UPDATE deployment_nodes SET result = $3, code = $4, reason = $5, attested = $6,
           judged_ms = $7
         WHERE deployment = $1 AND place = $2 AND result IS NULL";
    sqlx::query(update)
        .bind(int(number))
        .bind(place.to_string())
        .bind(verdict.result.as_str())
        .bind(Some(&verdict.code).filter(|code| !code.is_empty()))
        .bind(Some(&verdict.reason).filter(|reason| !reason.is_empty()))
        .bind(verdict.attested.map(|digest| digest.to_string()))
        .bind(int(now.0))
        .execute(&mut **change)
        .await
        .map_err(writing())?;
    Ok(())
}

/// What a box runs stays wanted, without an end.
async fn keep_wish(change: &mut Transaction, number: u64, place: &Place) -> Result<(), HqError> {
    sqlx::query("UPDATE wishes SET until_ms = NULL WHERE place = $1 AND deployment = $2")
        .bind(place.to_string())
        .bind(int(number))
        .execute(&mut **change)
        .await
        .map_err(writing())?;
    Ok(())
}
