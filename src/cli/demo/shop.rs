//! The sample shop: published at headquarters, and awaited in the store.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::Value;

use crate::cli::context::Known;
use crate::cli::output;
use crate::cli::place::exchange;
use crate::facts::{UnixSeconds, Zone, sample};

/// Until what HQ published is in the store; then the demo goes on without.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// Publishes the sample shop at this address, as its feed would.
pub(super) async fn publish(
    client: &Client,
    hq: &Known,
    url: &str,
    zone: Zone,
) -> anyhow::Result<()> {
    let read = move || sample::lines(UnixSeconds::now(), zone);
    let lines = tokio::task::spawn_blocking(read).await??;
    let answer = exchange(client, Some(&hq.token), Method::POST, url, |request| {
        request.header("content-type", "application/x-ndjson").body(lines)
    })
    .await?;
    let count = answer.get("changed").and_then(Value::as_u64).unwrap_or_default();
    output::note(&format!("the sample shop is published at HQ: {count} facts"));
    Ok(())
}

/// Waits until the store has so many facts.
pub(super) async fn arrived(client: &Client, store: &Known, wanted: u64) -> anyhow::Result<()> {
    let url = format!("{}/store/v1/facts", store.url);
    let end = Instant::now() + PATIENCE;
    loop {
        let answer =
            exchange(client, Some(&store.token), Method::GET, &url, |request| request).await?;
        let tables = answer.get("tables").and_then(Value::as_array);
        let counts = tables.into_iter().flatten().filter_map(|table| table.get("facts")?.as_u64());
        let there: u64 = counts.sum();
        if there >= wanted {
            return Ok(());
        }
        if Instant::now() >= end {
            output::note(&format!("note: {there} of HQ's {wanted} facts are in the store so far"));
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}
