//! What boxes measured over a long time, in a small room.
//!
//! Each measurement is folded once into a row for each [`Span`]: a quarter of an hour, three hours, a
//! day. So a year of a box is a few hundred rows, however often it measures.
//!
//! **Invariants**
//! - A measurement is folded once; how far that has come is written in the same change.
//! - Only [`KEPT`] values are folded, and each span is kept for its own time.

mod fold;
mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use read::HistoryRow;

/// Values that are kept, by the names that boxes give them.
pub const KEPT: [&str; 29] = [
    "answer_mean_ms",
    "answers_completed",
    "answers_failed",
    "cache_answers",
    "cache_disk_bytes",
    "cache_exact",
    "cache_semantic",
    "conversations",
    "corrections",
    "cpu_ms",
    "disk_free_bytes",
    "facts_age_s",
    "first_token_mean_ms",
    "handoff_claim_mean_ms",
    "handoffs",
    "handoffs_escalated",
    "handoffs_waiting",
    "line_connections",
    "memory_bytes",
    "models_loaded",
    "outbox_bytes",
    "queue_waiting",
    "requests",
    "requests_failed",
    "shoppers_answered",
    "token_gap_mean_us",
    "tokens_input",
    "tokens_output",
    "uptime_s",
];

/// How much time was measured, under which the counted values stand.
pub const COVERED: &str = "covered_ms";

const MINUTE_MS: u64 = 60 * 1000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// Over how long measurements are added up.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    /// 15 minutes.
    Quarter,
    /// Three hours.
    Watch,
    /// A day, from midnight UTC.
    Day,
}

impl Span {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Quarter, Self::Watch, Self::Day];

    /// How long it is.
    #[must_use]
    pub fn ms(self) -> u64 {
        match self {
            Self::Quarter => 15 * MINUTE_MS,
            Self::Watch => 180 * MINUTE_MS,
            Self::Day => DAY_MS,
        }
    }

    /// How long its rows are kept.
    #[must_use]
    pub fn kept(self) -> Duration {
        Duration::from_millis(match self {
            Self::Quarter => 2 * DAY_MS,
            Self::Watch => 15 * DAY_MS,
            Self::Day => 400 * DAY_MS,
        })
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "quarter" => Ok(Self::Quarter),
            "watch" => Ok(Self::Watch),
            "day" => Ok(Self::Day),
            _ => Err(format!("`{text}` is no span; there are quarter, watch and day")),
        }
    }
}

/// Measurements of one value, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: i64,
    /// The least of them.
    pub least: i64,
    /// The most of them.
    pub most: i64,
}

impl Total {
    /// One measurement.
    #[must_use]
    pub fn of(value: i64) -> Self {
        Self { count: 1, sum: value, least: value, most: value }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            sum: self.sum.saturating_add(other.sum),
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }
}

/// Values by name.
pub type Totals = BTreeMap<String, Total>;

/// Adds to `into` what `other` has.
pub fn merge(into: &mut Totals, other: &Totals) {
    for (name, total) in other {
        let known = into.get(name).map_or(*total, |known| known.and(*total));
        into.insert(name.clone(), known);
    }
}

/// What of a measurement is kept, with the time that it covers.
pub(super) fn kept(from_ms: u64, until_ms: u64, fields: &str) -> Totals {
    let values: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(fields).unwrap_or_default();
    let number = |name: &&str| Some(((*name).to_owned(), Total::of(values.get(*name)?.as_i64()?)));
    let mut totals: Totals = KEPT.iter().filter_map(number).collect();
    let covered = i64::try_from(until_ms.saturating_sub(from_ms)).unwrap_or(0);
    totals.insert(COVERED.to_owned(), Total::of(covered));
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_up_in_parts_is_what_is_added_up_at_once() {
        let one = |value| Total::of(value);
        let parts = one(3).and(one(-1)).and(one(7).and(one(5)));
        assert_eq!(parts, one(7).and(one(5)).and(one(3)).and(one(-1)));
        assert_eq!(parts, Total { count: 4, sum: 14, least: -1, most: 7 });
        assert_eq!(parts.mean(), 3.5);
    }

    #[test]
    fn what_is_not_known_or_no_number_is_not_kept() {
        let totals =
            kept(1000, 61_000, r#"{"requests":7,"secret":"x","uptime_s":"soon","other":1}"#);
        let names: Vec<_> = totals.keys().map(String::as_str).collect();
        assert_eq!(names, [COVERED, "requests"]);
        assert_eq!(totals[COVERED].sum, 60_000);
        assert!(KEPT.is_sorted());
    }
}
