//! Measured values over time as lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::hq::told::MeasuredRow;

/// Inside of a plot, in its own units.
pub(super) const WIDTH: f64 = 320.0;
pub(super) const HEIGHT: f64 = 72.0;
/// Plots on one page.
const MAX_PLOTS: usize = 24;

/// One value over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Plot {
    /// The value's name, for people.
    pub(super) title: String,
    /// Its unit, which its name ends with.
    pub(super) unit: &'static str,
    /// The line, as points of SVG.
    pub(super) points: String,
    /// The area below it.
    pub(super) area: String,
    /// Where the last point is.
    pub(super) end: (f64, f64),
    /// The newest value and the range, for people.
    pub(super) last: String,
    pub(super) least: String,
    pub(super) most: String,
}

/// Names' endings and what they mean.
const UNITS: [(&str, &str); 8] = [
    ("_per_s", "/s"),
    ("_ms", "ms"),
    ("_s", "s"),
    ("_bytes", "B"),
    ("_percent", "%"),
    ("_permille", "‰"),
    ("_celsius", "°C"),
    ("_total", ""),
];

/// A plot of every number that was measured, by name.
pub(super) fn plots(rows: &[MeasuredRow]) -> Vec<Plot> {
    let mut series: BTreeMap<String, Vec<(u64, f64)>> = BTreeMap::new();
    for row in rows {
        let values: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(row.values.get()).unwrap_or_default();
        for (name, value) in values {
            if let Some(number) = value.as_f64() {
                series.entry(name).or_default().push((row.until_ms, number));
            }
        }
    }
    series.into_iter().take(MAX_PLOTS).map(|(name, points)| plot(&name, &points)).collect()
}

fn plot(name: &str, points: &[(u64, f64)]) -> Plot {
    let (title, unit) = named(name);
    let times = points.iter().map(|(at, _)| *at);
    let (from, until) = (times.clone().min().unwrap_or(0), times.max().unwrap_or(0));
    let values = || points.iter().map(|(_, value)| *value);
    let (least, most) =
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let at = |(at, value): (u64, f64)| {
        let along = share((at - from) as f64, (until - from) as f64, 1.0);
        // A line that never changes lies in the middle.
        let up = share(value - least, most - least, 0.5);
        (along * WIDTH, HEIGHT - 4.0 - up * (HEIGHT - 8.0))
    };
    let places: Vec<(f64, f64)> = points.iter().map(|point| at(*point)).collect();
    let mut line = String::new();
    for (x, y) in &places {
        let _ = write!(line, "{x:.1},{y:.1} ");
    }
    let end = places.last().copied().unwrap_or((WIDTH, HEIGHT / 2.0));
    let begin = places.first().map_or(0.0, |(x, _)| *x);
    let area = format!("{begin:.1},{HEIGHT} {line}{:.1},{HEIGHT}", end.0);
    let shown = |value| number(value, unit);
    Plot {
        title,
        unit,
        points: line.trim_end().to_owned(),
        area,
        end,
        last: shown(points.last().map_or(0.0, |(_, value)| *value)),
        least: shown(least),
        most: shown(most),
    }
}

fn share(part: f64, whole: f64, otherwise: f64) -> f64 {
    if whole > 0.0 { part / whole } else { otherwise }
}

/// `cache.hits_total` is "cache hits", without a unit.
fn named(name: &str) -> (String, &'static str) {
    let found = UNITS.iter().find_map(|(ending, unit)| Some((name.strip_suffix(ending)?, *unit)));
    let (words, unit) = found.unwrap_or((name, ""));
    (words.replace(['.', '_'], " "), unit)
}

fn number(value: f64, unit: &str) -> String {
    let (value, prefix) = match value.abs() {
        v if unit == "B" && v >= (1u64 << 30) as f64 => (value / (1u64 << 30) as f64, "Gi"),
        v if unit == "B" && v >= (1u64 << 20) as f64 => (value / (1u64 << 20) as f64, "Mi"),
        v if unit == "B" && v >= 1024.0 => (value / 1024.0, "Ki"),
        v if unit != "B" && v >= 1e6 => (value / 1e6, "M"),
        v if unit != "B" && v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = if value.fract() == 0.0 { 0 } else { 1 };
    let space = if prefix.is_empty() && unit.is_empty() { "" } else { " " };
    format!("{value:.digits$}{space}{prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(until_ms: u64, values: &str) -> MeasuredRow {
        let values = serde_json::value::RawValue::from_string(values.to_owned()).unwrap();
        MeasuredRow { from_ms: 0, until_ms, values }
    }

    #[test]
    fn each_number_has_a_line_from_its_first_to_its_last_moment() {
        let rows = [
            row(1000, r#"{"cache.hits_total": 0, "wait_ms": 5, "name": "x"}"#),
            row(2000, r#"{"cache.hits_total": 50, "wait_ms": 5}"#),
            row(3000, r#"{"cache.hits_total": 100}"#),
        ];
        let plots = plots(&rows);
        assert_eq!(plots.len(), 2, "texts have no line");
        assert_eq!(plots[0].title, "cache hits");
        assert_eq!(plots[0].points, "0.0,68.0 160.0,36.0 320.0,4.0");
        assert_eq!((plots[0].last.as_str(), plots[0].least.as_str()), ("100", "0"));
        assert_eq!(
            (plots[1].last.as_str(), plots[1].points.as_str()),
            ("5 ms", "0.0,36.0 320.0,36.0")
        );
    }

    #[test]
    fn one_point_and_none_are_no_fault() {
        assert_eq!(plots(&[]), []);
        let one = plots(&[row(7, r#"{"memory_bytes": 3221225472}"#)]);
        assert_eq!((one[0].last.as_str(), one[0].end), ("3 GiB", (320.0, 36.0)));
    }
}
