//! What a message of a stream leaves in the database.

use super::Heard;
use super::batch::Batch;
use crate::hq::director::AuditHead;
use crate::hq::error::HqError;
use crate::hq::rows::{int, parsed, to_json, uint, word};
use crate::protocol::{
    AuditBlock, Counted, Digest, Event, LogLine, Message, Place, Telemetry, UnixMillis,
};

/// Blocks that are linked to a head in one change; the rest follow with the next.
const MAX_LINKED: usize = 1024;

impl Batch<'_> {
    pub(super) async fn effect(
        &mut self,
        heard: &Heard,
        counted: Counted,
        message: &Message,
    ) -> Result<(), HqError> {
        match message {
            Message::Event(event) => self.event(heard, counted, event).await,
            Message::Telemetry(measured) => self.telemetry(heard, measured).await,
            Message::Audit(block) => self.audit(heard, counted, block).await,
            Message::Log(line) => self.log(heard, line).await,
            // No other message has a place in an uplink's stream.
            _ => Ok(()),
        }
    }

    async fn event(
        &mut self,
        heard: &Heard,
        counted: Counted,
        event: &Event,
    ) -> Result<(), HqError> {
        let insert = "INSERT INTO events (place, ledger, seq, time, at_ms, name, fields)
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        sqlx::query(insert)
            .bind(heard.place.to_string())
            .bind(counted.ledger.to_string())
            .bind(int(counted.seq))
            .bind(int(heard.envelope.time.0))
            .bind(int(self.now.0))
            .bind(event.name.as_str())
            .bind(to_json("an event's fields", &event.fields)?)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("writing an event"))?;
        self.receipt(heard, event).await
    }

    async fn telemetry(&mut self, heard: &Heard, measured: &Telemetry) -> Result<(), HqError> {
        let insert = "INSERT INTO telemetry (place, from_ms, until_ms, at_ms, fields)
             VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(insert)
            .bind(heard.place.to_string())
            .bind(int(measured.from.0))
            .bind(int(measured.until.0))
            .bind(int(self.now.0))
            .bind(to_json("measured values", &measured.values)?)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("writing measured values"))?;
        Ok(())
    }

    async fn log(&mut self, heard: &Heard, line: &LogLine) -> Result<(), HqError> {
        let insert = "INSERT INTO logs (place, at_ms, level, room, sentence, fields)
             VALUES ($1, $2, $3, $4, $5, $6)";
        sqlx::query(insert)
            .bind(heard.place.to_string())
            .bind(int(heard.envelope.time.moment().0))
            .bind(word(&line.level))
            .bind(line.room.as_str())
            .bind(&*line.sentence)
            .bind(to_json("a log line's fields", &line.fields)?)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("writing a log line"))?;
        Ok(())
    }

    async fn audit(
        &mut self,
        heard: &Heard,
        counted: Counted,
        block: &AuditBlock,
    ) -> Result<(), HqError> {
        let insert = "INSERT INTO audit
             (place, ledger, seq, first, entries, before, after, chained, body, at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)";
        sqlx::query(insert)
            .bind(heard.place.to_string())
            .bind(counted.ledger.to_string())
            .bind(int(counted.seq))
            .bind(int(block.first))
            .bind(int(block.entries.len() as u64))
            .bind(block.before.to_string())
            .bind(block.after.to_string())
            .bind(&*heard.envelope.body)
            .bind(int(self.now.0))
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("writing a block of an audit log"))?;
        self.audited.insert(heard.place.clone());
        Ok(())
    }

    /// Signs the heads of audit logs that went on.
    pub(super) async fn sign_heads(&mut self) -> Result<(), HqError> {
        for place in std::mem::take(&mut self.audited) {
            let before = self.head(&place).await?;
            let mut head = before;
            for _ in 0..MAX_LINKED {
                let Some(next) = self.next_block(&place, head.as_ref()).await? else { break };
                head = Some(next);
            }
            if let Some((last, head)) = head.filter(|head| Some(head) != before.as_ref()) {
                self.countersign(&place, last, head).await?;
            }
        }
        Ok(())
    }

    async fn head(&mut self, place: &Place) -> Result<Option<(u64, Digest)>, HqError> {
        let select = "SELECT last, head FROM audit_heads WHERE place = $1";
        let row: Option<(i64, String)> = sqlx::query_as(select)
            .bind(place.to_string())
            .fetch_optional(&mut *self.change)
            .await
            .map_err(HqError::database("reading the head of an audit log"))?;
        let Some((last, head)) = row else { return Ok(None) };
        Ok(Some((uint(last), parsed("the head of an audit log", &head)?)))
    }

    /// The block that goes on exactly where the head is; blocks may have come in any order.
    async fn next_block(
        &mut self,
        place: &Place,
        head: Option<&(u64, Digest)>,
    ) -> Result<Option<(u64, Digest)>, HqError> {
        let reading = || HqError::database("linking an audit log");
        // The first entry of a log has number 1; where nothing is known, the log begins there. Later
        // chains begin where somebody says so.
        let first = head.map_or(1, |(last, _)| last.saturating_add(1));
        let select = "SELECT id, entries, after FROM audit
             WHERE place = $1 AND first = $2 AND (before = $3 OR CAST($3 AS TEXT) IS NULL)
               AND chained = 0 AND entries > 0 ORDER BY id LIMIT 1";
        let row: Option<(i64, i64, String)> = sqlx::query_as(select)
            .bind(place.to_string())
            .bind(int(first))
            .bind(head.map(|(_, head)| head.to_string()))
            .fetch_optional(&mut *self.change)
            .await
            .map_err(reading())?;
        let Some((id, entries, after)) = row else { return Ok(None) };
        self.chain(id).await?;
        let last = first.saturating_add(uint(entries)).saturating_sub(1);
        Ok(Some((last, parsed("the head of an audit log", &after)?)))
    }

    /// Begins a node's next chain with this block and links what goes on from there.
    pub(in crate::hq) async fn begin_chain(
        &mut self,
        place: &Place,
        block: i64,
    ) -> Result<(), HqError> {
        let select = "SELECT first + entries - 1, after FROM audit WHERE id = $1";
        let (last, after): (i64, String) = sqlx::query_as(select)
            .bind(block)
            .fetch_one(&mut *self.change)
            .await
            .map_err(HqError::database("beginning an audit log"))?;
        self.chain(block).await?;
        let mut head = (uint(last), parsed("the head of an audit log", &after)?);
        while let Some(next) = self.next_block(place, Some(&head)).await? {
            head = next;
        }
        self.countersign(place, head.0, head.1).await
    }

    /// Makes a block one of its node's last chain.
    async fn chain(&mut self, block: i64) -> Result<(), HqError> {
        let update = "UPDATE audit SET chained = 1 + (
             SELECT count(*) FROM audit_chains c WHERE c.place = audit.place) WHERE id = $1";
        sqlx::query(update)
            .bind(block)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("linking an audit log"))?;
        Ok(())
    }

    async fn countersign(&mut self, place: &Place, last: u64, head: Digest) -> Result<(), HqError> {
        let at = UnixMillis(self.now.0);
        let signed = self.hq.director.sign(&AuditHead { place: place.clone(), last, head, at })?;
        let insert = "INSERT INTO audit_heads (place, last, head, signed, at_ms)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (place) DO UPDATE SET last = excluded.last, head = excluded.head,
               signed = excluded.signed, at_ms = excluded.at_ms";
        sqlx::query(insert)
            .bind(place.to_string())
            .bind(int(last))
            .bind(head.to_string())
            .bind(to_json("a signed head", &signed)?)
            .bind(int(at.0))
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("signing the head of an audit log"))?;
        Ok(())
    }
}
