//! Boxes that are not waited for any more go back to what they had.

use super::begin::{Versions, tell, wish};
use super::record::{Record, reading};
use super::step::{forget_wish, write};
use super::verdict::Verdict;
use crate::hq::acts::Actor;
use crate::hq::commands::{Order, ledger};
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::ingest::Outgoing;
use crate::hq::rows::{int, parsed, uint};
use crate::hq::service::Hq;
use crate::protocol::{Document, Fields, NodeTopic, Place, Target, Topic, UnixMillis, Value};

/// How boxes are told to give a bundle up.
const CANCEL: &str = "bundle.cancel";
/// As long as a bundle may take at most: after that it has ended by itself.
const CANCEL_LIFE_MS: u64 = 30 * 24 * 3600 * 1000;

/// A box that was not judged.
struct Left {
    place: Place,
    version: u64,
    before: Option<String>,
}

/// Judges every box that was not as silent, for this reason, and sets it back: what it had committed is
/// offered to it anew, which ends whatever it is at; a box that had nothing is told to give it up.
pub(super) async fn set_back(
    hq: &Hq,
    change: &mut Transaction,
    record: &Record,
    code: &str,
    reason: &str,
    now: UnixMillis,
) -> Result<Vec<Outgoing>, HqError> {
    let target = format!("deployment:{} back", record.number);
    let mut versions = Versions::new(&record.tenant, target, "hq", now);
    let mut said = Vec::new();
    for left in left(change, record.number).await? {
        let Left { place, version, before } = left;
        write(change, record.number, &place, &Verdict::silent(code, reason), now).await?;
        let back = match &before {
            Some(digest) => versions.of(change, &place, digest).await?,
            None => None,
        };
        if let Some(back) = back {
            wish(change, &place, record.number, back, None).await?;
            said.extend(tell(hq, change, &place, now).await?);
        } else {
            forget_wish(change, record.number, &place).await?;
            said.push(nothing_retained(&place));
            said.extend(give_up(hq, change, place, version, now).await?);
        }
    }
    Ok(said)
}

async fn left(change: &mut Transaction, number: u64) -> Result<Vec<Left>, HqError> {
    let select = "SELECT place, version, before_digest FROM deployment_nodes
         WHERE deployment = $1 AND result IS NULL ORDER BY place";
    let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(select)
        .bind(int(number))
        .fetch_all(&mut **change)
        .await
        .map_err(reading())?;
    let left = |(place, version, before): (String, i64, Option<String>)| {
        Ok(Left { place: parsed("a place", &place)?, version: uint(version), before })
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
