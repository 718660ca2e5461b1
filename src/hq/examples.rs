//! Answers that associates put right, as their boxes sent them: a question, what was answered, and what is
//! better. Boxes take out personal data before; what a shopper has erased there is erased here.

use schemars::JsonSchema;
use serde::Serialize;

use super::clock::now;
use super::database::{Transaction, commit, overwriting};
use super::error::HqError;
use super::rows::{from_json, int, to_json, uint};
use super::service::Hq;
use super::told::Page;
use crate::protocol::Place;
use crate::protocol::examples::{Example, Sent, Taken};

/// Examples, and numbers of erased ones, that come at once.
pub const MAX_AT_ONCE: usize = 256;
/// Examples of one box; its oldest leave.
const MAX_OF_A_BOX: i64 = 10_000;
/// Files of one box that are told apart; its oldest leave.
const MAX_ORIGINS: i64 = 8;
/// Bytes of each text, and SKUs.
const MAX_TEXT_BYTES: usize = 16 << 10;
const MAX_CITED: usize = 64;

/// An example and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExampleRow {
    /// Ascends in the order in which HQ had them.
    pub id: u64,
    /// The box.
    pub place: String,
    /// When HQ had it, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it is.
    #[serde(flatten)]
    pub example: Example,
}

/// Refuses what is more than may come.
fn check(sent: &Sent) -> Result<(), HqError> {
    let wrong = |field, why: String| Err(HqError::Value { field, why });
    if sent.origin.len() != 16 || !sent.origin.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return wrong("origin", "it has 16 hexadecimal digits".to_owned());
    }
    for (field, count) in [("examples", sent.examples.len()), ("erased", sent.erased.len())] {
        if count > MAX_AT_ONCE {
            return wrong(field, format!("it has {count} entries; at most {MAX_AT_ONCE} may come"));
        }
    }
    for example in &sent.examples {
        let texts = [&example.question, &example.answered, &example.better];
        let short = [&example.language, &example.by];
        let fits = texts.iter().all(|text| text.len() <= MAX_TEXT_BYTES)
            && short.iter().all(|text| text.len() <= 128)
            && example.cited.len() <= MAX_CITED
            && example.cited.iter().all(|sku| sku.len() <= 128);
        if !fits {
            let why = format!("example {} is larger than may be", example.number);
            return wrong("examples", why);
        }
    }
    Ok(())
}

impl Hq {
    /// Keeps what a box sends, once each, and removes what was erased there. Says how far it has come.
    pub async fn take_examples(&self, place: &Place, sent: &Sent) -> Result<Taken, HqError> {
        check(sent)?;
        let place = place.to_string();
        let mut change = self.database.begin().await?;
        for example in &sent.examples {
            keep(&mut change, &place, &sent.origin, example).await?;
        }
        let erases = !sent.erased.is_empty();
        if erases {
            overwriting(&mut change, true).await?;
        }
        for number in &sent.erased {
            let delete = "DELETE FROM examples WHERE place = $1 AND origin = $2 AND number = $3";
            sqlx::query(delete)
                .bind(&place)
                .bind(&sent.origin)
                .bind(int(*number))
                .execute(&mut *change)
                .await
                .map_err(HqError::database("erasing an example"))?;
        }
        if erases {
            overwriting(&mut change, false).await?;
        }
        let newest = sent.examples.iter().map(|example| example.number).max();
        let last = mark(&mut change, &place, &sent.origin, newest.unwrap_or(0)).await?;
        bound(&mut change, &place).await?;
        commit(change).await?;
        if erases {
            self.database.fold_in().await?;
        }
        Ok(Taken { last })
    }

    /// Examples, the newest first.
    pub async fn examples(&self, page: &Page) -> Result<Vec<ExampleRow>, HqError> {
        let select = "SELECT t.id, t.place, t.at_ms, t.example
             FROM examples t JOIN nodes n ON n.place = t.place
             WHERE n.tenant = $1 AND (t.place = $2 OR CAST($2 AS TEXT) IS NULL) AND t.id < $3
             ORDER BY t.id DESC LIMIT $4";
        let rows: Vec<(i64, String, i64, String)> = sqlx::query_as(select)
            .bind(page.tenant.as_str())
            .bind(page.place.as_ref().map(ToString::to_string))
            .bind(int(page.before.unwrap_or(u64::MAX)))
            .bind(i64::from(page.limit))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading examples"))?;
        let row = |(id, place, at_ms, example): (i64, String, i64, String)| {
            let example = from_json("an example", &example)?;
            Ok(ExampleRow { id: uint(id), place, at_ms: uint(at_ms), example })
        };
        rows.into_iter().map(row).collect()
    }
}

async fn keep(
    change: &mut Transaction,
    place: &str,
    origin: &str,
    example: &Example,
) -> Result<(), HqError> {
    let insert = "INSERT INTO examples (place, origin, number, at_ms, example)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    sqlx::query(insert)
        .bind(place)
        .bind(origin)
        .bind(int(example.number))
        .bind(int(now().0))
        .bind(to_json("an example", example)?)
        .execute(&mut **change)
        .await
        .map_err(HqError::database("keeping an example"))?;
    Ok(())
}

/// The last number of a box's file, with this one.
async fn mark(
    change: &mut Transaction,
    place: &str,
    origin: &str,
    newest: u64,
) -> Result<u64, HqError> {
    let upsert = "INSERT INTO example_marks (place, origin, last, at_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (place, origin) DO UPDATE SET at_ms = excluded.at_ms,
           last = CASE WHEN excluded.last > example_marks.last
             THEN excluded.last ELSE example_marks.last END
         RETURNING last";
    let (last,): (i64,) = sqlx::query_as(upsert)
        .bind(place)
        .bind(origin)
        .bind(int(newest))
        .bind(int(now().0))
        .fetch_one(&mut **change)
        .await
        .map_err(HqError::database("noting how far examples came"))?;
    Ok(uint(last))
}

/// Of one box the newest are kept.
async fn bound(change: &mut Transaction, place: &str) -> Result<(), HqError> {
    for (delete, most) in [
        (
            "DELETE FROM examples WHERE place = $1 AND id <= (
               SELECT id FROM examples WHERE place = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
            MAX_OF_A_BOX,
        ),
        (
            "DELETE FROM example_marks WHERE place = $1 AND at_ms < (
               SELECT at_ms FROM example_marks WHERE place = $1
               ORDER BY at_ms DESC LIMIT 1 OFFSET $2)",
            MAX_ORIGINS,
        ),
    ] {
        sqlx::query(delete)
            .bind(place)
            .bind(most)
            .execute(&mut **change)
            .await
            .map_err(HqError::database("removing a box's oldest examples"))?;
    }
    Ok(())
}
