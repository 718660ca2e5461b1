//! A simulated box: the product's line, state and facts, in memory, beside many others in one process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use endcap::facts::{Facts, FactsConfig};
use endcap::identity::{Identity, Request, make_request, write_identity};
use endcap::protocol::{
    Clock, Event, Fields, Label, Message, Stream, Telemetry, UnixMillis, Value,
};
use endcap::reconcile::Surroundings;
use endcap::reconcile::epochs::{FactsTask, Follower};
use endcap::reconcile::fetch::{FetchLimits, Fetcher, Origin};
use endcap::state::{StateConfig, Store};
use endcap::sync::mqtt::{self, Broker, Credentials, Status};
use endcap::sync::{LineConfig, LineSettings, Phase, Resolved, Session};
use redb::backends::InMemoryBackend;
use reqwest::Method;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::headquarters::{CATALOGUE, Headquarters};

/// What the product measures in each span: names as they go over the line, and values as they are on
/// a box that is asked a little.
pub(super) const MEASURED: [(&str, i64); 23] = [
    ("requests", 14),
    ("requests_failed", 0),
    ("answers_completed", 11),
    ("answers_failed", 0),
    ("tokens_input", 4_210),
    ("tokens_output", 612),
    ("cache_answers", 14),
    ("cache_exact", 6),
    ("cache_semantic", 3),
    ("cache_saved_tokens", 410),
    ("cache_entries", 2_114),
    ("queue_waiting", 0),
    ("models_loaded", 2),
    ("memory_bytes", 1_912_602_624),
    ("cpu_ms", 8_450),
    ("panics", 0),
    ("outbox_bytes", 0),
    ("line_connections", 0),
    ("notes_lost", 0),
    ("uptime_s", 412_331),
    ("first_token_mean_ms", 183),
    ("token_gap_mean_us", 21_411),
    ("feed_age_s.prices", 3_712),
];

/// How eager a box is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) line: LineConfig,
    pub(super) keep_alive: Duration,
    pub(super) telemetry_every: Duration,
    pub(super) event_every: Duration,
}

impl Pace {
    /// The product's own, with 2,000 events a day.
    pub(super) fn product() -> Self {
        Self {
            line: LineConfig::default(),
            keep_alive: Duration::from_secs(60),
            telemetry_every: Duration::from_secs(60),
            event_every: Duration::from_millis(43_200),
        }
    }
}

/// A box that is enrolled and not yet on the line.
pub(super) struct Enrolled {
    resolved: Resolved,
    folder: tempfile::TempDir,
}

impl Enrolled {
    /// The box of this store becomes a node, over HQ's API.
    pub(super) async fn at(hq: &Headquarters, store: &str) -> Self {
        let claim = hq.claim(store).await;
        let (key, request) = make_request().unwrap();
        let asked = Request { claim: Some(claim), request, proof: None };
        let asked = serde_json::to_string(&asked).unwrap();
        let answer = hq.try_send(Method::POST, "/hq/v1/enrol", "application/json", asked).await;
        let identity: Identity = serde_json::from_value(answer.unwrap()).unwrap();
        let folder = folder();
        write_identity(folder.path(), &hq.stores_url(), &key, &identity).unwrap();
        let settings = LineSettings::new(folder.path().to_owned());
        let resolved = settings.resolve().unwrap().unwrap();
        Self { resolved, folder }
    }
}

/// A folder in memory where there is one: a thousand boxes have a thousand disks, and this machine one.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// A box that runs.
pub(super) struct Shop {
    pub(super) store: Store,
    pub(super) status: watch::Receiver<Status>,
    facts: Facts,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl Shop {
    /// Puts a box on the line; `seed` decides how it waits.
    pub(super) fn start(enrolled: Enrolled, pace: Pace, seed: u64) -> Self {
        let Enrolled { resolved, folder } = enrolled;
        let place = resolved.trust.who.place.clone();
        let store = Store::on(InMemoryBackend::new, place, StateConfig::default()).unwrap();
        let facts = Facts::in_memory(FactsConfig::default()).unwrap();
        let (tell, status) = watch::channel(Status::new(UnixMillis::now()));
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let follow = follow(&resolved, &store, &facts, folder.path());
        tasks.spawn(follow.run(stop.clone()));
        let Resolved { broker, trust, .. } = resolved;
        let broker = Broker { keep_alive: pace.keep_alive, ..broker };
        let session = Session::new(store.clone(), trust, pace.line, UnixMillis(0), seed).unwrap();
        let ends = stop.clone();
        tasks.spawn(async move { mqtt::run(session, broker, tell, ends).await.unwrap() });
        let life = live(store.clone(), pace, seed);
        let ends = stop.clone();
        tasks.spawn(async move { ends.run_until_cancelled(life).await.unwrap_or_default() });
        Self { store, status, facts, stop, tasks, _folder: folder }
    }

    pub(super) fn is_open(&self) -> bool {
        self.status.borrow().phase == Phase::Open
    }

    /// Messages that HQ has not acknowledged.
    pub(super) fn waiting(&self) -> u64 {
        Stream::UP.iter().map(|stream| self.store.position(*stream).unwrap().count()).sum()
    }

    /// Messages that HQ has acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        Stream::UP.iter().map(|stream| self.store.position(*stream).unwrap().first - 1).sum()
    }

    /// The epoch of the facts that it has.
    pub(super) fn epoch(&self) -> u64 {
        self.facts.held_epoch(CATALOGUE).unwrap().map_or(0, |held| held.epoch)
    }

    pub(super) async fn end(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Follows the facts as the product does.
fn follow(resolved: &Resolved, store: &Store, facts: &Facts, folder: &Path) -> FactsTask {
    let token_file = Some(folder.join("token"));
    let origin = Origin { base: resolved.hq.clone().unwrap(), wan: true, token_file };
    let limits = FetchLimits::default();
    let tls = Credentials::in_folder(folder).client_config().unwrap();
    let tls = Some((*tls).clone());
    let fetcher = Fetcher::new(&folder.join("line"), vec![origin], tls, limits).unwrap();
    let facts = facts.clone();
    let make =
        move |catalogue: &Label| Follower::new(facts.clone(), fetcher.clone(), catalogue.clone());
    let (_, catalogues) = watch::channel(vec![CATALOGUE.parse().unwrap()]);
    let around = Surroundings {
        time: Arc::new(|| (Clock::Known(UnixMillis::now()), UnixMillis::now().0)),
        in_hours: Arc::new(|_| true),
        facts_epoch: Arc::new(|| None),
        gate: Arc::new(|_| Ok(())),
    };
    FactsTask::new(store.clone(), resolved.trust.keys.clone(), around, catalogues, Box::new(make))
}

/// Measures and tells, at times that differ from box to box.
async fn live(store: Store, pace: Pace, seed: u64) {
    let share = (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / f64::from(1 << 24);
    append(&store, Stream::Evt, event("server.started", 0)).await;
    let measure = async {
        tokio::time::sleep(pace.telemetry_every.mul_f64(share)).await;
        loop {
            append(&store, Stream::Tel, measured(pace.telemetry_every)).await;
            tokio::time::sleep(pace.telemetry_every).await;
        }
    };
    let happen = async {
        tokio::time::sleep(pace.event_every.mul_f64(1.0 - share)).await;
        for number in 1.. {
            append(&store, Stream::Evt, event("model.loaded", number)).await;
            tokio::time::sleep(pace.event_every).await;
        }
    };
    tokio::join!(measure, happen);
}

async fn append(store: &Store, stream: Stream, message: Message) {
    let store = store.clone();
    let write = move || store.write(|w| w.append(stream, UnixMillis::now(), &message)).map(drop);
    tokio::task::spawn_blocking(write).await.unwrap().unwrap();
}

fn event(name: &str, number: i64) -> Message {
    let fields = [("package", Value::from("smollm2")), ("number", number.into())];
    let fields = fields.map(|(name, value)| (name.parse().unwrap(), value));
    Message::Event(Event {
        name: name.parse().unwrap(),
        fields: Fields::new(fields.into()).unwrap(),
    })
}

fn measured(span: Duration) -> Message {
    let until = UnixMillis::now();
    let from = UnixMillis(until.0 - span.as_millis() as u64);
    let values = MEASURED.map(|(name, value)| (name.parse().unwrap(), value.into()));
    let values = Fields::new(values.into()).unwrap();
    Message::Telemetry(Telemetry { from, until, values })
}
