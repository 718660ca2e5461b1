//! Whether nodes' audit logs are as they were when HQ had them.

mod answers;
mod chains;
mod follow;

use schemars::JsonSchema;
use serde::Serialize;

pub use self::answers::AnswersHead;
use self::chains::Chain;
use self::follow::Followed;
use super::clock::now;
use super::director::AuditHead;
use super::error::HqError;
use super::rows::{from_json, int, parsed, uint};
use super::service::Hq;
use crate::protocol::{Label, Place, Signed, UnixMillis, Watermark};

/// Blocks that came too early are followed by what is between within this time.
const PATIENCE_MS: u64 = 10 * 60 * 1000;

/// What was found of one chain of a node's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditProof {
    /// Whose log.
    pub place: String,
    /// Which of its chains, from 1; another one begins only where somebody said so.
    pub chain: u64,
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

/// Which logs: of a tenant or one of its boxes, after a place, and of how many boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofPage {
    /// Whose.
    pub tenant: Label,
    /// Of this box alone.
    pub place: Option<Place>,
    /// Of boxes after this one, by name.
    pub after: String,
    /// Of so many boxes at most.
    pub limit: u32,
}

impl Hq {
    /// Follows the logs of a page of nodes, chain by chain, from their first entry to the heads that HQ
    /// signed.
    pub async fn prove_audit(&self, page: &ProofPage) -> Result<Vec<AuditProof>, HqError> {
        let mut proofs = Vec::new();
        for place in self.with_logs(page).await? {
            proofs.extend(self.prove(&place).await?);
        }
        Ok(proofs)
    }

    /// Nodes of which HQ has, or had, an audit log.
    async fn with_logs(&self, page: &ProofPage) -> Result<Vec<String>, HqError> {
        let select = "SELECT n.place FROM nodes n
             WHERE n.tenant = $1 AND (n.place = $2 OR CAST($2 AS TEXT) IS NULL) AND n.place > $3
               AND (EXISTS (SELECT 1 FROM audit_heads h WHERE h.place = n.place)
                 OR EXISTS (SELECT 1 FROM audit a WHERE a.place = n.place)
                 OR EXISTS (SELECT 1 FROM audit_chains c WHERE c.place = n.place)
                 OR EXISTS (SELECT 1 FROM marks m WHERE m.place = n.place AND m.stream = 'audit'))
             ORDER BY n.place LIMIT $4";
        let rows: Vec<(String,)> = sqlx::query_as(select)
            .bind(page.tenant.as_str())
            .bind(page.place.as_ref().map(ToString::to_string))
            .bind(&page.after)
            .bind(i64::from(page.limit))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading audit logs"))?;
        Ok(rows.into_iter().map(|(place,)| place).collect())
    }

    async fn prove(&self, place: &str) -> Result<Vec<AuditProof>, HqError> {
        let mut proofs = Vec::new();
        for chain in self.chains_of(place).await? {
            let mut followed = Followed::default();
            let mut fault = self.follow_blocks((place, chain.number), &mut followed).await?;
            if fault.is_none() {
                fault = self.missing_start(place, &chain, &followed).await?;
            }
            if fault.is_none() {
                fault = self.judge(place, &followed, chain.signed.as_deref())?;
            }
            proofs.push(AuditProof {
                place: place.to_owned(),
                chain: chain.number,
                entries: followed.entries,
                first: followed.first.unwrap_or(0),
                last: followed.next.saturating_sub(1),
                loose_blocks: 0,
                signed_ms: chain.signed_ms,
                fault,
            });
        }
        let beside = self.beside(place).await?;
        let gone = self.gone(place).await?;
        if let Some(going) = proofs.last_mut() {
            going.loose_blocks = beside.blocks;
            let beside = beside.fault(going.last);
            going.fault = going.fault.take().or(gone).or(beside);
        }
        // Nothing was told yet but that there is nothing.
        proofs.retain(|proof| proof.signed_ms > 0 || proof.fault.is_some() || proof.entries > 0);
        Ok(proofs)
    }

    /// Whether everything that came is here still: nothing leaves before its age but by the bounds.
    async fn keeps_all(&self, place: &str) -> Result<bool, HqError> {
        let select = "SELECT n.created_ms, (SELECT coalesce(max(id), 0) FROM audit),
               (SELECT count(*) FROM audit a WHERE a.place = n.place)
             FROM nodes n WHERE n.place = $1";
        let (created, rows, own): (i64, i64, i64) = sqlx::query_as(select)
            .bind(place)
            .fetch_one(self.database.reader())
            .await
            .map_err(HqError::database("reading a node"))?;
        let keep = &self.config.keep;
        let age_ms = u64::try_from(keep.audit.as_millis()).unwrap_or(u64::MAX);
        Ok(now().0.saturating_sub(uint(created)) < age_ms
            && uint(rows) <= u64::from(keep.rows)
            && uint(own) < u64::from(keep.rows_of_a_node))
    }

    /// What is wrong with a chain that does not begin with its first entry: nothing where that can have
    /// left by its age or because there were too many.
    async fn missing_start(
        &self,
        place: &str,
        chain: &Chain,
        followed: &Followed,
    ) -> Result<Option<String>, HqError> {
        let Some(first) = followed.first.filter(|first| *first > chain.first) else {
            return Ok(None);
        };
        let kept_all = self.keeps_all(place).await?;
        let told = || format!("entries {} to {} are missing", chain.first, first - 1);
        Ok(kept_all.then(told))
    }

    /// What HQ acknowledged of a log of which nothing is here any more, not even a head: its watermark
    /// says that it was.
    async fn gone(&self, place: &str) -> Result<Option<String>, HqError> {
        let select = "SELECT m.ledger, m.mark, (SELECT coalesce(sum(g.last - g.first + 1), 0)
               FROM gaps g WHERE g.place = m.place AND g.ledger = m.ledger AND g.stream = 'audit')
             FROM marks m WHERE m.place = $1 AND m.stream = 'audit' AND NOT EXISTS (
               SELECT 1 FROM audit a WHERE a.place = m.place AND a.ledger = m.ledger)";
        let rows: Vec<(String, String, i64)> = sqlx::query_as(select)
            .bind(place)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading how far an audit log came"))?;
        for (ledger, mark, lost) in rows {
            let through = from_json::<Watermark>("a watermark", &mark)?.through();
            if through > uint(lost) && self.keeps_all(place).await? {
                return Ok(Some(format!(
                    "HQ acknowledged {} messages of its log {ledger}, and none is here",
                    through - uint(lost)
                )));
            }
        }
        Ok(None)
    }

    /// Whether a chain ends where HQ's signature says.
    fn judge(
        &self,
        place: &str,
        followed: &Followed,
        signed: Option<&str>,
    ) -> Result<Option<String>, HqError> {
        let Some(signed) = signed else {
            let there = followed.entries > 0;
            return Ok(there.then(|| "its signed head is gone".to_owned()));
        };
        let signed = serde_json::from_str::<Signed<AuditHead>>(signed).ok();
        let keys = self.director.keys();
        let head = signed.and_then(|signed| keys.verify(&signed, UnixMillis(0)).ok());
        let Some(head) = head else {
            return Ok(Some("HQ's signature of its head is wrong".to_owned()));
        };
        let of: Place = parsed("a place", place)?;
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

    /// What came and goes on from nothing that HQ has.
    async fn beside(&self, place: &str) -> Result<Beside, HqError> {
        let select = "SELECT count(*), coalesce(min(first), 0),
               coalesce(sum(CASE WHEN at_ms < $2 THEN 1 ELSE 0 END), 0)
             FROM audit WHERE place = $1 AND chained = 0";
        let (blocks, first, late): (i64, i64, i64) = sqlx::query_as(select)
            .bind(place)
            .bind(int(now().0.saturating_sub(PATIENCE_MS)))
            .fetch_one(self.database.reader())
            .await
            .map_err(HqError::database("reading an audit log"))?;
        Ok(Beside { blocks: uint(blocks), first: uint(first), late: late > 0 })
    }
}

/// Blocks beside a chain.
struct Beside {
    blocks: u64,
    /// The least number of an entry among them.
    first: u64,
    /// Whether one has waited so long that nothing will come before it.
    late: bool,
}

impl Beside {
    /// What is wrong with them beside a chain that ends there.
    fn fault(&self, last: u64) -> Option<String> {
        let another = self.first <= last;
        (self.blocks > 0 && (another || self.late)).then(|| {
            format!(
                "{} blocks, from entry {}, do not go on where it ends: the box may have another disk; \
                 `endcap hq audit begin` begins another chain",
                self.blocks, self.first
            )
        })
    }
}
