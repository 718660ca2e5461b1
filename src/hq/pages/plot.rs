//! Values over time as lines.

use std::fmt::Write as _;

use serde::Serialize;

use super::series::{SERIES, Series, Unit, points};
use crate::hq::history::{HistoryRow, merge};

/// Inside of a plot, in its own units.
pub(super) const WIDTH: f64 = 320.0;
pub(super) const HEIGHT: f64 = 84.0;
/// Above the highest value and below the lowest.
const MARGIN: f64 = 5.0;
/// Steps that a plot has at most.
const MAX_STEPS: u64 = 96;

/// From when to when is drawn, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
}

/// One value over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    /// Lines, as points of SVG; where nothing was measured there is none.
    pub(super) lines: Vec<Line>,
    /// Each point with its words, for whoever points at it.
    pub(super) marks: Vec<Mark>,
    /// The newest value and the range, for people.
    pub(super) last: String,
    pub(super) least: String,
    pub(super) most: String,
}

/// A piece of a line and what is below it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    pub(super) points: String,
    pub(super) area: String,
}

/// A point that can be pointed at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Mark {
    /// Where its strip begins, and how wide it is.
    pub(super) x: String,
    pub(super) width: String,
    /// The point.
    pub(super) at: (String, String),
    pub(super) moment_ms: u64,
    pub(super) value: String,
}

/// Plots that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) plots: Vec<Plot>,
}

/// All that was measured, in groups; values that nothing was measured of are left out.
pub(super) fn groups(rows: &[HistoryRow], window: Window) -> Vec<Group> {
    let rows = in_steps(rows, window);
    let mut groups: Vec<Group> = Vec::new();
    for series in &SERIES {
        let Some(plot) = plot(series, &rows, window) else { continue };
        match groups.last_mut().filter(|group| group.title == series.group) {
            Some(group) => group.plots.push(plot),
            None => groups.push(Group { title: series.group, plots: vec![plot] }),
        }
    }
    groups
}

/// Rows joined to no more steps than are drawn.
fn in_steps(rows: &[HistoryRow], window: Window) -> Vec<HistoryRow> {
    let whole = window.until_ms.saturating_sub(window.from_ms).max(1);
    let step = whole.div_ceil(MAX_STEPS);
    let mut joined: Vec<(u64, HistoryRow)> = Vec::new();
    for row in rows {
        let at = row.until_ms.saturating_sub(window.from_ms).saturating_sub(1) / step;
        match joined.last_mut().filter(|(known, _)| *known == at) {
            Some((_, known)) => {
                merge(&mut known.values, &row.values);
                known.until_ms = known.until_ms.max(row.until_ms);
            }
            None => joined.push((at, row.clone())),
        }
    }
    joined.into_iter().map(|(_, row)| row).collect()
}

fn plot(series: &Series, rows: &[HistoryRow], window: Window) -> Option<Plot> {
    let points = points(series, rows);
    let (_, last) = points.last()?;
    let values = || points.iter().map(|(_, value)| *value);
    let (least, most) =
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    // A line that is always nothing lies on the ground.
    let top = match series.unit {
        Unit::Percent if most <= 100.0 => 100.0,
        _ if most > 0.0 => most,
        _ => 1.0,
    };
    let place = |(at, value): (u64, f64)| {
        let whole = window.until_ms.saturating_sub(window.from_ms).max(1) as f64;
        let along = at.saturating_sub(window.from_ms) as f64 / whole;
        let up = (value / top).clamp(0.0, 1.0);
        (along.min(1.0) * WIDTH, HEIGHT - MARGIN - up * (HEIGHT - 2.0 * MARGIN))
    };
    let placed: Vec<Placed> =
        points.iter().map(|(at, value)| (*at, *value, place((*at, *value)))).collect();
    let shown = |value| series.unit.shown(value);
    Some(Plot {
        title: series.title,
        lines: lines(&placed, usual_gap(rows)),
        marks: marks(&placed, series.unit),
        last: shown(*last),
        least: shown(least),
        most: shown(most),
    })
}

/// When, how much, and where that is drawn.
type Placed = (u64, f64, (f64, f64));

/// The longest time between two points that are joined: what is measured comes regularly, and where it
/// does not, nobody knows what was between.
fn usual_gap(rows: &[HistoryRow]) -> u64 {
    let mut gaps: Vec<u64> = rows
        .iter()
        .zip(rows.iter().skip(1))
        .map(|(one, next)| next.until_ms.saturating_sub(one.until_ms))
        .collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).map_or(u64::MAX, |median| median.saturating_mul(3))
}

fn lines(placed: &[Placed], gap: u64) -> Vec<Line> {
    let mut lines = Vec::new();
    for piece in placed.chunk_by(|one, next| next.0.saturating_sub(one.0) <= gap) {
        let (Some((.., first)), Some((.., last))) = (piece.first(), piece.last()) else { continue };
        let mut points = String::new();
        for (.., (x, y)) in piece {
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
        // One point alone would be no line.
        if piece.len() == 1 {
            let _ = write!(points, "{:.1},{:.1}", last.0 + 0.1, last.1);
        }
        let points = points.trim_end().to_owned();
        let area = format!("{:.1},{HEIGHT} {points} {:.1},{HEIGHT}", first.0, last.0);
        lines.push(Line { points, area });
    }
    lines
}

fn marks(placed: &[Placed], unit: Unit) -> Vec<Mark> {
    let half = |one: Option<&Placed>, other: f64, end: f64| {
        one.map_or(end, |(.., (x, _))| (x + other) / 2.0)
    };
    placed
        .iter()
        .enumerate()
        .map(|(index, (moment_ms, value, (x, y)))| {
            let before = index.checked_sub(1).and_then(|before| placed.get(before));
            let begin = half(before, *x, 0.0);
            let end = half(placed.get(index + 1), *x, WIDTH);
            Mark {
                x: format!("{begin:.1}"),
                width: format!("{:.1}", end - begin),
                at: (format!("{x:.1}"), format!("{y:.1}")),
                moment_ms: *moment_ms,
                value: unit.shown(*value),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hq::history::Total;

    const MINUTE: u64 = 60_000;

    fn row(until_ms: u64, values: &[(&str, i64)]) -> HistoryRow {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), Total::of(*value)));
        HistoryRow { from_ms: until_ms - MINUTE, until_ms, values: values.collect() }
    }

    fn window(minutes: u64) -> Window {
        Window { from_ms: 0, until_ms: minutes * MINUTE }
    }

    #[test]
    fn a_line_goes_from_the_ground_to_the_highest_value_and_is_broken_where_nothing_was_measured() {
        let at = |minute: u64, value| row(minute * MINUTE, &[("queue_waiting", value)]);
        let rows = [at(1, 0), at(2, 5), at(3, 10), at(30, 10), at(31, 0), at(32, 0)];
        let groups = groups(&rows, window(40));
        assert_eq!((groups.len(), groups[0].title), (1, "Work"));
        let plot = &groups[0].plots[0];
        assert_eq!(plot.lines.len(), 2, "{plot:?}");
        assert_eq!(plot.lines[0].points, "4.0,79.0 12.0,42.0 20.0,5.0");
        assert_eq!((plot.last.as_str(), plot.least.as_str(), plot.most.as_str()), ("0", "0", "10"));
        assert_eq!(plot.marks.len(), 6);
    }

    #[test]
    fn many_measurements_become_as_many_steps_as_are_drawn_and_lose_no_peak() {
        let rows: Vec<HistoryRow> = (1..=1440)
            .map(|minute| {
                row(minute * MINUTE, &[("outbox_bytes", i64::from(minute == 700) * 4096)])
            })
            .collect();
        let groups = groups(&rows, window(1440));
        let plot = &groups[0].plots[0];
        assert!(plot.marks.len() as u64 <= MAX_STEPS, "{}", plot.marks.len());
        assert_eq!(plot.most, "4 KiB");
    }

    #[test]
    fn one_point_and_none_are_no_fault() {
        assert_eq!(groups(&[], window(60)), []);
        let one = groups(&[row(MINUTE, &[("memory_bytes", 3_221_225_472)])], window(60));
        assert_eq!((one[0].plots[0].last.as_str(), one[0].plots[0].lines.len()), ("3 GiB", 1));
    }
}
