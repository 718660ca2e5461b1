//! Packs of answers: made of what a box exported, wanted at boxes, taken back.
//!
//! A pack's answers are named by their digests, so that two packs share what both have. For each there
//! is an index, all answers compressed, and what a box lacks that has one of the packs before. The
//! `cache` document of a box names an index; which of its answers are given there, the box decides by
//! its own facts.

mod making;
mod wanting;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::error::HqError;
use super::rows::{from_json, uint};
use super::service::Hq;
use crate::protocol::Label;

pub use wanting::{Aim, Wanted};

/// Rows that one page has at most.
const MAX_PAGE: u32 = 500;

/// A pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackRow {
    /// Its number; ascends over all packs of a tenant.
    pub epoch: u64,
    /// What it is called; many have one name, as versions of each other.
    pub name: String,
    /// SHA-256 of its index.
    pub digest: String,
    /// SHA-256 of the file that it was made of.
    pub source: String,
    /// Answers that it has.
    pub answers: u64,
    /// Bytes of them.
    pub answer_bytes: u64,
    /// Bytes that a box fetches which has no pack.
    pub whole_bytes: u64,
    /// Bytes that a box fetches which has the pack before; none where it fetches everything.
    pub delta_bytes: Option<u64>,
    /// Answers by route, model and language, as `copy smollm2-135m-instruct de`.
    pub contents: BTreeMap<String, u64>,
    /// Who made it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// At how many boxes and groups it is wanted now.
    pub wanted: u64,
}

type Columns = (i64, String, String, String, i64, i64, i64, Option<i64>, String, String, i64, i64);

fn row(columns: Columns) -> Result<PackRow, HqError> {
    let (epoch, name, digest, source, answers, bytes, whole, delta, contents, author, at, wanted) =
        columns;
    Ok(PackRow {
        epoch: uint(epoch),
        name,
        digest,
        source,
        answers: uint(answers),
        answer_bytes: uint(bytes),
        whole_bytes: uint(whole),
        delta_bytes: delta.map(uint),
        contents: from_json("what a pack has", &contents)?,
        author,
        at_ms: uint(at),
        wanted: uint(wanted),
    })
}

/// All columns of packs, with how many targets want each.
const SELECT: &str = "SELECT p.epoch, p.name, p.digest, p.source, p.answers, p.answer_bytes,
       p.whole_bytes, p.delta_bytes, p.contents, p.author, p.at_ms,
       (SELECT count(*) FROM desired d WHERE d.tenant = p.tenant AND d.document = 'cache'
          AND d.digest = p.digest AND d.version = (
            SELECT max(version) FROM desired same WHERE same.tenant = d.tenant
              AND same.document = d.document AND same.target = d.target))
     FROM packs p WHERE p.tenant = $1";

impl Hq {
    /// A tenant's packs, the newest first; at most 500.
    pub async fn packs(&self, tenant: &Label) -> Result<Vec<PackRow>, HqError> {
        let select = format!("{SELECT} ORDER BY p.epoch DESC LIMIT $2");
        let rows: Vec<Columns> = sqlx::query_as(&select)
            .bind(tenant.as_str())
            .bind(i64::from(MAX_PAGE))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading packs"))?;
        rows.into_iter().map(row).collect()
    }

    /// One pack.
    pub async fn pack_of(&self, tenant: &Label, epoch: u64) -> Result<PackRow, HqError> {
        let select = format!("{SELECT} AND p.epoch = $2");
        let found: Option<Columns> = sqlx::query_as(&select)
            .bind(tenant.as_str())
            .bind(super::rows::int(epoch))
            .fetch_optional(self.database.reader())
            .await
            .map_err(HqError::database("reading a pack"))?;
        row(found.ok_or_else(|| HqError::unknown("pack", epoch))?)
    }
}
