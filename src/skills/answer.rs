//! What a skill answers, and what it says of its answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checks::Refused;
use crate::cache::Status;
use crate::facts::{Facts, Name, Record, Revision, Table, UnixSeconds};

/// The cheapest step that could answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Sentences filled from facts.
    Template,
    /// A model, whose text passed every check.
    Model,
    /// Sentences filled from facts, as no model could speak or none of its texts passed.
    Fallback,
}

impl Step {
    /// As provenance and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Model => "model",
            Self::Fallback => "fallback",
        }
    }
}

/// How an answer came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Which step answered.
    pub step: Step,
    /// What was asked for, as the skill understood it.
    pub intent: &'static str,
    /// The model that was asked, with its digest.
    pub model: Option<(String, String)>,
    /// Digest of the sentences, or of the prompt's template.
    pub template_digest: String,
    /// What the sampler began with, where a model's text was taken.
    pub seed: Option<u64>,
    /// Why texts were refused, each reason once.
    pub refused: Vec<&'static str>,
    /// The record of the making of a model's text, where one is kept.
    pub made: Option<String>,
}

/// A fact that an answer stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactRead {
    /// Its name, or a collection's.
    pub name: String,
    /// Of its last change.
    pub revision: u64,
    /// How long its table was not heard of; none where it never was.
    pub age: Option<Duration>,
}

/// How old what an answer stands on is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableAge {
    /// The table.
    pub table: Table,
    /// How long it was not heard of; none where it never was.
    pub age: Option<Duration>,
    /// How long it may be.
    pub limit: Option<Duration>,
}

impl TableAge {
    /// Whether it is older than it may be.
    pub fn is_old(&self) -> bool {
        matches!((self.age, self.limit), (Some(age), Some(limit)) if age > limit)
    }
}

/// An answer, bound to the facts of this moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What is said.
    pub text: String,
    /// SKUs of the products that it is about.
    pub citations: Vec<String>,
    /// The facts that it stands on.
    pub facts: Vec<FactRead>,
    /// How it came about.
    pub provenance: Provenance,
    /// That it is generated, or made of the shop's data, in its language.
    pub disclosure: &'static str,
    /// How old each table is that was read.
    pub freshness: Vec<TableAge>,
    /// What the cache did.
    pub status: Status,
}

/// An answer as the cache keeps it: with slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) text: String,
    pub(super) cited: Vec<String>,
    pub(super) step: Step,
    pub(super) seed: Option<u64>,
    /// Names of the reasons for which texts were refused.
    pub(super) refused: Vec<String>,
    /// The facts that were read for it.
    pub(super) read: Vec<(Name, Revision)>,
    /// The record of its making, where one is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) made: Option<String>,
}

/// The reasons by their names; those that are not known any more are left out.
pub(super) fn reasons(names: &[String]) -> Vec<&'static str> {
    let known = |name: &String| Refused::ALL.iter().find(|reason| reason.name() == name);
    names.iter().filter_map(|name| known(name).map(|reason| reason.name())).collect()
}

/// Every fact of these records once, with how long its table was not heard of.
pub(super) fn facts_read(
    facts: &Facts,
    kept: &[(Name, Revision)],
    now_read: &Record,
    now: UnixSeconds,
) -> Vec<FactRead> {
    let mut all: Vec<&(Name, Revision)> = kept.iter().chain(&now_read.read).collect();
    all.sort();
    all.dedup_by(|a, b| a.0 == b.0);
    let read = |(name, revision): &(Name, Revision)| FactRead {
        name: name.to_string(),
        revision: revision.0,
        age: facts.feed_age(name.table(), now),
    };
    all.into_iter().map(read).collect()
}

/// How old each table of these records is.
pub(super) fn ages(
    facts: &Facts,
    kept: &[(Name, Revision)],
    now_read: &Record,
    now: UnixSeconds,
) -> Vec<TableAge> {
    let names = kept.iter().chain(&now_read.read).map(|(name, _)| name.table());
    let mut tables: Vec<Table> = names.collect();
    tables.sort();
    tables.dedup();
    let age = |table| TableAge {
        table,
        age: facts.feed_age(table, now),
        limit: facts.config().max_age(table),
    };
    tables.into_iter().map(age).collect()
}
