//! Recalls, and which boxes have confirmed that they are in force.
//!
//! A box tells by the event `recall.in_force` that answers about what is recalled are gone there, once
//! for each content that the recall has. What a box has not told is silence, and never counts as yes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::error::HqError;
use super::ingest::Receipt;
use super::rows::{from_json, int, uint};
use super::service::Hq;
use crate::protocol::Label;

/// Recalls that one page shows.
const MAX_RECALLS: u32 = 200;
/// Receipts of one box; its oldest leave.
const MAX_RECEIPTS: i64 = 2000;
/// Boxes that are listed for one recall.
const MAX_BOXES: u32 = 20_000;

/// A recall, and how many boxes have confirmed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecallRow {
    /// The catalogue that has it.
    pub catalogue: String,
    /// Its id.
    pub recall: String,
    /// The epoch that brought it, or changed it last.
    pub epoch: u64,
    /// What is recalled.
    pub skus: Vec<String>,
    /// Why, by language.
    pub reasons: BTreeMap<String, String>,
    /// Since when it is in force, as its fact says.
    pub since: Option<String>,
    /// Boxes that have confirmed it as it is now.
    pub confirmed: u64,
    /// Boxes of which nothing was heard of it.
    pub silent: u64,
    /// Kept answers that it ended, at all boxes.
    pub answers: u64,
}

/// One box and a recall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReceiptRow {
    /// The box.
    pub place: String,
    /// Whether it has confirmed the recall as it is now.
    pub confirmed: bool,
    /// When it was in force there, in milliseconds since 1970.
    pub in_force_ms: Option<u64>,
    /// When HQ heard of it.
    pub at_ms: Option<u64>,
    /// The epoch of the facts there at that time.
    pub epoch: Option<u64>,
    /// Kept answers that ended.
    pub answers: u64,
    /// Answers in the making that ended.
    pub makings: u64,
    /// Models that forgot earlier prompts.
    pub models: u64,
    /// What is known of the box: `online`, `offline`, `never`.
    pub presence: String,
    /// When it was last heard, in milliseconds since 1970; 0 for never.
    pub heard_ms: u64,
    /// The epoch of facts that it reported last.
    pub facts_epoch: Option<u64>,
}

/// As the facts' room writes a recall.
#[derive(Debug, serde::Deserialize)]
struct Told {
    #[serde(default)]
    skus: Vec<String>,
    #[serde(default)]
    reasons: BTreeMap<String, String>,
    since: Option<String>,
}

impl Hq {
    /// Recalls that are published, the newest first.
    pub async fn recalls(&self, tenant: &Label) -> Result<Vec<RecallRow>, HqError> {
        let select = "SELECT f.catalogue, f.id, f.epoch, f.fact,
               (SELECT count(*) FROM receipts r JOIN nodes n ON n.place = r.place
                WHERE n.tenant = f.tenant AND r.recall = f.id AND r.digest = f.digest),
               (SELECT count(*) FROM nodes n WHERE n.tenant = f.tenant),
               (SELECT coalesce(sum(r.answers), 0) FROM receipts r JOIN nodes n
                ON n.place = r.place WHERE n.tenant = f.tenant AND r.recall = f.id)
             FROM facts f JOIN catalogues c ON c.tenant = f.tenant AND c.name = f.catalogue
             WHERE f.tenant = $1 AND f.kind = 'recalls' AND f.digest IS NOT NULL
               AND f.epoch <= c.epoch
             ORDER BY f.epoch DESC, f.id LIMIT $2";
        type Columns = (String, String, i64, String, i64, i64, i64);
        let rows: Vec<Columns> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(i64::from(MAX_RECALLS))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading recalls"))?;
        let row = |(catalogue, recall, epoch, fact, confirmed, boxes, answers): Columns| {
            let Told { skus, reasons, since } = from_json("a recall", &fact)?;
            let confirmed = uint(confirmed);
            let silent = uint(boxes).saturating_sub(confirmed);
            let (epoch, answers) = (uint(epoch), uint(answers));
            Ok(RecallRow {
                catalogue,
                recall,
                epoch,
                skus,
                reasons,
                since,
                confirmed,
                silent,
                answers,
            })
        };
        rows.into_iter().map(row).collect()
    }

    /// What every box of a tenant has told of a recall: the silent ones first, then by name.
    pub async fn receipts(
        &self,
        tenant: &Label,
        catalogue: &Label,
        recall: &str,
    ) -> Result<Vec<ReceiptRow>, HqError> {
        let select = "SELECT digest FROM facts WHERE tenant = $1 AND catalogue = $2
             AND kind = 'recalls' AND id = $3 AND digest IS NOT NULL";
        let found: Option<(String,)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(catalogue.as_str())
            .bind(recall)
            .fetch_optional(self.database.reader())
            .await
            .map_err(HqError::database("reading a recall"))?;
        let (digest,) = found.ok_or_else(|| HqError::unknown("recall", recall))?;
        let select = "SELECT n.place, r.in_force_ms, r.at_ms, r.epoch, r.answers, r.makings,
               r.models, n.presence, n.heard_ms, f.applied
             FROM nodes n
             LEFT JOIN receipts r ON r.place = n.place AND r.recall = $2 AND r.digest = $3
             LEFT JOIN reported f ON f.place = n.place AND f.document = 'facts'
             WHERE n.tenant = $1
             ORDER BY CASE WHEN r.place IS NULL THEN 0 ELSE 1 END, n.place LIMIT $4";
        type Columns = (
            String,
            Option<i64>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
            String,
            i64,
            Option<i64>,
        );
        let rows: Vec<Columns> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(recall)
            .bind(&digest)
            .bind(i64::from(MAX_BOXES))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading receipts of a recall"))?;
        let number = |number: Option<i64>| number.map_or(0, uint);
        let row = |columns: Columns| {
            let (place, in_force, at, epoch, answers, makings, models, presence, heard, facts) =
                columns;
            ReceiptRow {
                place,
                confirmed: at.is_some(),
                in_force_ms: in_force.map(uint),
                at_ms: at.map(uint),
                epoch: epoch.map(uint),
                answers: number(answers),
                makings: number(makings),
                models: number(models),
                presence,
                heard_ms: uint(heard),
                facts_epoch: facts.map(uint),
            }
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

/// Keeps what a box told of a recall. The first word of a content counts.
pub(super) async fn keep(
    change: &mut super::database::Transaction,
    receipt: &Receipt<'_>,
) -> Result<(), HqError> {
    let insert = "INSERT INTO receipts (place, recall, digest, epoch, answers, makings, models,
           in_force_ms, at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    sqlx::query(insert)
        .bind(receipt.place.to_string())
        .bind(receipt.recall)
        .bind(receipt.digest)
        .bind(receipt.epoch)
        .bind(receipt.answers)
        .bind(receipt.makings)
        .bind(receipt.models)
        .bind(int(receipt.in_force_ms))
        .bind(int(receipt.at_ms))
        .execute(&mut **change)
        .await
        .map_err(HqError::database("writing a receipt of a recall"))?;
    let delete = "DELETE FROM receipts WHERE place = $1 AND at_ms <= (
         SELECT at_ms FROM receipts WHERE place = $1 ORDER BY at_ms DESC LIMIT 1 OFFSET $2)";
    sqlx::query(delete)
        .bind(receipt.place.to_string())
        .bind(MAX_RECEIPTS)
        .execute(&mut **change)
        .await
        .map_err(HqError::database("removing old receipts of recalls"))?;
    Ok(())
}
