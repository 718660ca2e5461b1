//! What a store's line takes of its WAN in a day, counted by a proxy as TCP carries it, beside a store that
//! asks a server over HTTP every 30 seconds. Both over TLS.
//!
//! The line runs sixty times as fast as the product's: an hour of it is watched for a minute and taken 24
//! times. What does not depend on time (keep-alives, coming back) is counted by itself. Asking runs as
//! fast as it can, for all of a day.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are what it is for")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::routing::post;
use endcap::http::{Config, Health, Listener, TlsFiles};
use endcap::sync::LineConfig;
use endcap::telemetry::Metrics;
use endcap_testing::proxy::{Passed, Proxy};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::headquarters::{Headquarters, price};
use super::shop::{Enrolled, MEASURED, Pace, Shop};

/// How many times as fast the line runs.
const LAPSE: u32 = 60;
/// Spans that are watched, and how many of them a day has.
const WATCHED: Duration = Duration::from_secs(60);
const SPANS: u64 = 24 * 3600 / (60 * LAPSE as u64);
/// The keep-alive of the product, in a day; and how fast it is here, as the client knows no faster.
const KEEP_ALIVES: u64 = 24 * 3600 / 60;
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Polls of a day.
const POLLS: u64 = 24 * 3600 / 30;
/// What a busy store has in a day.
const EVENTS: u64 = 2000;
const CHANGES: u64 = 200;
const FACTS: usize = 5000;

/// Bytes of a day.
#[derive(Debug, Clone, Copy, Default)]
struct Day {
    up: u64,
    down: u64,
    pieces: u64,
}

impl Day {
    fn add(&mut self, passed: Passed, times: u64) {
        self.up += passed.up_bytes * times;
        self.down += passed.down_bytes * times;
        self.pieces += passed.pieces * times;
    }

    fn row(self, name: &str) -> String {
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        let (up, down) = (kib(self.up), kib(self.down));
        format!("| {name} | {up:.0} | {down:.0} | {:.0} | {} |", up + down, self.pieces)
    }
}

fn lapsed(events: u64) -> Pace {
    let day = Duration::from_secs(24 * 3600) / LAPSE;
    let usual = LineConfig::default();
    Pace {
        line: LineConfig { refresh_ms: usual.refresh_ms / u64::from(LAPSE), ..usual },
        telemetry_every: Duration::from_secs(60) / LAPSE,
        event_every: if events == 0 { day } else { day / events as u32 },
        ..Pace::product()
    }
}

/// Nothing but keep-alives.
fn silent() -> Pace {
    let never = Duration::from_secs(24 * 3600);
    let (telemetry_every, event_every) = (never, never);
    Pace { keep_alive: KEEP_ALIVE, telemetry_every, event_every, ..Pace::product() }
}

struct Counted {
    hq: Headquarters,
    stores: u64,
}

impl Counted {
    fn passed(&self) -> [Passed; 2] {
        let ways = self.hq.ways.as_ref().unwrap();
        [ways.line.passed(), ways.web.passed()]
    }

    fn since(&self, before: [Passed; 2]) -> [Passed; 2] {
        let now = self.passed();
        [now[0].since(before[0]), now[1].since(before[1])]
    }

    /// A store that is on the line, has the facts, and is alone there.
    async fn shop(&mut self, pace: Pace) -> Shop {
        self.stores += 1;
        let enrolled = Enrolled::at(&self.hq, &format!("store-{}", self.stores)).await;
        let shop = Shop::start(enrolled, pace, self.stores);
        while !shop.is_open() || shop.epoch() == 0 || shop.waiting() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        shop
    }

    /// A day of the line: spans with so many events and changes, keep-alives, and one loss of the line.
    async fn day(&mut self, events: u64, changes: u64) -> Day {
        let mut day = Day::default();
        let shop = self.shop(lapsed(events)).await;
        let before = self.passed();
        let pushing = async {
            let pushes = changes / SPANS;
            for number in 0..pushes {
                self.hq.push([price(number as usize, 100 + self.stores * 7 + number)]).await;
                tokio::time::sleep(WATCHED / pushes as u32).await;
            }
        };
        tokio::join!(pushing, tokio::time::sleep(WATCHED));
        self.since(before).into_iter().for_each(|passed| day.add(passed, SPANS));
        shop.end().await;

        let shop = self.shop(silent()).await;
        let before = self.passed();
        tokio::time::sleep(KEEP_ALIVE * 4).await;
        // A question of half an hour may fall in here; it is a hundredth of what is taken for it.
        self.since(before).into_iter().for_each(|passed| day.add(passed, KEEP_ALIVES / 4));
        let before = self.passed();
        self.hq.ways.as_ref().unwrap().line.cut();
        while shop.is_open() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        while !shop.is_open() || shop.waiting() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.since(before).into_iter().for_each(|passed| day.add(passed, 1));
        shop.end().await;
        day
    }
}

/// A server that is asked: takes what happened and says what is new.
async fn polled(certificates: TlsFiles, stop: CancellationToken) -> std::net::SocketAddr {
    let answer = async |Json(asked): Json<Value>| {
        let changed = asked["changes"].as_u64().unwrap_or_default();
        let facts: Vec<Value> = (0..changed).map(|number| price(number as usize, 199)).collect();
        Json(json!({
            "time_ms": 1_795_000_000_000_u64,
            "stored": {"events": asked["events_through"], "telemetry": asked["telemetry_through"]},
            "desired": {"bundle": 3, "config": 17, "cache": 5},
            "facts": {"epoch": 1204, "changes": facts},
        }))
    };
    let router = axum::Router::new().route("/v1/stores/{store}/sync", post(answer));
    let listen = ([127, 0, 0, 1], 0).into();
    let config = Config { listen, tls: Some(certificates), ..Config::default() };
    let listener = Listener::bind(config).await.unwrap();
    let address = listener.address();
    let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::default()));
    tokio::spawn(listener.run(router, metrics, health, stop));
    address
}

/// A day of asking: all that happened since the last time in one request, all that is new in its answer,
/// on a connection that is kept.
async fn day_of_polling(hq: &Headquarters, events: u64, changes: u64) -> Day {
    let stop = CancellationToken::new();
    let (certificate, key) = (hq.broker.certificate(), hq.broker.key());
    let server = polled(TlsFiles { certificate, key }, stop.clone()).await;
    let proxy = Proxy::before(server).await;
    let client = super::headquarters::client(&std::fs::read(hq.authority()).unwrap());
    let url = format!("https://localhost:{}/v1/stores/store-00001/sync", proxy.port);
    let measured: BTreeMap<&str, i64> = MEASURED.into();
    // How many of a day's have come by a poll.
    let through = |count: u64, poll: u64| count * poll / POLLS;
    let new = |count: u64, poll: u64| through(count, poll) - through(count, poll - 1);
    for poll in 1..=POLLS {
        let event = |number: u64| {
            json!({"seq": number, "at_ms": 1_795_000_000_000_u64 + poll,
            "name": "model.loaded", "fields": {"package": "smollm2", "number": number}})
        };
        let happened: Vec<Value> = (0..new(events, poll)).map(event).collect();
        let told: Vec<Value> = (0..poll % 2)
            .map(|_| {
                json!({"from_ms": 1_795_000_000_000_u64, "until_ms": 1_795_000_060_000_u64,
                            "values": measured})
            })
            .collect();
        let asked = json!({
            "have": {"bundle": 3, "config": 17, "cache": 5, "facts": 1203},
            "events": happened, "events_through": through(events, poll),
            "telemetry": told, "telemetry_through": poll / 2,
            "changes": new(changes, poll),
        });
        let request = client.post(&url).bearer_auth("endcap-node-0123456789abcdefghijklmnopqrstuv");
        let request = request.header("content-type", "application/json");
        let answer = request.header("accept", "application/json").body(asked.to_string());
        let answer = answer.send().await.unwrap();
        assert!(answer.status().is_success());
        answer.bytes().await.unwrap();
    }
    let mut day = Day::default();
    day.add(proxy.passed(), 1);
    let connections = proxy.passed().connections;
    assert!(connections < 10, "{connections} connections: they are not kept");
    stop.cancel();
    day
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/run --full"]
async fn a_line_takes_less_of_the_wan_than_asking_every_30_seconds() {
    let hq = Headquarters::behind_proxies().await;
    hq.push((0..FACTS).map(|number| price(number, 100))).await;
    let mut counted = Counted { hq, stores: 0 };
    let idle = counted.day(0, 0).await;
    let busy = counted.day(EVENTS, CHANGES).await;
    let asking_idle = day_of_polling(&counted.hq, 0, 0).await;
    let asking_busy = day_of_polling(&counted.hq, EVENTS, CHANGES).await;
    eprintln!("| a store's day | KiB up | KiB down | KiB | pieces |");
    eprintln!("|---|---|---|---|---|");
    for (day, name) in [
        (idle, "the line, idle"),
        (busy, "the line, busy"),
        (asking_idle, "asking every 30 s, idle"),
        (asking_busy, "asking every 30 s, busy"),
    ] {
        eprintln!("{}", day.row(name));
    }
    let all = |day: Day| day.up + day.down;
    assert!(all(idle) < all(asking_idle), "{idle:?} {asking_idle:?}");
    assert!(all(busy) < all(asking_busy), "{busy:?} {asking_busy:?}");
}
