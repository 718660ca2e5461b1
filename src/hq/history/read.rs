//! History, read.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Span, Totals, kept};
use crate::hq::error::HqError;
use crate::hq::rows::{from_json, int, uint};
use crate::hq::service::Hq;
use crate::protocol::Place;

/// Rows that one box has at most of any span.
const MAX_ROWS: i64 = 512;

/// What a box measured in a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HistoryRow {
    /// When the span began, in milliseconds since 1970.
    pub from_ms: u64,
    /// When it ends.
    pub until_ms: u64,
    /// Count, sum, least and most of each value; names end with their unit. `covered_ms` is how much
    /// of the span was measured.
    pub values: Totals,
}

impl Hq {
    /// What a box measured in spans that begin at a moment or later, oldest first.
    pub async fn history(
        &self,
        place: &Place,
        span: Span,
        since_ms: u64,
    ) -> Result<Vec<HistoryRow>, HqError> {
        let select = "SELECT from_ms, fields FROM history
             WHERE place = $1 AND span_ms = $2 AND from_ms >= $3 ORDER BY from_ms DESC LIMIT $4";
        let rows: Vec<(i64, String)> = sqlx::query_as(select)
            .bind(place.to_string())
            .bind(int(span.ms()))
            .bind(int(since_ms))
            .bind(MAX_ROWS)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading history"))?;
        let row = |(from, fields): (i64, String)| {
            let from_ms = uint(from);
            let (until_ms, values) = (from_ms + span.ms(), from_json("history", &fields)?);
            Ok(HistoryRow { from_ms, until_ms, values })
        };
        rows.into_iter().rev().map(row).collect()
    }

    /// The newest measurements after a moment as they came, oldest first, in the same form.
    pub(in crate::hq) async fn newest_measured(
        &self,
        place: &Place,
        since_ms: u64,
        most: u32,
    ) -> Result<Vec<HistoryRow>, HqError> {
        let select = "SELECT from_ms, until_ms, fields FROM telemetry
             WHERE place = $1 AND until_ms > $2 ORDER BY until_ms DESC, id DESC LIMIT $3";
        let rows: Vec<(i64, i64, String)> = sqlx::query_as(select)
            .bind(place.to_string())
            .bind(int(since_ms))
            .bind(i64::from(most))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading measured values"))?;
        let row = |(from, until, fields): (i64, i64, String)| {
            let (from_ms, until_ms) = (uint(from), uint(until));
            HistoryRow { from_ms, until_ms, values: kept(from_ms, until_ms, &fields) }
        };
        Ok(rows.into_iter().rev().map(row).collect())
    }
}
