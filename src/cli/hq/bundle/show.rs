//! Deployments and their boxes in words.

use reqwest::Method;
use serde_json::Value;

use crate::cli::hq::place::{HqPlace, ago, number, rows, text};

/// Whether nothing more becomes of a deployment.
pub(super) fn is_over(deployment: &Value) -> bool {
    !matches!(text(deployment, "state"), "draft" | "approved" | "running")
}

/// A deployment in one line.
pub(super) fn of_deployment(row: &Value) -> String {
    let what = match (text(row, "bundle"), row.get("reverts").and_then(Value::as_u64)) {
        (_, Some(reverts)) => format!("back from {reverts}"),
        ("", None) => text(row, "digest").chars().take(12).collect(),
        (bundle, None) => bundle.to_owned(),
    };
    let who = match row.get("approved_by").and_then(Value::as_str) {
        Some(approved) => format!("asked by {}, approved by {approved}", text(row, "asked_by")),
        None => format!("asked by {}", text(row, "asked_by")),
    };
    let why = match text(row, "reason") {
        "" => String::new(),
        why => format!("  ({why})"),
    };
    format!(
        "{:>4}  {:10}  {what:20}  {:24}  {}  {who}, {}{why}",
        number(row, "number"),
        text(row, "state"),
        text(row, "target"),
        counts(row),
        ago(number(row, "asked_ms")),
    )
}

/// How its boxes did, in words.
pub(super) fn counts(row: &Value) -> String {
    let Some(tally) = row.get("tally") else { return String::new() };
    let of = |name: &str| number(tally, name);
    if of("boxes") == 0 {
        return "no boxes yet".to_owned();
    }
    let mut words = vec![format!("{} of {} ok", of("ok"), of("boxes"))];
    for name in ["bad", "silent", "open"] {
        if of(name) > 0 {
            words.push(format!("{} {name}", of(name)));
        }
    }
    words.join(", ")
}

/// How far a box is, or what became of it.
pub(super) fn node_state(row: &Value) -> &str {
    match (text(row, "result"), text(row, "stage")) {
        ("", "") => "told",
        ("", stage) => stage,
        (result, _) => result,
    }
}

/// A box in one line.
pub(super) fn of_node(row: &Value) -> String {
    let why = [text(row, "reason"), text(row, "note")].into_iter().find(|why| !why.is_empty());
    let why = why.map(|why| format!("  {why}")).unwrap_or_default();
    let attested = text(row, "attested");
    let runs = match attested.get(..12) {
        Some(digest) => format!("  runs {digest}"),
        None => String::new(),
    };
    format!(
        "      {:32}  {:10}{runs}{why}  ({}, heard {})",
        text(row, "place"),
        node_state(row),
        text(row, "presence"),
        ago(number(row, "heard_ms")),
    )
}

/// Every box of a deployment, page by page.
pub(super) async fn nodes(place: &HqPlace, deployment: u64) -> anyhow::Result<Vec<Value>> {
    let (mut nodes, mut after) = (Vec::new(), String::new());
    loop {
        let path = place.path(&format!("deployments/{deployment}/nodes?limit=500&after={after}"));
        let page = place.ask(Method::GET, &path, None).await?;
        nodes.extend_from_slice(rows(&page, "data"));
        match page.get("next").and_then(Value::as_str) {
            Some(next) => next.clone_into(&mut after),
            None => return Ok(nodes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deployment_tells_how_its_boxes_did_and_who_let_it_go() {
        let row = json!({
            "number": 7, "state": "halted", "bundle": "smollm2-2", "target": "main/store-1",
            "tally": { "boxes": 4, "ok": 2, "bad": 1, "silent": 1, "open": 0 },
            "asked_by": "Ada", "approved_by": "Bob", "asked_ms": 0, "reason": "1 of 4 were bad",
        });
        let line = of_deployment(&row);
        for words in ["2 of 4 ok, 1 bad, 1 silent", "approved by Bob", "(1 of 4 were bad)"] {
            assert!(line.contains(words), "{line}");
        }
        assert!(is_over(&row) && !is_over(&json!({ "state": "running" })));
        assert_eq!(node_state(&json!({ "stage": "trial", "result": null })), "trial");
        assert_eq!(node_state(&json!({ "stage": "committed", "result": "ok" })), "ok");
        assert_eq!(node_state(&json!({})), "told");
    }
}
