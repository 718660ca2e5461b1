//! Many stores at once: enrolled, steady, told of a change, and back after their broker was away.
//! What each phase takes is printed as a table.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are what it is for")]

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};

use super::headquarters::{Headquarters, price};
use super::process::taken;
use super::shop::{Enrolled, Pace, Shop};

/// Boxes that enrol at once.
const TOGETHER: usize = 16;
/// Facts that all stores have.
const FACTS: usize = 200;

/// How many stores, and how long what is steady is watched.
#[derive(Debug, Clone, Copy)]
struct Plan {
    stores: usize,
    steady: Duration,
    /// The longest time that a box waits between two tries.
    max_retry_ms: u64,
    /// How long the broker is away.
    away: Duration,
}

impl Plan {
    /// As the test is asked for it.
    #[allow(clippy::disallowed_methods, reason = "told by whoever runs the test")]
    fn asked() -> Self {
        let number = |name: &str, usual: u64| {
            std::env::var(name).map_or(usual, |text| text.parse().unwrap())
        };
        Self {
            stores: number("ENDCAP_CHAIN_STORES", 1000) as usize,
            steady: Duration::from_secs(number("ENDCAP_CHAIN_STEADY_S", 60)),
            max_retry_ms: number("ENDCAP_CHAIN_MAX_RETRY_S", 600) * 1000,
            away: Duration::from_secs(number("ENDCAP_CHAIN_AWAY_S", 20)),
        }
    }
}

/// A chain of stores and what was measured of it.
struct Chain {
    hq: Headquarters,
    shops: Vec<Shop>,
    rows: Vec<String>,
}

/// What everybody has taken at a moment.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    hq_cpu_s: f64,
    broker_cpu_s: f64,
    acknowledged: u64,
    database_bytes: u64,
}

impl Chain {
    async fn enrol(plan: Plan) -> Self {
        let hq = Headquarters::start().await;
        hq.push((0..FACTS).map(|number| price(number, 100))).await;
        let mut chain = Self { hq, shops: Vec::new(), rows: Vec::new() };
        let before = chain.moment();
        let hq = &chain.hq;
        let names = (0..plan.stores).map(|number| format!("store-{number:05}"));
        let enrolled: Vec<Enrolled> = stream::iter(names)
            .map(async |name| Enrolled::at(hq, &name).await)
            .buffer_unordered(TOGETHER)
            .collect()
            .await;
        chain.tell("enrolled", before);
        let mut pace = Pace::product();
        pace.line.max_retry_ms = plan.max_retry_ms;
        let before = chain.moment();
        for (seed, enrolled) in enrolled.into_iter().enumerate() {
            chain.shops.push(Shop::start(enrolled, pace, seed as u64));
        }
        chain.until("on the line", |shop| shop.is_open()).await;
        chain.until("have the facts", |shop| shop.epoch() == 1).await;
        chain.reported(1).await;
        chain.told().await;
        chain.tell("started, facts fetched", before);
        chain
    }

    fn moment(&self) -> Moment {
        let broker = taken(&self.hq.broker.id().to_string());
        Moment {
            at: Instant::now(),
            hq_cpu_s: self.hq.process.taken().cpu_s,
            broker_cpu_s: broker.cpu_s,
            acknowledged: self.shops.iter().map(Shop::acknowledged).sum(),
            database_bytes: self.hq.database_bytes(),
        }
    }

    /// A row of the table: what has passed since a moment.
    fn tell(&mut self, phase: &str, before: Moment) {
        let now = self.moment();
        let (hq, broker) = (self.hq.process.taken(), taken(&self.hq.broker.id().to_string()));
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let seconds = now.at.duration_since(before.at).as_secs_f64();
        let messages = now.acknowledged - before.acknowledged;
        let row = format!(
            "| {phase} | {seconds:.1} | {:.2} | {:.0} | {:.2} | {:.0} | {messages} | {:.1} |",
            now.hq_cpu_s - before.hq_cpu_s,
            mib(hq.most_memory_bytes),
            now.broker_cpu_s - before.broker_cpu_s,
            mib(broker.memory_bytes),
            mib(now.database_bytes),
        );
        eprintln!("{row}");
        self.rows.push(row);
    }

    /// Waits until all shops are so.
    async fn until(&self, what: &str, holds: impl Fn(&Shop) -> bool) {
        let end = Instant::now() + Duration::from_secs(900);
        loop {
            let missing = self.shops.iter().filter(|shop| !holds(shop)).count();
            if missing == 0 {
                return;
            }
            assert!(Instant::now() < end, "{missing} are not: {what}; {}", self.hq.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until HQ has heard from all shops that they have this epoch.
    async fn reported(&self, epoch: u64) {
        let select = format!(
            "SELECT count(*) FROM reported WHERE document = 'facts' AND applied >= {epoch}"
        );
        let end = Instant::now() + Duration::from_secs(300);
        while self.hq.number(&select).await < self.shops.len() as u64 {
            assert!(Instant::now() < end, "reports are missing; {}", self.hq.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until HQ has everything.
    async fn told(&self) {
        self.until("HQ has everything", |shop| shop.waiting() == 0).await;
    }

    /// A change of one fact, until the last shop has it and HQ knows.
    async fn change(&mut self) {
        let before = self.moment();
        let epoch = self.hq.push([price(7, 99)]).await;
        self.until("have the change", |shop| shop.epoch() == epoch).await;
        let applied = before.at.elapsed().as_secs_f64();
        self.reported(epoch).await;
        self.tell(&format!("one fact changed; the last store had it after {applied:.1} s"), before);
    }

    /// The broker is killed, and comes back after a while.
    async fn lose_the_broker(&mut self, away: Duration) {
        self.hq.broker.kill();
        self.until("notice", |shop| !shop.is_open()).await;
        tokio::time::sleep(away).await;
        self.hq.broker.start_again().await;
        let mut before = self.moment();
        before.broker_cpu_s = 0.0;
        let half = self.shops.len() / 2;
        let is_half = || self.shops.iter().filter(|shop| shop.is_open()).count() >= half;
        while !is_half() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let half = before.at.elapsed().as_secs_f64();
        self.until("on the line again", Shop::is_open).await;
        let open = before.at.elapsed().as_secs_f64();
        self.told().await;
        let away = away.as_secs();
        self.tell(
            &format!(
                "broker away {away} s; half were back after {half:.1} s, all after {open:.1} s"
            ),
            before,
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/run --full"]
async fn a_thousand_stores_stay_in_step() {
    let plan = Plan::asked();
    let mut chain = Chain::enrol(plan).await;
    let before = chain.moment();
    tokio::time::sleep(plan.steady).await;
    chain.tell("steady", before);
    chain.change().await;
    chain.lose_the_broker(Duration::ZERO).await;
    chain.lose_the_broker(plan.away).await;
    let stored = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM telemetry)";
    let gaps = chain.hq.number("SELECT count(*) FROM gaps").await;
    let acknowledged: u64 = chain.shops.iter().map(Shop::acknowledged).sum();
    eprintln!("{plan:?}, {FACTS} facts");
    eprintln!(
        "| phase | s | HQ CPU s | HQ MiB at most | broker CPU s | broker MiB | messages | database MiB |"
    );
    eprintln!("|---|---|---|---|---|---|---|---|");
    chain.rows.iter().for_each(|row| eprintln!("{row}"));
    let own = taken("self");
    eprintln!("the stores themselves: {:.0} s, {} MiB", own.cpu_s, own.most_memory_bytes >> 20);
    assert_eq!(gaps, 0, "something was dropped");
    assert!(chain.hq.number(stored).await >= acknowledged, "acknowledged and not stored");
    for shop in chain.shops {
        shop.end().await;
    }
}
