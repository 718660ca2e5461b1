//! Boxes that are not waited for any more go back to what they had.

use super::begin::{Versions, tell, wish};
use super::record::{Record, reading, writing};
use super::step::write;
use super::verdict::Verdict;
use crate::hq::acts::Actor;
use crate::hq::commands::{Order, ledger};
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::ingest::Outgoing;
use crate::hq::rows::{int, parsed, uint};
use crate::hq::service::Hq;
use crate::protocol::{
    Digest, Document, Fields, NodeTopic, Place, Target, Topic, UnixMillis, Value,
};

/// How boxes are told to give a bundle up.
const CANCEL: &str = "bundle.cancel";
/// As long as a bundle may take at most: after that it has ended by itself.
const CANCEL_LIFE_MS: u64 = 30 * 24 * 3600 * 1000;

/// A box that was not judged.
struct Left {
    place: Place,
    version: u64,
}

/// Boxes on their way back to what they had before a deployment.
pub(super) struct GoingBack<'a> {
    hq: &'a Hq,
    record: &'a Record,
    versions: Versions<'a>,
    now: UnixMillis,
    /// What is to be said to them.
    pub(super) said: Vec<Outgoing>,
}

impl<'a> GoingBack<'a> {
    pub(super) fn of(hq: &'a Hq, record: &'a Record, now: UnixMillis) -> Self {
        let target = format!("deployment:{} back", record.number);
        let versions = Versions::new(&record.tenant, target, "hq", now);
        Self { hq, record, versions, now, said: Vec::new() }
    }

    /// A box that came to an end by itself: `holds` is what it has committed. Where that is what it had,
    /// it stays wanted, so that a new disk does not try the other one again. A box that is `past` the
    /// deployment, at a version from elsewhere, is left alone with that.
    pub(super) async fn of_box(
        &mut self,
        change: &mut Transaction,
        place: &Place,
        holds: Option<Digest>,
        past: bool,
    ) -> Result<(), HqError> {
        let number = self.record.number;
        let select = "SELECT d.before_digest, v.version FROM deployment_nodes d
             LEFT JOIN desired v ON v.tenant = $3 AND v.document = 'bundle'
               AND v.version = d.before_version AND v.digest = d.before_digest
             WHERE d.deployment = $1 AND d.place = $2";
        let row: Option<(Option<String>, Option<i64>)> = sqlx::query_as(select)
            .bind(int(number))
            .bind(place.to_string())
            .bind(self.record.tenant.as_str())
            .fetch_optional(&mut **change)
            .await
            .map_err(reading())?;
        let (before, known) = row.unwrap_or_default();
        let same = before.is_some() && before == holds.map(|digest| digest.to_string());
        match (known, before) {
            (Some(version), _) if same => wish(change, place, number, uint(version), None).await,
            (_, Some(digest)) if !past => self.offer(change, place, &digest).await.map(drop),
            _ => forget_wish(change, number, place).await,
        }
    }

    /// Offers a box a bundle anew, which ends whatever it is at; whether HQ has it.
    async fn offer(
        &mut self,
        change: &mut Transaction,
        place: &Place,
        digest: &str,
    ) -> Result<bool, HqError> {
        let number = self.record.number;
        let Some(version) = self.versions.of(change, place, digest).await? else {
            forget_wish(change, number, place).await?;
            return Ok(false);
        };
        wish(change, place, number, version, None).await?;
        self.said.extend(tell(self.hq, change, place, self.now).await?);
        Ok(true)
    }
}

/// Judges every box that was not as silent, for this reason, and sets it back: what it had is offered
/// to it anew; a box that had nothing is told to give it up.
pub(super) async fn set_back(
    hq: &Hq,
    change: &mut Transaction,
    record: &Record,
    code: &str,
    reason: &str,
    now: UnixMillis,
) -> Result<Vec<Outgoing>, HqError> {
    let mut going_back = GoingBack::of(hq, record, now);
    for (Left { place, version }, before) in left(change, record.number).await? {
        write(change, record.number, &place, &Verdict::silent(code, reason), now).await?;
        let back = match &before {
            Some(digest) => going_back.offer(change, &place, digest).await?,
            None => false,
        };
        if !back {
            forget_wish(change, record.number, &place).await?;
            going_back.said.push(nothing_retained(&place));
            let given_up = give_up(hq, change, place, version, now).await?;
            going_back.said.extend(given_up);
        }
    }
    Ok(going_back.said)
}

async fn left(
    change: &mut Transaction,
    number: u64,
) -> Result<Vec<(Left, Option<String>)>, HqError> {
    let select = "SELECT place, version, before_digest FROM deployment_nodes
         WHERE deployment = $1 AND result IS NULL ORDER BY place";
    let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(select)
        .bind(int(number))
        .fetch_all(&mut **change)
        .await
        .map_err(reading())?;
    let left = |(place, version, before): (String, i64, Option<String>)| {
        Ok((Left { place: parsed("a place", &place)?, version: uint(version) }, before))
    };
    rows.into_iter().map(left).collect()
}

/// What the broker keeps for the box would come to it before the command.
fn nothing_retained(place: &Place) -> Outgoing {
    let topic = Topic::Node(place.clone(), NodeTopic::Desired(Document::Bundle)).to_string();
    Outgoing { topic, payload: Vec::new(), retain: true }
}

async fn give_up(
    hq: &Hq,
    change: &mut Transaction,
    place: Place,
    version: u64,
    now: UnixMillis,
) -> Result<Option<Outgoing>, HqError> {
    let version = Value::from(i64::try_from(version).unwrap_or(i64::MAX));
    let order = Order {
        target: Target::Node(place.clone()),
        name: CANCEL.parse()?,
        arguments: Fields::new([("version".parse()?, version)].into())?,
        life_ms: CANCEL_LIFE_MS,
    };
    let ledger = ledger(change).await?;
    let hq_itself = Actor { name: "hq".to_owned(), ..Actor::local() };
    match hq.give(change, ledger, &hq_itself, &order, place, now).await {
        Ok((_, said)) => Ok(Some(said)),
        // The box does not answer; the pointer's own end keeps it from beginning.
        Err(HqError::TooMuch { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Nothing more is wanted of a box by this deployment.
async fn forget_wish(change: &mut Transaction, number: u64, place: &Place) -> Result<(), HqError> {
    sqlx::query("DELETE FROM wishes WHERE place = $1 AND deployment = $2")
        .bind(place.to_string())
        .bind(int(number))
        .execute(&mut **change)
        .await
        .map_err(writing())?;
    Ok(())
}
