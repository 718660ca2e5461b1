//! How far HQ is with a stream, as its node is told; of the audit log with HQ's signature.

use super::batch::Of;
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::rows::{int, parsed, uint};
use crate::hq::service::Hq;
use crate::protocol::{Ack, AuditStored, Digest, Stream, UnixMillis, Watermark};

pub(super) async fn ack(
    hq: &Hq,
    change: &mut Transaction,
    of: &Of,
    mark: &Watermark,
    now: UnixMillis,
) -> Result<Ack, HqError> {
    let (place, ledger, stream) = of;
    let mut ack = Ack::of(*ledger, *stream, mark)?;
    if *stream == Stream::Audit {
        let through = mark.through();
        let (last, head) = last_block(change, of, through).await?.unwrap_or((0, Digest([0; 32])));
        let (place, ledger) = (place.clone(), *ledger);
        let stored = AuditStored { place, ledger, through, last, head, at: now };
        ack.audit = Some(hq.director.sign(&stored)?);
    }
    Ok(ack)
}

/// Number and head of the last block up to a number; none where HQ has none.
async fn last_block(
    change: &mut Transaction,
    (place, ledger, _): &Of,
    through: u64,
) -> Result<Option<(u64, Digest)>, HqError> {
    let select = "SELECT seq, after FROM audit WHERE place = $1 AND ledger = $2 AND seq <= $3
         ORDER BY seq DESC LIMIT 1";
    let row: Option<(i64, String)> = sqlx::query_as(select)
        .bind(place.to_string())
        .bind(ledger.to_string())
        .bind(int(through))
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("reading the last block of an audit log"))?;
    let Some((seq, head)) = row else { return Ok(None) };
    Ok(Some((uint(seq), parsed("the head of an audit log", &head)?)))
}
