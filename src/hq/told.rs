//! What nodes told, read a page at a time.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::error::HqError;
use super::rows::{from_json, int, uint};
use super::service::Hq;
use crate::protocol::{Label, Place};

/// Which rows: of a tenant or one of its boxes, before an id, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Whose.
    pub tenant: Label,
    /// Of this box alone.
    pub place: Option<Place>,
    /// With ids below this one.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// Something that happened in a store.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EventRow {
    /// Ascends in the order in which HQ heard of it.
    pub id: u64,
    /// The box.
    pub place: String,
    /// Its number in the box's stream.
    pub seq: u64,
    /// When it happened, in milliseconds since 1970.
    pub happened_ms: u64,
    /// When HQ had it.
    pub at_ms: u64,
    /// What happened.
    pub name: String,
    /// With what.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub fields: Box<RawValue>,
}

/// Values that a box measured over a while.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MeasuredRow {
    /// From when on, in milliseconds since 1970.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// By name; names end with their unit.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub values: Box<RawValue>,
}

/// Messages that a box had to drop.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GapRow {
    /// Ascends.
    pub id: u64,
    /// The box.
    pub place: String,
    /// Of which stream.
    pub stream: String,
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
    /// When HQ heard of it.
    pub at_ms: u64,
}

/// A message that could not be taken.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LaidAsideRow {
    /// Ascends.
    pub id: u64,
    /// The box.
    pub place: String,
    /// Below the box's own topics.
    pub topic: String,
    /// Why not.
    pub why: String,
    /// How many of its bytes are kept.
    pub kept_bytes: u64,
    /// When it came.
    pub at_ms: u64,
}

/// How far a box's audit log has come, and HQ's word for it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AuditHeadRow {
    /// The box.
    pub place: String,
    /// Number of the last entry up to which everything is here and fits together.
    pub last: u64,
    /// The chain's head after it.
    pub head: String,
    /// When HQ had it.
    pub at_ms: u64,
    /// Blocks that came and do not fit behind the head: what is between them is missing or was changed.
    pub loose_blocks: u64,
    /// The signed statement.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub signed: Box<RawValue>,
}

/// A page's condition over a table that has `place` and `id`; `$1` to `$4` are bound by [`bound`].
macro_rules! of_page {
    ($columns:literal, $table:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $table,
            " t JOIN nodes n ON n.place = t.place
             WHERE n.tenant = $1 AND (t.place = $2 OR CAST($2 AS TEXT) IS NULL) AND t.id < $3
             ORDER BY t.id DESC LIMIT $4"
        )
    };
}

macro_rules! fetch {
    ($hq:expr, $page:expr, $select:expr, $act:literal) => {
        sqlx::query_as($select)
            .bind($page.tenant.as_str())
            .bind($page.place.as_ref().map(ToString::to_string))
            .bind(int($page.before.unwrap_or(u64::MAX)))
            .bind(i64::from($page.limit))
            .fetch_all($hq.database.reader())
            .await
            .map_err(HqError::database($act))
    };
}

impl Hq {
    /// Events, the newest first.
    pub async fn events(&self, page: &Page) -> Result<Vec<EventRow>, HqError> {
        let select = of_page!("t.id, t.place, t.seq, t.time, t.at_ms, t.name, t.fields", "events");
        type Columns = (i64, String, i64, i64, i64, String, String);
        let rows: Vec<Columns> = fetch!(self, page, select, "reading events")?;
        let row = |(id, place, seq, time, at_ms, name, fields): Columns| {
            let happened = crate::protocol::HybridTime(uint(time)).moment();
            let fields = from_json("an event's fields", &fields)?;
            let (id, seq, happened_ms) = (uint(id), uint(seq), happened.0);
            Ok(EventRow { id, place, seq, happened_ms, at_ms: uint(at_ms), name, fields })
        };
        rows.into_iter().map(row).collect()
    }

    /// Declared gaps, the newest first.
    pub async fn gaps(&self, page: &Page) -> Result<Vec<GapRow>, HqError> {
        let select = of_page!("t.id, t.place, t.stream, t.first, t.last, t.at_ms", "gaps");
        type Columns = (i64, String, String, i64, i64, i64);
        let rows: Vec<Columns> = fetch!(self, page, select, "reading gaps")?;
        let row = |(id, place, stream, first, last, at_ms): Columns| GapRow {
            id: uint(id),
            place,
            stream,
            first: uint(first),
            last: uint(last),
            at_ms: uint(at_ms),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Messages that could not be taken, the newest first.
    pub async fn laid_aside(&self, page: &Page) -> Result<Vec<LaidAsideRow>, HqError> {
        let columns =
            of_page!("t.id, t.place, t.topic, t.why, length(t.payload), t.at_ms", "laid_aside");
        type Columns = (i64, String, String, String, i64, i64);
        let rows: Vec<Columns> = fetch!(self, page, columns, "reading what was laid aside")?;
        let row = |(id, place, topic, why, bytes, at_ms): Columns| LaidAsideRow {
            id: uint(id),
            place,
            topic,
            why,
            kept_bytes: uint(bytes),
            at_ms: uint(at_ms),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Heads of audit logs.
    pub async fn audit_heads(&self, page: &Page) -> Result<Vec<AuditHeadRow>, HqError> {
        let select = "SELECT h.place, h.last, h.head, h.at_ms, h.signed,
               (SELECT count(*) FROM audit a WHERE a.place = h.place AND a.chained = 0)
             FROM audit_heads h JOIN nodes n ON n.place = h.place
             WHERE n.tenant = $1 AND (h.place = $2 OR CAST($2 AS TEXT) IS NULL)
             ORDER BY h.place LIMIT $3";
        type Columns = (String, i64, String, i64, String, i64);
        let rows: Vec<Columns> = sqlx::query_as(select)
            .bind(page.tenant.as_str())
            .bind(page.place.as_ref().map(ToString::to_string))
            .bind(i64::from(page.limit))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading heads of audit logs"))?;
        let row = |(place, last, head, at_ms, signed, loose): Columns| {
            let signed = from_json("a signed head", &signed)?;
            let (last, at_ms, loose_blocks) = (uint(last), uint(at_ms), uint(loose));
            Ok(AuditHeadRow { place, last, head, at_ms, loose_blocks, signed })
        };
        rows.into_iter().map(row).collect()
    }

    /// Values that a box measured after a moment, oldest first.
    pub async fn measured(
        &self,
        place: &Place,
        since_ms: u64,
        limit: u32,
    ) -> Result<Vec<MeasuredRow>, HqError> {
        let select = "SELECT from_ms, until_ms, fields FROM telemetry
             WHERE place = $1 AND until_ms > $2 ORDER BY until_ms, id LIMIT $3";
        let rows: Vec<(i64, i64, String)> = sqlx::query_as(select)
            .bind(place.to_string())
            .bind(int(since_ms))
            .bind(i64::from(limit))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading measured values"))?;
        let row = |(from, until, values): (i64, i64, String)| {
            let values = from_json("measured values", &values)?;
            Ok(MeasuredRow { from_ms: uint(from), until_ms: uint(until), values })
        };
        rows.into_iter().map(row).collect()
    }
}
