//! The loops together, over a real state.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use endcap_testing::bundles;
use redb::backends::InMemoryBackend;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::bundle::{Arrangement, Files, Health, Runner, Stage, StageError};
use super::commands::{CANCEL_BUNDLE, Done, Hands};
use super::config::{ConfigRoom, ConfigTask};
use super::epochs::{FactsTask, Follower};
use super::fetch::tests::origin::ArtefactStore;
use super::fetch::{FetchLimits, Fetcher};
use super::packs::PackTask;
use super::{Reconciler, Surroundings};
use crate::cache::Cache;
use crate::facts::{Facts, FactsConfig};
use crate::protocol::documents::*;
use crate::protocol::*;
use crate::state::{StateConfig, Store};

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn director() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn facts_key() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

fn place() -> Place {
    "acme/store-1/box-a".parse().unwrap()
}

type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whatever is wanted is so at once.
#[derive(Default)]
struct Easy(Mutex<Arrangement>);

impl Stage for Easy {
    fn arrange<'a>(&'a self, wanted: &'a Arrangement) -> Work<'a, Result<(), StageError>> {
        *self.0.lock().unwrap() = *wanted;
        Box::pin(async { Ok(()) })
    }

    fn answer<'a>(&'a self, _: Digest, _: &'a Check) -> Work<'a, Result<String, StageError>> {
        Box::pin(async { Ok(String::new()) })
    }

    fn health(&self) -> Health {
        Health::default()
    }

    fn running(&self) -> Work<'_, Result<Option<Digest>, StageError>> {
        let live = self.0.lock().unwrap().live;
        Box::pin(async move { Ok(live) })
    }
}

/// Counts what it does.
#[derive(Default)]
struct Counting(AtomicU64);

impl Hands for Counting {
    fn carry_out<'a>(&'a self, name: &'a str, _: &'a Fields) -> Option<Work<'a, Done>> {
        let fails = name == "test.fail";
        let known = fails || name == "test.count";
        known.then(|| -> Work<'a, Done> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                if fails { Err("it must".to_owned()) } else { Ok(Fields::default()) }
            })
        })
    }
}

pub(crate) struct World {
    pub(super) store: Store,
    pub(super) facts: Facts,
    pub(super) cache: Cache,
    pub(super) hq: ArtefactStore,
    folder: tempfile::TempDir,
    hands: Arc<Counting>,
    room: ConfigRoom,
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl World {
    pub(super) async fn new() -> Self {
        let store = Store::on(InMemoryBackend::new, place(), StateConfig::default()).unwrap();
        let clock = Clock::Known(NOW);
        let facts = Facts::in_memory(FactsConfig::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("answers.redb");
        let cache = Cache::open(Default::default(), facts.clone(), Default::default(), &file);
        let mut world = Self {
            cache,
            room: ConfigRoom::open(
                store.clone(),
                ConfigDoc::default(),
                Arc::new(|_| Vec::new()),
                clock,
            )
            .unwrap(),
            store,
            facts,
            hq: ArtefactStore::start().await,
            folder,
            hands: Arc::default(),
            stop: CancellationToken::new(),
            task: None,
        };
        world.start();
        world
    }

    fn fetcher(&self, name: &str) -> Fetcher {
        let limits = FetchLimits {
            stall: Duration::from_millis(2000),
            max_idle_tries: 2,
            first_pause: Duration::from_millis(1),
            spare_bytes: 0,
            ..FetchLimits::default()
        };
        let folder = self.folder.path().join(name);
        Fetcher::new(&folder, vec![self.hq.origin(true)], None, limits).unwrap()
    }

    fn start(&mut self) {
        let key = |key: &SigningKey, role| Key { key: key.verifying_key(), role, until: None };
        let keys = Keys::new([key(&director(), Role::Director), key(&facts_key(), Role::Facts)]);
        let began = std::time::Instant::now();
        let (around, store) = (
            Surroundings {
                time: Arc::new(move || {
                    let steady = began.elapsed().as_millis() as u64;
                    (Clock::Known(NOW.plus(steady)), steady)
                }),
                in_hours: Arc::new(|_| true),
                facts_epoch: Arc::new(|| None),
                gate: Arc::new(|_| Ok(())),
            },
            self.store.clone(),
        );
        let (held, fetcher) = (self.facts.clone(), self.fetcher("facts"));
        let follower = move |catalogue: &Label| {
            Follower::new(held.clone(), fetcher.clone(), catalogue.clone())
        };
        let catalogues = watch::channel(vec!["main".parse().unwrap()]).1;
        let reconciler = Reconciler {
            facts: FactsTask::new(
                store.clone(),
                keys.clone(),
                around.clone(),
                catalogues,
                Box::new(follower),
            ),
            packs: PackTask::new(
                store.clone(),
                keys.clone(),
                around.clone(),
                self.fetcher("packs"),
                self.cache.clone(),
                Arc::new(|_| true),
            ),
            config: ConfigTask::new(
                store.clone(),
                keys.clone(),
                around.clone(),
                self.fetcher("config"),
                self.room.clone(),
            ),
            bundles: Runner::new(
                store.clone(),
                keys.clone(),
                self.fetcher("bundles"),
                Files::open(&self.folder.path().join("placed")).unwrap(),
                Arc::new(Easy::default()),
                around.clone(),
            )
            .unwrap(),
            hands: Arc::<Counting>::clone(&self.hands),
            store,
            keys,
            around,
        };
        self.stop = CancellationToken::new();
        self.task = Some(tokio::spawn(reconciler.run(self.stop.clone())));
    }

    pub(super) async fn restart(&mut self) {
        self.stop.cancel();
        self.task.take().unwrap().await.unwrap();
        self.start();
    }

    /// Publishes an epoch with one price.
    fn publish(&self, epoch: u64, amount: &str) -> Digest {
        let fact = format!(r#"{{"amount":{amount},"currency":"EUR"}}"#);
        let fact = crate::facts::Fact::parse(crate::facts::Table::Prices, fact.as_bytes()).unwrap();
        let json = serde_json::to_string(&fact).unwrap();
        let (table, id) = (Text::cut("prices"), Text::cut("0041"));
        let mut writer = ChangeWriter::new(Vec::new()).unwrap();
        let put = FactChange::Put { table, id, fact: Text::new(json.as_str()).unwrap() };
        writer.write(&put).unwrap();
        let whole = writer.finish().unwrap();
        self.hq.put(&whole);
        let leaf =
            Leaf { table: "prices".into(), id: "0041".into(), digest: Digest::of(json.as_bytes()) };
        let root = root([Ok::<_, Unordered>(leaf)]).unwrap();
        let index = FactsIndex {
            epoch,
            root,
            whole: Artefact::of(&whole).unwrap(),
            deltas: List::default(),
        };
        let path = artefact_path(self.hq.put(&index.to_bytes().unwrap()));
        let head = FactsHead {
            tenant: "acme".parse().unwrap(),
            catalogue: "main".parse().unwrap(),
            epoch,
            root,
            path,
            issued: NOW,
            expires: None,
        };
        let signed = Signed::sign(&head, &[&facts_key()]).unwrap();
        self.store.write(|writing| writing.record_head(&signed, &head)).unwrap();
        root
    }

    pub(super) fn want(&self, document: Document, version: u64, bytes: &[u8]) {
        self.want_signed_by(&director().to_bytes(), document, version, bytes);
    }

    pub(super) fn want_signed_by(
        &self,
        key: &[u8; 32],
        document: Document,
        version: u64,
        bytes: &[u8],
    ) {
        let who = Identity { place: place(), groups: Vec::new() };
        let pointer = Pointer {
            target: Target::Node(place()),
            document,
            version,
            digest: Digest::of(bytes),
            size_bytes: bytes.len() as u64,
            contents: Contents::Path(artefact_path(self.hq.put(bytes))),
            issued: NOW,
            expires: None,
        };
        let signed = Signed::sign(&pointer, &[&SigningKey::from_bytes(key)]).unwrap();
        let clock = Clock::Known(NOW);
        let write = |writing: &crate::state::Writing<'_>| {
            writing.record_desired(&who, clock, &signed, &pointer)
        };
        self.store.write(write).unwrap();
    }

    fn command(&self, number: u8, name: &str, arguments: Fields, expires: UnixMillis) -> MessageId {
        let id = MessageId([number; 16]);
        let name = name.parse().unwrap();
        let command = Command { id, target: place(), name, arguments, issued: NOW, expires };
        let signed = Signed::sign(&command, &[&director()]).unwrap();
        self.store.write(|writing| writing.record_command(NOW, &signed, &command)).unwrap();
        id
    }

    pub(super) fn reported(&self, document: Document) -> Option<Reported> {
        let all = self.store.reported().unwrap();
        all.into_iter().find(|reported| reported.document == document)
    }

    fn outcome(&self, id: MessageId) -> Option<Outcome> {
        self.store.command(id).unwrap()?.state.map(|state| state.outcome)
    }
}

#[track_caller]
pub(super) fn until(what: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..1000 {
            if what() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not come to be, at {caller}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_and_settings_follow_and_are_reported_as_they_are_found() {
    let mut world = World::new().await;
    let root = world.publish(5, "2.49");
    until(|| world.reported(Document::Facts).is_some_and(|told| told.observed == Some(root))).await;
    let told = world.reported(Document::Facts).unwrap();
    assert_eq!(told.applied, Some(Applied { version: 5, digest: root }));
    assert_eq!((told.stage, told.desired), (crate::protocol::Stage::Committed, Some(5)));

    world.want(Document::Config, 3, br#"{"wan_bytes_per_day": 7}"#);
    let budget = |world: &World| world.room.follow().borrow().settings.wan_bytes_per_day;
    until(|| budget(&world) == Some(7)).await;
    assert_eq!(world.reported(Document::Config).unwrap().applied.unwrap().version, 3);

    // What nobody changed is not written again and again.
    tokio::time::sleep(Duration::from_millis(150)).await;
    let before = *world.store.commits().borrow();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(*world.store.commits().borrow() - before <= 1, "the loops wake each other");

    world.restart().await;
    let root = world.publish(6, "2.99");
    until(|| world.reported(Document::Facts).is_some_and(|told| told.observed == Some(root))).await;
    // An epoch that cannot be had is told, and the old one stays.
    let refused = |world: &World| {
        let told = world.reported(Document::Facts).unwrap();
        told.failure.filter(|_| told.applied.unwrap().version == 6)
    };
    let signed = {
        let mut head = world.store.head("main").unwrap().unwrap().unverified().unwrap();
        (head.epoch, head.path) = (7, artefact_path(Digest([9; 32])));
        (Signed::sign(&head, &[&facts_key()]).unwrap(), head)
    };
    world.store.write(|writing| writing.record_head(&signed.0, &signed.1)).unwrap();
    until(|| refused(&world).is_some_and(|failure| failure.code.as_str() == "refused")).await;
    assert_eq!(world.facts.held_epoch("main").unwrap().unwrap().epoch, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_done_once_and_what_came_of_it_is_told() {
    let mut world = World::new().await;
    let later = NOW.plus(3_600_000);
    let count = world.command(1, "test.count", Fields::default(), later);
    let fail = world.command(2, "test.fail", Fields::default(), later);
    let unknown = world.command(3, "test.unknown", Fields::default(), later);
    let late = world.command(4, "test.count", Fields::default(), NOW);
    for (id, outcome) in [
        (count, Outcome::Done),
        (fail, Outcome::Failed),
        (unknown, Outcome::Refused),
        (late, Outcome::Expired),
    ] {
        until(|| world.outcome(id) == Some(outcome)).await;
    }
    world.restart().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.hands.0.load(Ordering::Relaxed), 2);
    // One that was under way when the power failed may be half done: nobody does it again.
    world.stop.cancel();
    world.task.take().unwrap().await.unwrap();
    let half = world.command(5, "test.count", Fields::default(), later);
    let running =
        CommandState { id: half, outcome: Outcome::Running, at: NOW, details: Fields::default() };
    world.store.write(|writing| writing.set_outcome(&running)).unwrap();
    world.start();
    until(|| world.outcome(half) == Some(Outcome::Failed)).await;
    assert_eq!(world.hands.0.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hq_cancels_a_bundle_by_a_command() {
    let world = World::new().await;
    let trial = TrialRules {
        shadow_s: 3600,
        trial_s: 3600,
        probation_s: 3600,
        min_requests: 1,
        max_errors_per_mille: 0,
        max_latency_percent: 100,
        checks: List::default(),
    };
    let bundle = bundles::bundle("slow", "shop", vec![bundles::model("m", b"nowhere")], trial);
    world.hq.put(b"nowhere");
    world.want(Document::Bundle, 9, &bundle.to_bytes().unwrap());
    let stage = |world: &World| world.reported(Document::Bundle).map(|told| told.stage);
    until(|| stage(&world) == Some(crate::protocol::Stage::Shadow)).await;
    let arguments = BTreeMap::from([("version".parse().unwrap(), Value::from(9))]);
    let arguments = Fields::new(arguments).unwrap();
    let id = world.command(1, CANCEL_BUNDLE, arguments, NOW.plus(3_600_000));
    until(|| world.outcome(id) == Some(Outcome::Done)).await;
    until(|| stage(&world) == Some(crate::protocol::Stage::Refused)).await;
}
