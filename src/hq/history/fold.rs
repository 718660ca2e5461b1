//! Measurements into history, each once.

use std::collections::BTreeMap;

use super::{Span, Totals, kept, merge};
use crate::hq::database::{Transaction, commit};
use crate::hq::error::HqError;
use crate::hq::rows::{from_json, int, to_json, uint};
use crate::hq::service::Hq;
use crate::protocol::UnixMillis;

/// Measurements in one change.
const MAX_ROWS: i64 = 500;
/// A box whose clock is further ahead measured at a time that nobody can know.
const MAX_AHEAD_MS: u64 = 3600 * 1000;

type Row = (i64, String, i64, i64, String);

/// One row of history: whose, over how long, from when.
type Of = (String, Span, u64);

fn folding() -> impl FnOnce(sqlx::Error) -> HqError {
    HqError::database("folding measured values")
}

impl Hq {
    /// Folds what came since the last time; whether there is more.
    pub(in crate::hq) async fn fold(&self, now: UnixMillis) -> Result<bool, HqError> {
        let mut change = self.database.begin().await?;
        let after = position(&mut change).await?;
        let select = "SELECT id, place, from_ms, until_ms, fields FROM telemetry
             WHERE id > $1 ORDER BY id LIMIT $2";
        let rows: Vec<Row> = sqlx::query_as(select)
            .bind(after)
            .bind(MAX_ROWS)
            .fetch_all(&mut *change)
            .await
            .map_err(folding())?;
        let Some((last, ..)) = rows.last() else { return Ok(false) };
        let last = *last;
        let full = rows.len() as i64 == MAX_ROWS;
        for (of, totals) in added_up(rows, now) {
            add(&mut change, &of, totals).await?;
        }
        set_position(&mut change, last).await?;
        commit(change).await?;
        self.changed();
        Ok(full)
    }

    /// Removes spans that are older than they are kept.
    pub(in crate::hq) async fn tidy_history(&self, now: UnixMillis) -> Result<(), HqError> {
        let mut change = self.database.begin().await?;
        for span in Span::ALL {
            let kept_ms = u64::try_from(span.kept().as_millis()).unwrap_or(u64::MAX);
            sqlx::query("DELETE FROM history WHERE span_ms = $1 AND from_ms < $2")
                .bind(int(span.ms()))
                .bind(int(now.0.saturating_sub(kept_ms)))
                .execute(&mut *change)
                .await
                .map_err(folding())?;
        }
        commit(change).await
    }
}

fn added_up(rows: Vec<Row>, now: UnixMillis) -> BTreeMap<Of, Totals> {
    let mut all: BTreeMap<Of, Totals> = BTreeMap::new();
    for (_, place, from, until, fields) in rows {
        let (from, until) = (uint(from), uint(until));
        if until > now.plus(MAX_AHEAD_MS).0 {
            continue;
        }
        let totals = kept(from, until, &fields);
        for span in Span::ALL {
            let kept_ms = u64::try_from(span.kept().as_millis()).unwrap_or(u64::MAX);
            if until < now.0.saturating_sub(kept_ms) {
                continue;
            }
            // What ends with a span belongs to it.
            let begin = until.saturating_sub(1) / span.ms() * span.ms();
            merge(all.entry((place.clone(), span, begin)).or_default(), &totals);
        }
    }
    all
}

/// The last measurement that was folded.
async fn position(change: &mut Transaction) -> Result<i64, HqError> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT value FROM settings WHERE name = 'history'")
            .fetch_optional(&mut **change)
            .await
            .map_err(folding())?;
    let after = row.and_then(|(text,)| text.parse().ok()).unwrap_or(0);
    let (last,): (i64,) = sqlx::query_as("SELECT coalesce(max(id), 0) FROM telemetry")
        .fetch_one(&mut **change)
        .await
        .map_err(folding())?;
    // Once everything has left the table, its ids begin anew.
    Ok(if last < after { 0 } else { after })
}

async fn set_position(change: &mut Transaction, last: i64) -> Result<(), HqError> {
    let insert = "INSERT INTO settings (name, value) VALUES ('history', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sqlx::query(insert).bind(last.to_string()).execute(&mut **change).await.map_err(folding())?;
    Ok(())
}

async fn add(change: &mut Transaction, of: &Of, mut totals: Totals) -> Result<(), HqError> {
    let (place, span, begin) = of;
    let select = "SELECT fields FROM history WHERE place = $1 AND span_ms = $2 AND from_ms = $3";
    let known: Option<(String,)> = sqlx::query_as(select)
        .bind(place)
        .bind(int(span.ms()))
        .bind(int(*begin))
        .fetch_optional(&mut **change)
        .await
        .map_err(folding())?;
    if let Some((fields,)) = known {
        merge(&mut totals, &from_json("history", &fields)?);
    }
    let insert = "INSERT INTO history (place, span_ms, from_ms, fields) VALUES ($1, $2, $3, $4)
         ON CONFLICT (place, span_ms, from_ms) DO UPDATE SET fields = excluded.fields";
    sqlx::query(insert)
        .bind(place)
        .bind(int(span.ms()))
        .bind(int(*begin))
        .bind(to_json("history", &totals)?)
        .execute(&mut **change)
        .await
        .map_err(folding())?;
    Ok(())
}
