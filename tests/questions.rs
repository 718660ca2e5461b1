//! The published figures of questions by meaning, made anew from the kept cosines.

use serde_json::Value;

use crate::support::{endcap, root, stderr};

fn report() -> Value {
    let folder = root().join("models/questions");
    let mut command = endcap();
    command.args(["cache", "evaluate", "--json"]).arg(folder.join("test.tsv"));
    let output = command.arg("--cosines").arg(folder.join("test.cosines")).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// `1234` as `1,234`.
fn grouped(number: &Value) -> String {
    let number = number.as_u64().unwrap();
    if number < 1000 {
        number.to_string()
    } else {
        format!("{},{:03}", number / 1000, number % 1000)
    }
}

fn percent(part: &Value, of: &Value) -> String {
    format!("{:.0} %", part.as_f64().unwrap() * 100.0 / of.as_f64().unwrap())
}

/// Hits of a way to decide, as the README's table has them.
fn published(name: &str, hits: &Value) -> String {
    let share = |value: &Value| format!("{:.2}", value.as_f64().unwrap() * 100.0);
    format!(
        "| {name} | {} ({}) | {} ({}) | {} % ({} to {}) |",
        grouped(&hits["true_hits"]),
        percent(&hits["true_hits"], &hits["same"]),
        grouped(&hits["false_hits"]),
        percent(&hits["false_hits"], &hits["different"]),
        share(&hits["false_share"]),
        share(&hits["false_share_bounds"][0]),
        share(&hits["false_share_bounds"][1]),
    )
}

#[test]
fn the_published_figures_are_those_of_the_command() {
    let (report, readme) = (report(), text("README.md"));
    for (way, name) in [
        ("plain", "cosine of 0.8 or more"),
        ("guarded", "the same behind the guards"),
        ("calibrated", "guards and fitted thresholds"),
    ] {
        let row = published(name, &report[way]["all"]);
        assert!(readme.contains(&row), "README.md lacks: {row}");
    }
}

#[test]
fn the_published_figures_of_each_category_are_those_of_the_command() {
    let (report, readme) = (report(), text("models/questions/README.md"));
    let calibrated = &report["calibrated"]["categories"];
    for (name, hits) in calibrated.as_object().unwrap() {
        let plain = &report["plain"]["categories"][name];
        let numbers = [
            &hits["same"],
            &hits["different"],
            &plain["true_hits"],
            &plain["false_hits"],
            &hits["true_hits"],
            &hits["false_hits"],
        ];
        let cells = numbers.map(grouped).join(" | ");
        let row = format!("| {name} | {cells} |");
        assert!(readme.contains(&row), "models/questions/README.md lacks: {row}");
    }
}

#[test]
fn false_hits_are_within_the_budget_and_half_of_the_plain_thresholds_true_hits_are_kept() {
    let report = report();
    let all = |way: &str| report[way]["all"].clone();
    let (plain, decided) = (all("plain"), all("calibrated"));
    assert!(decided["false_share_bounds"][1].as_f64().unwrap() <= 0.005, "{decided}");
    let true_hits = |hits: &Value| hits["true_hits"].as_u64().unwrap();
    assert!(true_hits(&decided) * 2 >= true_hits(&plain), "{plain} {decided}");
}
