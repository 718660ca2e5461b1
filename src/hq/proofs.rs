//! Whether nodes' audit logs are as they were when HQ had them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::director::AuditHead;
use super::error::HqError;
use super::rows::{int, parsed, uint};
use super::service::Hq;
use super::told::Page;
use crate::protocol::{AuditBlock, Digest, Message, Signed, UnixMillis};

/// The schema under which blocks are kept.
const AUDIT_SCHEMA: u16 = 3;
/// Blocks that are read at once.
const SOME: i64 = 500;

/// What was found of one node's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditProof {
    /// Whose log.
    pub place: String,
    /// Entries that were looked at.
    pub entries: u64,
    /// The first of them; older ones have left by their age.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// Blocks that go on from nothing that HQ has: of a box that lost its disk, or that came too early.
    pub loose_blocks: u64,
    /// When HQ signed the head, in milliseconds since 1970.
    pub signed_ms: u64,
    /// What is wrong; none where all is as it was.
    pub fault: Option<String>,
}

/// How far a log was followed.
struct Followed {
    first: Option<u64>,
    next: u64,
    head: Option<Digest>,
    entries: u64,
}

impl Hq {
    /// Follows the logs of a page of nodes from their first entry to the head that HQ signed.
    pub async fn prove_audit(&self, page: &Page) -> Result<Vec<AuditProof>, HqError> {
        let mut proofs = self.headless(page).await?;
        for head in self.audit_heads(page).await? {
            let mut followed = Followed { first: None, next: 0, head: None, entries: 0 };
            let fault = match self.follow_blocks(&head.place, &mut followed).await? {
                Some(fault) => Some(fault),
                None => match self.missing_start(&head.place, &followed).await? {
                    Some(fault) => Some(fault),
                    None => self.judge(&head.place, &followed, &head.signed)?,
                },
            };
            proofs.push(AuditProof {
                entries: followed.entries,
                first: followed.first.unwrap_or(0),
                last: followed.next.saturating_sub(1),
                loose_blocks: head.loose_blocks,
                signed_ms: head.at_ms,
                fault,
                place: head.place,
            });
        }
        Ok(proofs)
    }

    /// Logs that somebody has taken the signed head of.
    async fn headless(&self, page: &Page) -> Result<Vec<AuditProof>, HqError> {
        let select = "SELECT a.place, min(a.first), count(*) FROM audit a
             JOIN nodes n ON n.place = a.place LEFT JOIN audit_heads h ON h.place = a.place
             WHERE n.tenant = $1 AND (a.place = $2 OR CAST($2 AS TEXT) IS NULL)
               AND a.chained = 1 AND h.place IS NULL
             GROUP BY a.place ORDER BY a.place LIMIT $3";
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(select)
            .bind(page.tenant.as_str())
            .bind(page.place.as_ref().map(ToString::to_string))
            .bind(i64::from(page.limit))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading audit logs"))?;
        let proof = |(place, first, blocks): (String, i64, i64)| AuditProof {
            place,
            entries: 0,
            first: uint(first),
            last: 0,
            loose_blocks: uint(blocks),
            signed_ms: 0,
            fault: Some("its signed head is gone".to_owned()),
        };
        Ok(rows.into_iter().map(proof).collect())
    }

    /// Goes from block to block; what is wrong with the first that does not fit.
    async fn follow_blocks(
        &self,
        place: &str,
        followed: &mut Followed,
    ) -> Result<Option<String>, HqError> {
        let select = "SELECT first, entries, before, after, body FROM audit
             WHERE place = $1 AND chained = 1 AND first >= $2 ORDER BY first, id LIMIT $3";
        loop {
            let rows: Vec<(i64, i64, String, String, Vec<u8>)> = sqlx::query_as(select)
                .bind(place)
                .bind(int(followed.next))
                .bind(SOME)
                .fetch_all(self.database.reader())
                .await
                .map_err(HqError::database("reading an audit log"))?;
            let full = rows.len() as i64 >= SOME;
            for (first, entries, before, after, body) in rows {
                let said = (uint(first), uint(entries), before, after);
                if let Some(fault) = followed.take(said, &body) {
                    return Ok(Some(fault));
                }
            }
            if !full {
                return Ok(None);
            }
        }
    }

    /// What is wrong with a log that does not begin with its first entry: nothing where that can have
    /// left by its age or because there were too many.
    async fn missing_start(
        &self,
        place: &str,
        followed: &Followed,
    ) -> Result<Option<String>, HqError> {
        let Some(first) = followed.first.filter(|first| *first > 1) else { return Ok(None) };
        let select = "SELECT n.created_ms, (SELECT coalesce(max(id), 0) FROM audit)
             FROM nodes n WHERE n.place = $1";
        let (created, rows): (i64, i64) = sqlx::query_as(select)
            .bind(place)
            .fetch_one(self.database.reader())
            .await
            .map_err(HqError::database("reading a node"))?;
        let keep = &self.config.keep;
        let age_ms = u64::try_from(keep.audit.as_millis()).unwrap_or(u64::MAX);
        let kept_all = super::clock::now().0.saturating_sub(uint(created)) < age_ms
            && uint(rows) <= u64::from(keep.rows);
        Ok(kept_all.then(|| format!("entries 1 to {} are missing", first - 1)))
    }

    /// Whether the log ends where HQ's signature says.
    fn judge(
        &self,
        place: &str,
        followed: &Followed,
        signed: &RawValue,
    ) -> Result<Option<String>, HqError> {
        let signed = serde_json::from_str::<Signed<AuditHead>>(signed.get()).ok();
        let keys = self.director.keys();
        let head = signed.and_then(|signed| keys.verify(&signed, UnixMillis(0)).ok());
        let Some(head) = head else {
            return Ok(Some("HQ's signature of its head is wrong".to_owned()));
        };
        let of: crate::protocol::Place = parsed("a place", place)?;
        let last = followed.next.saturating_sub(1);
        Ok(if head.place != of {
            Some(format!("the signed head is that of {}", head.place))
        } else if head.last != last {
            Some(format!("it ends with entry {last}, and HQ signed entry {}", head.last))
        } else if followed.head != Some(head.head) {
            Some(format!("entry {last} leads to another head than the one that HQ signed"))
        } else {
            None
        })
    }
}

impl Followed {
    /// Takes the next block; what is wrong with it.
    fn take(&mut self, said: (u64, u64, String, String), body: &[u8]) -> Option<String> {
        let (first, entries, before, after) = said;
        let at = format!("block of entry {first}");
        let Ok(Message::Audit(block)) = Message::parse(AUDIT_SCHEMA, body) else {
            return Some(format!("{at}: it cannot be read"));
        };
        if self.first.is_some() && first != self.next {
            return Some(format!(
                "entries {} to {} are missing",
                self.next,
                first.saturating_sub(1)
            ));
        }
        let same = block.first == first
            && block.entries.len() as u64 == entries
            && block.before.to_string() == before
            && block.after.to_string() == after;
        if !same {
            return Some(format!("{at}: it is not what stands beside it"));
        }
        if !block.is_sound() {
            return Some(format!("{at}: its entries do not lead to its head"));
        }
        let expected = self.head.or_else(|| (first == 1).then_some(Digest([0; 32])));
        if expected.is_some_and(|expected| expected != block.before) {
            return Some(format!("{at}: it does not go on where the one before ended"));
        }
        self.follow(&block);
        None
    }

    fn follow(&mut self, block: &AuditBlock) {
        self.first.get_or_insert(block.first);
        self.entries += block.entries.len() as u64;
        self.next = block.first.saturating_add(block.entries.len() as u64);
        self.head = Some(block.after);
    }
}
