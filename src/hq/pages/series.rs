//! Which values are drawn, and what they are made of.

use crate::hq::history::{COVERED, HistoryRow, Totals};

/// A value over time.
pub(super) struct Series {
    pub(super) title: &'static str,
    /// In which group of plots it stands.
    pub(super) group: &'static str,
    pub(super) unit: Unit,
    /// The value of a span; none where nothing was measured that it is made of.
    pub(super) of: fn(&Totals) -> Option<f64>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Milliseconds,
    Seconds,
    Percent,
    PerMinute,
    PerHour,
    TokensPerSecond,
    Count,
}

/// Every value that is drawn, in order.
pub(super) const SERIES: [Series; 16] = [
    series("Writing speed", "Speed", Unit::TokensPerSecond, speed),
    series("First token", "Speed", Unit::Milliseconds, |t| mean(t, "first_token_mean_ms")),
    series("Whole answer", "Speed", Unit::Milliseconds, |t| mean(t, "answer_mean_ms")),
    series("Requests", "Work", Unit::PerMinute, |t| per_minute(t, "requests")),
    series("Failed requests", "Work", Unit::Percent, failed),
    series("Waiting in the queue", "Work", Unit::Count, |t| mean(t, "queue_waiting")),
    series("Conversations", "Shoppers", Unit::Count, |t| mean(t, "conversations")),
    series("Answered", "Shoppers", Unit::PerMinute, |t| per_minute(t, "shoppers_answered")),
    series("Handed to a person", "Shoppers", Unit::PerHour, |t| per_hour(t, "handoffs")),
    series("Until a person answers", "Shoppers", Unit::Milliseconds, |t| {
        mean(t, "handoff_claim_mean_ms")
    }),
    series("Answers from the cache", "Data", Unit::Percent, hits),
    series("Age of the facts", "Data", Unit::Seconds, |t| most(t, "facts_age_s")),
    series("Waiting for the line", "Data", Unit::Bytes, |t| most(t, "outbox_bytes")),
    series("Free on the disk", "Box", Unit::Bytes, |t| least(t, "disk_free_bytes")),
    series("Memory of the program", "Box", Unit::Bytes, |t| most(t, "memory_bytes")),
    series("Processor", "Box", Unit::Percent, processor),
];

const fn series(
    title: &'static str,
    group: &'static str,
    unit: Unit,
    of: fn(&Totals) -> Option<f64>,
) -> Series {
    Series { title, group, unit, of }
}

fn mean(totals: &Totals, name: &str) -> Option<f64> {
    totals.get(name).map(crate::hq::history::Total::mean)
}

fn sum(totals: &Totals, name: &str) -> Option<f64> {
    totals.get(name).map(|total| total.sum as f64)
}

fn most(totals: &Totals, name: &str) -> Option<f64> {
    totals.get(name).map(|total| total.most as f64)
}

fn least(totals: &Totals, name: &str) -> Option<f64> {
    totals.get(name).map(|total| total.least as f64)
}

/// A share of two sums in percent; none of nothing.
fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part * 100.0 / whole)
}

fn speed(totals: &Totals) -> Option<f64> {
    let gap_us = mean(totals, "token_gap_mean_us")?;
    (gap_us > 0.0).then(|| 1e6 / gap_us)
}

fn per_minute(totals: &Totals, name: &str) -> Option<f64> {
    let covered = sum(totals, COVERED)?;
    let count = sum(totals, name)?;
    (covered > 0.0).then(|| count * 60_000.0 / covered)
}

fn per_hour(totals: &Totals, name: &str) -> Option<f64> {
    Some(per_minute(totals, name)? * 60.0)
}

fn failed(totals: &Totals) -> Option<f64> {
    percent(sum(totals, "requests_failed")?, sum(totals, "requests")?)
}

fn hits(totals: &Totals) -> Option<f64> {
    let found = sum(totals, "cache_exact")? + sum(totals, "cache_semantic")?;
    percent(found, sum(totals, "cache_answers")?)
}

fn processor(totals: &Totals) -> Option<f64> {
    percent(sum(totals, "cpu_ms")?, sum(totals, COVERED)?)
}

/// The points of a value: when, and how much.
pub(super) fn points(series: &Series, rows: &[HistoryRow]) -> Vec<(u64, f64)> {
    let point = |row: &HistoryRow| {
        let middle = row.from_ms / 2 + row.until_ms / 2;
        Some((middle, (series.of)(&row.values)?))
    };
    rows.iter().filter_map(point).collect()
}

impl Unit {
    /// A value as people read it.
    pub(super) fn shown(self, value: f64) -> String {
        match self {
            Self::Bytes => bytes(value),
            Self::Milliseconds if value >= 2000.0 => format!("{:.1} s", value / 1000.0),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Seconds => seconds(value),
            Self::Percent => format!("{} %", plain(value)),
            Self::PerMinute => format!("{} / min", plain(value)),
            Self::PerHour => format!("{} / h", plain(value)),
            Self::TokensPerSecond => format!("{} tokens/s", plain(value)),
            Self::Count => plain(value),
        }
    }
}

fn plain(value: f64) -> String {
    if value >= 10.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

fn bytes(value: f64) -> String {
    let mut value = value;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return format!("{} {unit}", plain(value));
        }
        value /= 1024.0;
    }
    format!("{} TiB", plain(value))
}

fn seconds(value: f64) -> String {
    match value {
        v if v < 120.0 => format!("{v:.0} s"),
        v if v < 7200.0 => format!("{:.0} min", v / 60.0),
        v if v < 172_800.0 => format!("{:.1} h", v / 3600.0),
        v => format!("{:.1} days", v / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hq::history::{KEPT, Total};

    fn totals(values: &[(&str, i64)]) -> Totals {
        values.iter().map(|(name, value)| ((*name).to_owned(), Total::of(*value))).collect()
    }

    #[test]
    fn each_value_is_made_of_what_boxes_measure() {
        let totals = totals(&[
            (COVERED, 120_000),
            ("token_gap_mean_us", 25_000),
            ("requests", 30),
            ("requests_failed", 3),
            ("cache_exact", 4),
            ("cache_semantic", 1),
            ("cache_answers", 20),
            ("cpu_ms", 60_000),
            ("handoffs", 1),
            ("handoff_claim_mean_ms", 9_400),
        ]);
        let of = |title: &str| {
            let series = SERIES.iter().find(|series| series.title == title).unwrap();
            (series.of)(&totals).map(|value| series.unit.shown(value))
        };
        for (title, shown) in [
            ("Writing speed", Some("40 tokens/s")),
            ("Requests", Some("15 / min")),
            ("Failed requests", Some("10 %")),
            ("Answers from the cache", Some("25 %")),
            ("Processor", Some("50 %")),
            ("Handed to a person", Some("30 / h")),
            ("Until a person answers", Some("9.4 s")),
            ("First token", None),
        ] {
            assert_eq!(of(title).as_deref(), shown, "{title}");
        }
    }

    #[test]
    fn nothing_is_drawn_that_is_not_kept() {
        // A value that is made of names that no box sends would stay empty without a word.
        let all: Totals =
            KEPT.iter().chain([&COVERED]).map(|name| ((*name).to_owned(), Total::of(7))).collect();
        for series in &SERIES {
            assert!((series.of)(&all).is_some(), "{}", series.title);
        }
    }

    #[test]
    fn values_are_written_with_few_digits_and_their_unit() {
        for (unit, value, shown) in [
            (Unit::Bytes, 0.0, "0 B"),
            (Unit::Bytes, 3.5 * 1024.0 * 1024.0, "3.5 MiB"),
            (Unit::Milliseconds, 12_300.0, "12.3 s"),
            (Unit::Seconds, 5400.0, "90 min"),
            (Unit::Seconds, 200_000.0, "2.3 days"),
            (Unit::TokensPerSecond, 41.7, "42 tokens/s"),
            (Unit::Count, 0.25, "0.2"),
        ] {
            assert_eq!(unit.shown(value), shown);
        }
    }
}
