//! A deployment begins: its boxes are fixed, others let go of them, and they are told.

use std::collections::BTreeMap;

use super::before::{Before, befores};
use super::reach::Reach;
use super::record::{self, Record, cannot_look, writing};
use super::revertible::revertible;
use super::state::State;
use super::step::{judge, verdicts};
use crate::hq::bundles::draft_of;
use crate::hq::database::Transaction;
use crate::hq::documents::{Draft, insert, next_version, wish_for};
use crate::hq::error::HqError;
use crate::hq::ingest::Outgoing;
use crate::hq::rows::{int, parsed};
use crate::hq::service::Hq;
use crate::protocol::{Document, Label, Place, Target, UnixMillis};

/// A version of the bundle document that was made for a deployment.
pub(super) struct Versions<'a> {
    tenant: &'a Label,
    target: String,
    author: &'a str,
    now: UnixMillis,
    known: BTreeMap<String, Option<u64>>,
}

impl<'a> Versions<'a> {
    /// None yet; `target` says for whom they are, in HQ's own words.
    pub(super) fn new(tenant: &'a Label, target: String, author: &'a str, now: UnixMillis) -> Self {
        Self { tenant, target, author, now, known: BTreeMap::new() }
    }

    /// The version of a bundle, made when it is first asked for; none where HQ has it no more.
    pub(super) async fn of(
        &mut self,
        change: &mut Transaction,
        place: &Place,
        digest: &str,
    ) -> Result<Option<u64>, HqError> {
        if let Some(version) = self.known.get(digest) {
            return Ok(*version);
        }
        let node = Target::Node(place.clone());
        let version = match draft_of(change, self.tenant, digest, node).await? {
            Some(draft) => Some(self.make(change, &draft).await?),
            None => None,
        };
        self.known.insert(digest.to_owned(), version);
        Ok(version)
    }

    async fn make(&self, change: &mut Transaction, draft: &Draft) -> Result<u64, HqError> {
        let version = next_version(change, self.tenant, Document::Bundle).await?;
        insert(change, self.tenant, version, &self.target, draft, self.now, self.author).await?;
        Ok(version)
    }
}

/// Begins an approved deployment; what comes back is for its boxes.
pub(super) async fn begin(
    hq: &Hq,
    change: &mut Transaction,
    record: &Record,
    now: UnixMillis,
) -> Result<Vec<Outgoing>, HqError> {
    let wanted = wanted(change, record).await?;
    let deadline = now.plus(record.within_s.saturating_mul(1000));
    let author = record.approved.as_ref().map_or("", |by| by.who.as_str());
    let target = format!("deployment:{}", record.number);
    let mut versions = Versions::new(&record.tenant, target, author, now);
    // What a box attested by now counts, for others and for what it has.
    let mut said = judge_others(hq, change, record, now).await?;
    let before = befores(change, &record.tenant).await?;
    let mut places = Vec::new();
    for (place, digest) in wanted {
        let Some(version) = versions.of(change, &place, &digest).await? else { continue };
        add(change, record.number, &place, version, &digest, before.get(&place)).await?;
        places.push((place, version));
    }
    if places.is_empty() {
        let why = "no box of it is left";
        record::end(change, record.number, State::Expired, why, None, now).await?;
        return Ok(said);
    }
    take_over(change, record, now).await?;
    for (place, version) in places {
        wish(change, &place, record.number, version, Some(deadline)).await?;
        said.extend(tell(hq, change, &place, now).await?);
    }
    let update = "UPDATE deployments SET state = 'running', started_ms = $2, deadline_ms = $3,
           revision = revision + 1 WHERE number = $1";
    sqlx::query(update)
        .bind(int(record.number))
        .bind(int(now.0))
        .bind(int(deadline.0))
        .execute(&mut **change)
        .await
        .map_err(writing())?;
    Ok(said)
}

/// Its boxes and the digest of the bundle that each is to have.
async fn wanted(
    change: &mut Transaction,
    record: &Record,
) -> Result<Vec<(Place, String)>, HqError> {
    if let Some(digest) = &record.bundle {
        let reach: Reach = parsed("whom a deployment is for", &record.target)?;
        let places = reach.places(change).await?;
        return Ok(places.into_iter().map(|place| (place, digest.clone())).collect());
    }
    match record.reverts {
        Some(number) => revertible(change, &record.tenant, number).await,
        None => Ok(Vec::new()),
    }
}

async fn add(
    change: &mut Transaction,
    number: u64,
    place: &Place,
    version: u64,
    digest: &str,
    before: Option<&Before>,
) -> Result<(), HqError> {
    let insert = "INSERT INTO deployment_nodes
           (deployment, place, version, digest, before_version, before_digest)
         VALUES ($1, $2, $3, $4, $5, $6)";
    sqlx::query(insert)
        .bind(int(number))
        .bind(place.to_string())
        .bind(int(version))
        .bind(digest)
        .bind(before.map(|before| int(before.version)))
        .bind(before.map(|before| before.digest.to_string()))
        .execute(&mut **change)
        .await
        .map_err(writing())?;
    Ok(())
}

/// Judges what other running deployments can judge by now.
async fn judge_others(
    hq: &Hq,
    change: &mut Transaction,
    record: &Record,
    now: UnixMillis,
) -> Result<Vec<Outgoing>, HqError> {
    let mut said = Vec::new();
    for other in record::open(change).await? {
        if other.state != State::Running || other.number == record.number {
            continue;
        }
        match verdicts(change, &other).await {
            Ok(all) => said.extend(judge(hq, change, &other, all, now).await?),
            Err(error) => cannot_look(&other, &error),
        }
    }
    Ok(said)
}

/// Boxes of this deployment that others still wait for are its own from now on.
async fn take_over(
    change: &mut Transaction,
    record: &Record,
    now: UnixMillis,
) -> Result<(), HqError> {
    let update = "UPDATE deployment_nodes SET result = 'silent', code = 'superseded',
           reason = $2, judged_ms = $3
         WHERE deployment <> $1 AND result IS NULL AND place IN (
           SELECT own.place FROM deployment_nodes own WHERE own.deployment = $1)";
    sqlx::query(update)
        .bind(int(record.number))
        .bind(format!("deployment {} took over", record.number))
        .bind(int(now.0))
        .execute(&mut **change)
        .await
        .map_err(writing())?;
    Ok(())
}

/// Notes what is wanted of a box, and until when it may begin.
pub(super) async fn wish(
    change: &mut Transaction,
    place: &Place,
    number: u64,
    version: u64,
    until: Option<UnixMillis>,
) -> Result<(), HqError> {
    let insert = "INSERT INTO wishes (place, deployment, version, until_ms)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (place) DO UPDATE SET deployment = excluded.deployment,
           version = excluded.version, until_ms = excluded.until_ms";
    sqlx::query(insert)
        .bind(place.to_string())
        .bind(int(number))
        .bind(int(version))
        .bind(until.map(|at| int(at.0)))
        .execute(&mut **change)
        .await
        .map_err(writing())?;
    Ok(())
}

/// The message that tells a box what is wanted of it. It is said again until the box knows.
pub(super) async fn tell(
    hq: &Hq,
    change: &mut Transaction,
    place: &Place,
    now: UnixMillis,
) -> Result<Option<Outgoing>, HqError> {
    let pointer = wish_for(change, place).await?;
    pointer.map(|pointer| hq.desired_message(place, &pointer, now)).transpose()
}
