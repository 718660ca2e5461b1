//! What was found, for people and for programs.

use serde_json::{Value, json};

use crate::cache::evaluation::{Hits, Outcome, Report};
use crate::cache::{Calibration, Category};

/// The least similarity of a hit by category, and what it was fitted on.
pub(super) fn thresholds(calibration: &Calibration) -> String {
    let mut lines = vec![format!("{:16}{:>10}{:>8}{:>8}", "fitted", "cosine", "hits", "false")];
    for category in Category::ALL.into_iter().filter(|category| category.may_share()) {
        lines.push(match calibration.thresholds.get(&category) {
            Some(one) => format!(
                "{:16}{:>10.2}{:>8}{:>8}",
                category.as_str(),
                one.similarity,
                one.hits,
                one.false_hits
            ),
            None => format!("{:16}{:>10}", category.as_str(), "none"),
        });
    }
    lines.join("\n") + "\n"
}

fn ways(report: &Report) -> [(&'static str, &Outcome); 3] {
    [("plain", &report.plain), ("guarded", &report.guarded), ("calibrated", &report.calibrated)]
}

/// Hits of each way to decide, of all pairs, by category and by kind.
pub(super) fn table(report: &Report, plain: f32) -> String {
    let mut lines = vec![
        format!("plain: cosine of {plain} or more; guarded: that and guards; calibrated: as the cache decides"),
        "                 true hits               false hits              false among hits, 95 % bounds".to_owned(),
    ];
    for (name, outcome) in ways(report) {
        lines.push(row(name, &outcome.all));
    }
    let categories = |outcome: &Outcome| {
        let name = |category: Option<Category>| category.map_or("not read", Category::as_str);
        outcome.categories.iter().map(|(category, hits)| (name(*category), *hits)).collect()
    };
    lines.extend(by("about", report, categories));
    let kinds = |outcome: &Outcome| {
        outcome.kinds.iter().map(|(kind, hits)| (kind.clone(), *hits)).collect()
    };
    lines.extend(by("differ in", report, kinds));
    lines.join("\n")
}

/// True and false hits of each way to decide, a line for each part of the pairs.
fn by<Name: std::fmt::Display>(
    what: &str,
    report: &Report,
    parts: impl Fn(&Outcome) -> Vec<(Name, Hits)>,
) -> Vec<String> {
    let head = format!(
        "\n{what:16}{:>8}{:>8}{:>14}{:>14}{:>14}",
        "same", "other", "plain", "guarded", "calibrated"
    );
    let [plain, guarded, calibrated] = ways(report).map(|(_, outcome)| parts(outcome));
    let rows = plain.into_iter().zip(guarded).zip(calibrated);
    let shown = |hits: Hits| format!("{} + {}", hits.true_hits, hits.false_hits);
    let rows = rows.map(|(((name, plain), (_, guarded)), (_, calibrated))| {
        let [p, g, c] = [plain, guarded, calibrated].map(shown);
        format!("{name:16}{:>8}{:>8}{p:>14}{g:>14}{c:>14}", plain.same, plain.different)
    });
    std::iter::once(head).chain(rows).collect()
}

fn row(name: &str, hits: &Hits) -> String {
    let percent = |part: u64, of: u64| part as f64 * 100.0 / of.max(1) as f64;
    let (share, low, high) = hits.false_share();
    format!(
        "{name:12}{:>6} of {:<6}{:>5.1} %{:>8} of {:<6}{:>5.1} %{:>10.2} % ({:.2} to {:.2})",
        hits.true_hits,
        hits.same,
        percent(hits.true_hits, hits.same),
        hits.false_hits,
        hits.different,
        percent(hits.false_hits, hits.different),
        share * 100.0,
        low * 100.0,
        high * 100.0,
    )
}

/// The same as JSON.
pub(super) fn as_json(report: &Report) -> Value {
    let hits = |hits: &Hits| {
        let (share, low, high) = hits.false_share();
        json!({
            "same": hits.same,
            "true_hits": hits.true_hits,
            "different": hits.different,
            "false_hits": hits.false_hits,
            "false_share": share,
            "false_share_bounds": [low, high],
        })
    };
    let outcome = |outcome: &Outcome| {
        let kinds = outcome.kinds.iter().map(|(kind, one)| (kind.clone(), hits(one)));
        let kinds: serde_json::Map<_, _> = kinds.collect();
        let categories = outcome.categories.iter().map(|(category, one)| {
            (category.map_or("not read", Category::as_str).to_owned(), hits(one))
        });
        let categories: serde_json::Map<_, _> = categories.collect();
        json!({"all": hits(&outcome.all), "categories": categories, "kinds": kinds})
    };
    let ways = ways(report).map(|(name, one)| (name.to_owned(), outcome(one)));
    Value::Object(ways.into_iter().collect())
}
