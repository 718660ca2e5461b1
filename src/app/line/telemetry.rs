//! What is measured and told to HQ, as few numbers as tell how a box does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{notes::Notes, small};
use crate::facts::{Facts, UnixSeconds};
use crate::firmware::Firmware;
use crate::protocol::{Fields, Message, Name, Stream, Telemetry, UnixMillis, Value};
use crate::telemetry::{Metrics, Sums};

/// The route by which shoppers say something.
const MESSAGES: &str = "/store/v1/conversations/{id}/messages";

/// What is looked at.
pub(super) struct Measured {
    pub(super) metrics: Arc<Metrics>,
    pub(super) facts: Facts,
    pub(super) firmware: Option<Firmware>,
    /// The folder on whose disk everything lies.
    pub(super) folder: PathBuf,
}

/// Tells HQ of each span of time what was measured in it.
pub(super) async fn run(measured: Measured, notes: Notes, every: Duration) {
    let Measured { metrics, facts, firmware, folder } = measured;
    let started = Instant::now();
    let (mut from, mut before) = (UnixMillis::now(), Sums::of(&metrics));
    let mut revision = facts.status().revision.0;
    loop {
        tokio::time::sleep(every).await;
        let (until, after) = (UnixMillis::now(), Sums::of(&metrics));
        let mut values = differences(&before, &after);
        values.push(("uptime_s", started.elapsed().as_secs_f64()));
        values.extend(free_bytes(&folder).map(|free| ("disk_free_bytes", free)));
        values.extend(firmware.iter().flat_map(small::counts));
        let ages = feed_ages(&facts);
        // What was heard of longest ago tells how old an answer may be.
        let oldest = ages
            .iter()
            .map(|(_, age)| *age)
            .fold(None, |most: Option<f64>, age| Some(most.map_or(age, |most| most.max(age))));
        values.extend(oldest.map(|age| ("facts_age_s", age)));
        let named = values.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(ages);
        if let Some(message) = told(from, until, named) {
            notes.tell(Stream::Tel, message);
        }
        let reached = facts.status().revision.0;
        if reached != revision {
            let number = i64::try_from(reached).unwrap_or(i64::MAX);
            notes.event("facts.changed", [("revision", number.into())]);
        }
        (from, before, revision) = (until, after, reached);
    }
}

/// Bytes that are free on the disk of a folder; none where that cannot be found out.
fn free_bytes(folder: &Path) -> Option<f64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize) as f64)
}

/// How long each table's feed has been silent.
fn feed_ages(facts: &Facts) -> Vec<(String, f64)> {
    let now = UnixSeconds::now();
    let tables = facts.status().tables.into_iter();
    let heard = tables.filter_map(|table| Some((table.table.as_str(), table.heard?)));
    heard.map(|(table, at)| (format!("feed_age_s.{table}"), now.since(at) as f64)).collect()
}

/// What happened between two moments, and how it is at the second.
fn differences(before: &Sums, after: &Sums) -> Vec<(&'static str, f64)> {
    let grown = |name| after.of_all(name) - before.of_all(name);
    let of = |name, label, begins| {
        after.of_label(name, label, begins) - before.of_label(name, label, begins)
    };
    let http = "http_server_request_duration_seconds_count";
    let (cached, tokens) = ("endcap_cache_answers_total", "endcap_tokens_total");
    let first = "gen_ai_server_time_to_first_token_seconds";
    let gap = "gen_ai_server_time_per_output_token_seconds";
    let whole = "gen_ai_server_request_duration_seconds";
    let mean_ms = |name: &str| {
        let (sum, count) = (format!("{name}_sum"), format!("{name}_count"));
        let count = after.of_all(&count) - before.of_all(&count);
        let sum = after.of_all(&sum) - before.of_all(&sum);
        (count > 0.0).then(|| sum * 1000.0 / count)
    };
    let mut values = vec![
        ("requests", grown(http)),
        ("requests_failed", of(http, "http_response_status_code", "5")),
        ("answers_completed", grown("endcap_answers_completed_total")),
        ("answers_failed", grown("endcap_answers_failed_total")),
        ("tokens_input", of(tokens, "gen_ai_token_type", "input")),
        ("tokens_output", of(tokens, "gen_ai_token_type", "output")),
        ("cache_answers", grown(cached)),
        ("cache_exact", of(cached, "how", "exact")),
        ("cache_semantic", of(cached, "how", "semantic")),
        ("cache_saved_tokens", grown("endcap_cache_saved_tokens_total")),
        ("cache_entries", after.of_all("endcap_cache_entries")),
        ("cache_disk_bytes", after.of_all("endcap_cache_disk_bytes")),
        ("queue_waiting", after.of_all("endcap_queue_waiting")),
        ("models_loaded", after.of_all("endcap_model_loaded")),
        ("memory_bytes", after.of_all("process_resident_memory_bytes")),
        ("cpu_ms", grown("process_cpu_seconds_total") * 1000.0),
        ("panics", grown("endcap_http_panics_total")),
        ("outbox_bytes", after.of_all("endcap_outbox_bytes")),
        ("line_connections", grown("endcap_line_connections_total")),
        ("notes_lost", grown("endcap_notes_lost_total")),
    ];
    let claim = "endcap_handoff_claim_duration_seconds";
    values.extend([
        ("conversations", after.of_all("endcap_conversations")),
        ("shoppers_answered", of(http, "http_route", MESSAGES)),
        ("handoffs", grown("endcap_handoffs_total")),
        ("handoffs_escalated", grown("endcap_handoffs_escalated_total")),
        ("handoffs_waiting", after.of_all("endcap_handoffs_waiting")),
        ("corrections", grown("endcap_corrections_total")),
    ]);
    values.extend(mean_ms(claim).map(|mean| ("handoff_claim_mean_ms", mean)));
    values.extend(mean_ms(first).map(|mean| ("first_token_mean_ms", mean)));
    values.extend(mean_ms(whole).map(|mean| ("answer_mean_ms", mean)));
    values.extend(mean_ms(gap).map(|mean| ("token_gap_mean_us", mean * 1000.0)));
    values
}

fn told(
    from: UnixMillis,
    until: UnixMillis,
    values: impl Iterator<Item = (String, f64)>,
) -> Option<Message> {
    let named = |(name, value): (String, f64)| {
        Some((name.parse::<Name>().ok()?, Value::from(value.round() as i64)))
    };
    let values: BTreeMap<Name, Value> = values.filter_map(named).collect();
    Some(Message::Telemetry(Telemetry { from, until, values: Fields::new(values).ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::HttpRequest;

    fn answered(metrics: &Metrics, status: u16) {
        metrics.http_began();
        metrics.http_ended(HttpRequest {
            method: "GET",
            route: "/v1/models".to_owned(),
            status,
            duration: Duration::from_millis(2),
        });
    }

    #[test]
    fn what_happened_in_a_span_is_told_without_what_was_before() {
        let metrics = Metrics::new();
        answered(&metrics, 200);
        let before = Sums::of(&metrics);
        answered(&metrics, 200);
        answered(&metrics, 503);
        metrics.cache().answered("ask", "exact");
        let model = metrics.observe_model("tiny");
        crate::engine::Observer::prompt_tokens(&model, 7);
        metrics.http_began();
        metrics.http_ended(HttpRequest {
            method: "POST",
            route: MESSAGES.to_owned(),
            status: 200,
            duration: Duration::from_millis(2),
        });
        metrics.desk().called("anger");
        metrics.desk().claimed(Duration::from_secs(8));
        let values: BTreeMap<_, _> =
            differences(&before, &Sums::of(&metrics)).into_iter().collect();
        for (name, value) in [
            ("requests", 3.0),
            ("shoppers_answered", 1.0),
            ("handoffs", 1.0),
            ("handoff_claim_mean_ms", 8000.0),
            ("corrections", 0.0),
            ("requests_failed", 1.0),
            ("cache_answers", 1.0),
            ("cache_exact", 1.0),
            ("tokens_input", 7.0),
            ("tokens_output", 0.0),
        ] {
            assert_eq!(values.get(name), Some(&value), "{name}");
        }
        assert!(!values.contains_key("first_token_mean_ms"), "nothing was generated");
        let named = values.into_iter().map(|(name, value)| (name.to_owned(), value));
        assert!(told(UnixMillis(0), UnixMillis(1), named).is_some());
    }

    #[test]
    fn the_room_on_a_disk_is_known_where_there_is_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(folder.path()).unwrap() > 0.0);
        assert_eq!(free_bytes(&folder.path().join("none")), None);
    }
}
