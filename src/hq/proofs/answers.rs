//! The heads of boxes' chains of generated answers, which their audit logs tell.
//!
//! A box writes each head into the log that HQ countersigns. Whoever owns the box may write its chain
//! anew; the heads that are here it cannot.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hq::error::HqError;
use crate::hq::rows::{int, uint};
use crate::hq::service::Hq;
use crate::protocol::{Message, Place};

/// The act by which a box tells a head.
const ACT: &str = "answers.head";
/// The schema under which blocks are kept.
const AUDIT_SCHEMA: u16 = 3;
/// Blocks that are read at once, and in all.
const SOME: i64 = 500;
const MAX_BLOCKS: i64 = 50_000;

/// A head of a box's chain of generated answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AnswersHead {
    /// The number of the last record before it.
    pub entries: u64,
    /// The head, hexadecimal.
    pub head: String,
    /// When the box told it, in milliseconds since 1970.
    pub told_ms: u64,
    /// The entry of the box's audit log that tells it.
    pub entry: u64,
}

/// An entry of the log, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Entry {
    act: String,
    at_ms: u64,
    entries: Option<u64>,
    head: Option<String>,
}

impl Hq {
    /// The newest heads of a box's chain of answers, at most so many, the oldest of them first. Only what
    /// the box's signed audit log has counts.
    pub async fn answers_heads(
        &self,
        place: &Place,
        most: u32,
    ) -> Result<Vec<AnswersHead>, HqError> {
        self.registry().node(place).await?;
        let select = "SELECT first, body FROM audit
             WHERE place = $1 AND chained > 0 AND first < $2
               AND chained = (SELECT max(chained) FROM audit WHERE place = $1)
             ORDER BY first DESC LIMIT $3";
        let (mut heads, mut below, mut read) = (Vec::new(), u64::MAX, 0);
        while read < MAX_BLOCKS && heads.len() < most as usize {
            let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(select)
                .bind(place.to_string())
                .bind(int(below))
                .bind(SOME)
                .fetch_all(self.database.reader())
                .await
                .map_err(HqError::database("reading an audit log"))?;
            read += SOME;
            let Some((last, _)) = rows.last() else { break };
            below = uint(*last);
            for (first, body) in &rows {
                heads.extend(told(uint(*first), body).into_iter().rev());
            }
        }
        heads.truncate(most as usize);
        heads.reverse();
        Ok(heads)
    }
}

/// The heads that a block tells.
fn told(first: u64, body: &[u8]) -> Vec<AnswersHead> {
    let Ok(Message::Audit(block)) = Message::parse(AUDIT_SCHEMA, body) else { return Vec::new() };
    let one = |(entry, bytes): (u64, &[u8])| {
        let Entry { act, at_ms, entries, head } = serde_json::from_slice(bytes).ok()?;
        (act == ACT).then_some(())?;
        Some(AnswersHead { entries: entries?, head: head?, told_ms: at_ms, entry })
    };
    let entries = block.entries.iter().map(|entry| -> &[u8] { entry });
    (first..).zip(entries).filter_map(one).collect()
}
