//! `endcap status`: how a running server's line to HQ does.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::arguments::Common;
use super::output;
use super::place::Place;
use crate::protocol::UnixMillis;
use crate::units::Bytes;

/// Show how a running server's line to HQ does: phase, what waits, HQ's time.
#[derive(Debug, Args)]
#[command(after_help = "This asks a running server with an admin token, in ENDCAP_TOKEN.")]
pub(super) struct Status {
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Status {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let answer = self.place.ask(&common.sources(), Method::GET, "/store/v1/line", None).await?;
        if self.json {
            return output::json(&answer);
        }
        let troubles = self.place.context(&common.sources())?.troubles;
        let of_demo = troubles.iter().map(|trouble| format!("\ndemo         {trouble}"));
        let shown = told(&answer, UnixMillis::now().0) + &of_demo.collect::<String>();
        Ok(output::line(&shown)?)
    }
}

/// As people read it.
fn told(answer: &Value, now_ms: u64) -> String {
    let text = |field: &str| answer.get(field).and_then(Value::as_str);
    let moment = |field: &str| answer.get(field).and_then(Value::as_u64);
    let ago = |at: u64| format!("{} ago", span(now_ms.saturating_sub(at)));
    let phase = text("phase").unwrap_or("unknown");
    let mut lines = Vec::new();
    let mut say = |label: &str, value: String| lines.push(format!("{label:<12} {value}"));
    say(
        "line",
        match moment("since_ms") {
            Some(since) => format!("{phase} for {}", span(now_ms.saturating_sub(since))),
            None => phase.to_owned(),
        },
    );
    if let Some(next) = moment("next_try_ms") {
        say("next try", format!("in {}", span(next.saturating_sub(now_ms))));
    }
    if let Some(place) = text("place") {
        say("this box", place.to_owned());
    }
    if let Some(broker) = text("broker") {
        let connections = moment("connections").unwrap_or_default();
        say("broker", format!("{broker}, {connections} connections so far"));
    }
    if let Some(trouble) = text("trouble") {
        say("trouble", trouble.to_owned());
    }
    if phase == "off" || phase == "broken" {
        return lines.join("\n");
    }
    say("HQ's time", moment("hq_time_ms").map_or_else(|| "not heard yet".to_owned(), ago));
    if let Some(floor) = moment("floor_ms") {
        say("time floor", ago(floor));
    }
    for (stream, outbox) in answer.get("outbox").and_then(Value::as_object).into_iter().flatten() {
        say(&format!("outbox {stream}"), waiting(outbox, now_ms));
    }
    if let Some(head) = answer.get("audit_head").filter(|head| !head.is_null()) {
        say("audit log", signed(head, now_ms));
    }
    let refused = answer.get("refused").and_then(Value::as_object).into_iter().flatten();
    let refused: Vec<String> = refused.map(|(why, count)| format!("{why} {count}")).collect();
    if !refused.is_empty() {
        say("refused", refused.join(", "));
    }
    lines.join("\n")
}

fn waiting(outbox: &Value, now_ms: u64) -> String {
    let number = |field: &str| outbox.get(field).and_then(Value::as_u64).unwrap_or_default();
    let (stored, written) = (number("stored"), number("written"));
    let so_far = format!("{stored} of {written} stored by HQ");
    match outbox.get("oldest_ms").and_then(Value::as_u64) {
        None => format!("empty, {so_far}"),
        Some(oldest) => format!(
            "{} waiting ({} of {}), oldest {}, {so_far}",
            number("entries"),
            Bytes(number("bytes")),
            Bytes(number("limit_bytes")),
            span(now_ms.saturating_sub(oldest)),
        ),
    }
}

/// HQ's word on the audit log; of the head as much as people compare.
fn signed(head: &Value, now_ms: u64) -> String {
    let number = |field: &str| head.get(field).and_then(Value::as_u64).unwrap_or_default();
    let hash = head.get("head").and_then(Value::as_str).unwrap_or_default();
    format!(
        "signed by HQ to entry {} (head {}), {} ago",
        number("entry"),
        hash.get(..16).unwrap_or(hash),
        span(now_ms.saturating_sub(number("signed_ms"))),
    )
}

/// A span of time in its largest unit.
fn span(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..=119 => format!("{s} s"),
        120..=7199 => format!("{} min", s / 60),
        7200..=172_799 => format!("{} h", s / 3600),
        _ => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::told;

    #[test]
    fn a_status_is_told_in_lines() {
        let answer = json!({
            "phase": "waiting", "since_ms": 1000, "next_try_ms": 190_000,
            "place": "acme/store-1/box-a", "broker": "mqtts://hq.example:8883", "connections": 2,
            "trouble": "connection refused", "hq_time_ms": null, "floor_ms": 1000,
            "outbox": {
                "evt": {"entries": 3, "bytes": 2048, "limit_bytes": 67_108_864,
                        "oldest_ms": 1000, "written": 9, "stored": 6},
                "log": {"entries": 0, "bytes": 0, "limit_bytes": 1024, "oldest_ms": null,
                        "written": 0, "stored": 0},
            },
            "audit_head": {"entry": 7, "head": "0123456789abcdef0123", "signed_ms": 121_000},
            "refused": {"signature": 1},
        });
        let told = told(&answer, 181_000);
        for line in [
            "line         waiting for 3 min",
            "next try     in 9 s",
            "this box     acme/store-1/box-a",
            "broker       mqtts://hq.example:8883, 2 connections so far",
            "trouble      connection refused",
            "HQ's time    not heard yet",
            "outbox evt   3 waiting (2.0 KiB of 64.0 MiB), oldest 3 min, 6 of 9 stored by HQ",
            "outbox log   empty, 0 of 0 stored by HQ",
            "audit log    signed by HQ to entry 7 (head 0123456789abcdef), 60 s ago",
            "refused      signature 1",
        ] {
            assert!(told.lines().any(|told| told == line), "{line}\n{told}");
        }
    }

    #[test]
    fn a_box_without_a_line_says_so_and_no_more() {
        assert_eq!(
            told(&json!({"phase": "off", "outbox": {}, "refused": {}}), 1),
            "line         off"
        );
    }
}
