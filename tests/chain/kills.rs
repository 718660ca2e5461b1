//! The store's process, HQ's and the broker's, killed at any moment, again and again, while facts,
//! settings and commands go down and events and measured values come up.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are what it is for")]

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use endcap::protocol::{Ledger, Stream};
use endcap::state::{StateConfig, Store};
use endcap_testing::mosquitto::free_address;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::{Value, json};

use super::headquarters::{Headquarters, TENANT, price};
use super::process::Process;
use crate::support::{Ask, data, endcap, stderr};

const STORE: &str = "store-1";
const PLACE: &str = "acme/store-1/box";
const FACTS: usize = 50;

/// The store's process.
struct Shop {
    data: tempfile::TempDir,
    address: String,
    process: Process,
}

impl Shop {
    async fn enrolled(hq: &Headquarters) -> Self {
        let (data, claim) = (data(), hq.claim(STORE).await);
        let enrolled = endcap()
            .args(["enroll", "--hq", &hq.stores_url(), "--token", &claim, "--authority"])
            .arg(hq.authority())
            .arg("--data")
            .arg(data.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(enrolled.status.success(), "{}", stderr(&enrolled));
        let address = free_address().to_string();
        let process = serve(data.path(), &address, "1");
        Self { data, address, process }
    }

    /// Killed and started anew.
    fn restart(&mut self, telemetry_s: &str) {
        self.process.kill();
        self.process = serve(self.data.path(), &self.address, telemetry_s);
    }

    /// How it stands with HQ, while it answers.
    async fn line(&self) -> Option<Value> {
        let address = self.address.clone();
        tokio::net::TcpStream::connect(&address).await.ok()?;
        let ask = move || Ask::get("/store/v1/line").send(&address).json();
        tokio::task::spawn_blocking(ask).await.ok()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("log")).unwrap_or_default()
    }
}

fn serve(data: &Path, address: &str, telemetry_s: &str) -> Process {
    let mut command = endcap();
    command.args(["serve", "--listen", address, "--data"]).arg(data).envs([
        ("ENDCAP_LINE_RETRY_S", "0.05"),
        ("ENDCAP_LINE_MAX_RETRY_S", "0.5"),
        ("ENDCAP_LINE_TELEMETRY_S", telemetry_s),
        ("ENDCAP_MODELS_LOAD", "demand"),
    ]);
    Process::start(&mut command, &data.join("log"))
}

/// What HQ said that it has.
#[derive(Debug, Default)]
struct Granted {
    epochs: u64,
    versions: u64,
    commands: Vec<String>,
}

struct World {
    hq: Headquarters,
    shop: Shop,
    granted: Granted,
    number: u64,
}

impl World {
    async fn start() -> Self {
        let hq = Headquarters::start().await;
        hq.push((0..FACTS).map(|number| price(number, 100))).await;
        let shop = Shop::enrolled(&hq).await;
        Self { hq, shop, granted: Granted::default(), number: 0 }
    }

    /// Somebody wants something of the store; HQ may be away, and then it does not count.
    async fn want(&mut self) {
        self.number += 1;
        let number = self.number;
        let path = |what: &str| format!("/hq/v1/tenants/{TENANT}/{what}");
        let send = async |what: &str, body: Value| {
            let kind = "application/json";
            self.hq.try_send(Method::POST, &path(what), kind, body.to_string()).await.ok()
        };
        match number % 3 {
            0 => {
                let fact = price(number as usize % FACTS, 100 + number);
                if let Ok(epoch) = self.hq.try_push([fact]).await {
                    self.granted.epochs = self.granted.epochs.max(epoch);
                }
            }
            1 => {
                let contents = json!({"wan_bytes_per_day": 1_000_000 + number});
                let wanted = json!({"target": PLACE, "document": "config", "contents": contents});
                if let Some(answer) = send("desired", wanted).await {
                    self.granted.versions = answer["version"].as_u64().unwrap();
                }
            }
            _ => {
                let order = json!({"target": PLACE, "name": "cache.purge", "expires_in_s": 120});
                if let Some(answer) = send("commands", order).await {
                    let id = answer["ids"][0].as_str().unwrap();
                    self.granted.commands.push(id.to_owned());
                }
            }
        }
    }

    async fn kill_one(&mut self, chance: &mut ChaCha8Rng) {
        match chance.random_range(0..10) {
            0..5 => self.shop.restart("1"),
            5..8 => {
                self.hq.process.kill();
                self.hq.start_again();
            }
            _ => {
                self.hq.broker.kill();
                self.hq.broker.start_again().await;
            }
        }
    }

    /// Waits until everything that HQ granted is so at the store, and HQ has all of the store's.
    async fn settle(&mut self) {
        self.hq.answers().await;
        self.shop.restart("3600");
        let end = Instant::now() + Duration::from_secs(180);
        let mut wrong = self.unsettled().await;
        while let Some(why) = wrong {
            let hq = self.hq.log();
            let hq = hq.get(hq.len().saturating_sub(2000)..).unwrap_or_default();
            assert!(Instant::now() < end, "{why}\nstore: {}\nHQ: {hq}", self.shop.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
            wrong = self.unsettled().await;
        }
    }

    async fn unsettled(&self) -> Option<String> {
        let Some(line) = self.shop.line().await else { return Some("no answer".to_owned()) };
        let waits =
            |stream: &Stream| line["outbox"][stream.as_str()]["entries"].as_u64() != Some(0);
        if line["phase"] != "open" || Stream::UP.iter().any(waits) {
            return Some(format!("{line}"));
        }
        let of = |document: &str, column: &str| {
            format!(
                "SELECT {column} FROM reported WHERE place = '{PLACE}' AND document = '{document}'"
            )
        };
        let facts = self.hq.number(&of("facts", "applied")).await;
        let wanted = self.hq.number("SELECT epoch FROM catalogues").await;
        let root = self.hq.text("SELECT root FROM catalogues").await;
        if facts != wanted || root != self.hq.text(&of("facts", "observed")).await {
            return Some(format!("facts {facts} of {wanted}"));
        }
        let config = self.hq.number(&of("config", "applied")).await;
        let wanted = "SELECT max(version) FROM desired WHERE document = 'config'";
        let wanted = self.hq.number(wanted).await;
        if config != wanted {
            return Some(format!("settings {config} of {wanted}"));
        }
        let open = "SELECT name || ' ' || seq || ': ' || coalesce(outcome, 'none') FROM commands
             WHERE outcome IS NULL OR outcome IN ('accepted', 'running') ORDER BY seq LIMIT 1";
        self.hq.text(open).await
    }

    /// That HQ has what the store produced, once each, and the store what HQ granted.
    async fn check(mut self, seed: u64) {
        self.shop.process.kill();
        let (path, place) = (self.shop.data.path().join("state.redb"), PLACE.parse().unwrap());
        let store = Store::open(&path, place, StateConfig::default()).unwrap();
        let ledger: Ledger = store.ledger().unwrap();
        let gaps = self.hq.number("SELECT count(*) FROM gaps").await;
        assert_eq!(gaps, 0, "seed {seed}: there was room for everything");
        for (stream, table) in [(Stream::Evt, "events"), (Stream::Tel, "telemetry")] {
            let produced = store.position(stream).unwrap().next - 1;
            let stored = self.hq.number(&format!("SELECT count(*) FROM {table}")).await;
            assert_eq!(stored, produced, "seed {seed}: {stream} lost or twice");
        }
        let once = format!("SELECT count(DISTINCT seq) FROM events WHERE ledger = '{ledger}'");
        let events = self.hq.number("SELECT count(*) FROM events").await;
        assert_eq!(self.hq.number(&once).await, events, "seed {seed}: took effect twice");
        let Granted { epochs, versions, commands } = &self.granted;
        assert!(self.hq.number("SELECT epoch FROM catalogues").await >= *epochs, "{epochs}");
        let version = "SELECT max(version) FROM desired WHERE document = 'config'";
        assert!(self.hq.number(version).await >= *versions, "{versions}");
        for id in commands {
            let select = format!("SELECT outcome FROM commands WHERE id = '{id}'");
            let outcome = self.hq.text(&select).await;
            assert!(
                matches!(outcome.as_deref(), Some("done" | "failed" | "expired")),
                "{outcome:?}"
            );
        }
        assert!(*epochs > 1 && *versions > 1 && !commands.is_empty(), "{:?}", self.granted);
        let laid_aside = self.hq.number("SELECT count(*) FROM laid_aside").await;
        assert_eq!(laid_aside, 0, "seed {seed}");
        eprintln!("{events} events, {} granted commands, epoch {epochs}", commands.len());
    }
}

async fn kill(times: u32, seed: u64) {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::start().await;
    for _ in 0..times {
        let until = Instant::now() + Duration::from_millis(chance.random_range(20..900));
        while Instant::now() < until {
            world.want().await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        world.kill_one(&mut chance).await;
    }
    world.settle().await;
    world.check(seed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_stores_hqs_and_brokers_lose_nothing() {
    kill(20, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a quarter of an hour: tests/run --full"]
async fn five_hundred_kills_of_stores_hqs_and_brokers_lose_nothing() {
    kill(500, 2).await;
}
