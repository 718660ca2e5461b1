//! The chains of a node's audit log: the one that goes on, and those before it.
//!
//! A box that lost its disk begins its log anew, and nothing ties the new entries to the head that HQ
//! signed. HQ signs no further until somebody says that it is so: then the old chain is over, kept and
//! verified as it was, and another begins.

use crate::hq::acts::{self, Actor};
use crate::hq::clock::now;
use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::ingest::Batch;
use crate::hq::rows::{int, uint};
use crate::hq::service::Hq;
use crate::protocol::Place;

/// Characters of a reason.
const MAX_REASON_CHARS: usize = 200;

/// One chain as the database has it.
pub(super) struct Chain {
    /// Counted from 1.
    pub(super) number: u64,
    /// The entry it begins with.
    pub(super) first: u64,
    /// HQ's signed head, as JSON; none where it is gone.
    pub(super) signed: Option<String>,
    /// When HQ signed it.
    pub(super) signed_ms: u64,
}

impl Hq {
    /// Ends a box's chain where HQ signed it, and begins another with what came beside it. Gives the new
    /// chain's number. Refused where the log goes on as it should.
    pub async fn begin_audit_chain(
        &self,
        actor: &Actor,
        place: &Place,
        reason: &str,
    ) -> Result<u64, HqError> {
        let good = (1..=MAX_REASON_CHARS).contains(&reason.trim().chars().count())
            && !reason.chars().any(char::is_control);
        if !good {
            let why = format!("a reason has 1 to {MAX_REASON_CHARS} characters that can be seen");
            return Err(HqError::Value { field: "reason", why });
        }
        self.registry().node(place).await?;
        let mut batch = Batch::begin(self, now()).await?;
        let Some((block, first)) = beginning(&mut batch.change, place).await? else {
            let why =
                "its audit log goes on where HQ signed it; there is nothing to begin".to_owned();
            return Err(HqError::Value { field: "node", why });
        };
        let chain = end_chain(&mut batch.change, place, first, reason).await? + 1;
        batch.begin_chain(place, block).await?;
        let told = format!("chain {chain} from entry {first}: {reason}");
        acts::record(&mut batch.change, actor, "audit.begin", &place.to_string(), &told).await?;
        commit(batch.end().await?.0).await?;
        self.changed();
        Ok(chain)
    }

    /// A node's chains, the first one first.
    pub(super) async fn chains_of(&self, place: &str) -> Result<Vec<Chain>, HqError> {
        let select = "SELECT chain, next_first, signed, signed_ms FROM audit_chains
             WHERE place = $1 ORDER BY chain";
        let ended: Vec<(i64, i64, Option<String>, i64)> = sqlx::query_as(select)
            .bind(place)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading the chains of an audit log"))?;
        let select = "SELECT signed, at_ms FROM audit_heads WHERE place = $1";
        let going: Option<(String, i64)> = sqlx::query_as(select)
            .bind(place)
            .fetch_optional(self.database.reader())
            .await
            .map_err(HqError::database("reading the head of an audit log"))?;
        let (mut chains, mut number, mut first) = (Vec::new(), 0, 1);
        for (chain, next_first, signed, signed_ms) in ended {
            number = uint(chain);
            chains.push(Chain { number, first, signed, signed_ms: uint(signed_ms) });
            first = uint(next_first);
        }
        let (signed, signed_ms) = going.unzip();
        let signed_ms = uint(signed_ms.unwrap_or(0));
        chains.push(Chain { number: number + 1, first, signed, signed_ms });
        Ok(chains)
    }
}

/// The block with which another chain would begin: the first of those beside the chain in the log that
/// the box writes now.
async fn beginning(change: &mut Transaction, place: &Place) -> Result<Option<(i64, u64)>, HqError> {
    let select = "SELECT id, first FROM audit WHERE place = $1 AND chained = 0 AND entries > 0
           AND ledger = (SELECT ledger FROM audit WHERE place = $1 AND chained = 0
             ORDER BY id DESC LIMIT 1)
         ORDER BY first, id LIMIT 1";
    let row: Option<(i64, i64)> = sqlx::query_as(select)
        .bind(place.to_string())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("looking for the beginning of an audit log"))?;
    Ok(row.map(|(id, first)| (id, uint(first))))
}

/// Puts the chain that goes on among those that are over; gives its number.
async fn end_chain(
    change: &mut Transaction,
    place: &Place,
    next_first: u64,
    reason: &str,
) -> Result<u64, HqError> {
    let ending = || HqError::database("ending a chain of an audit log");
    let place = place.to_string();
    let select = "SELECT coalesce(max(chain), 0) + 1 FROM audit_chains WHERE place = $1";
    let (chain,): (i64,) =
        sqlx::query_as(select).bind(&place).fetch_one(&mut **change).await.map_err(ending())?;
    let select = "SELECT last, signed, at_ms FROM audit_heads WHERE place = $1";
    let head: Option<(i64, String, i64)> =
        sqlx::query_as(select).bind(&place).fetch_optional(&mut **change).await.map_err(ending())?;
    let (last, signed, at_ms) = match head {
        Some((last, signed, at_ms)) => (last, Some(signed), at_ms),
        None => (0, None, 0),
    };
    let insert = "INSERT INTO audit_chains
           (place, chain, last, signed, signed_ms, next_first, reason, ended_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(insert)
        .bind(&place)
        .bind(chain)
        .bind(last)
        .bind(signed)
        .bind(at_ms)
        .bind(int(next_first))
        .bind(reason)
        .bind(int(now().0))
        .execute(&mut **change)
        .await
        .map_err(ending())?;
    sqlx::query("DELETE FROM audit_heads WHERE place = $1")
        .bind(&place)
        .execute(&mut **change)
        .await
        .map_err(ending())?;
    Ok(uint(chain))
}
