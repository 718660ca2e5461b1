//! A node and HQ over real brokers, in both versions of MQTT, on a line that is cut, goes silent and
//! ends within packets.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::brokers::{Kind, Mosquitto, Running, at};
use super::hq::{Hq, command, director};
use super::mqtt::{Address, Broker, Client, Seen, Status, Version};
use super::node::{happens, session, store};
use super::*;
use endcap_testing::proxy::{Proxy, Weather};

pub(super) fn wall() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMillis(since.as_millis() as u64)
}

/// HQ at the broker; comes back whenever it is thrown out. What it hears and says is meddled with
/// as `order` has it.
pub(super) fn hq_at(
    broker: Broker,
    hq: Arc<Mutex<Hq>>,
    mut order: impl FnMut(Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let tenant: Label = "acme".parse().unwrap();
        loop {
            let mut client = Client::connect(&broker, "hq", None).unwrap();
            loop {
                let seen = tokio::time::timeout(Duration::from_millis(30), client.next()).await;
                let heard = match seen {
                    Ok(None) => break,
                    Ok(Some(Seen::Message { topic, payload })) => vec![(topic, payload)],
                    Ok(Some(Seen::Connected)) => {
                        client.subscribe(Topic::hq_subscriptions(&tenant)).unwrap();
                        continue;
                    }
                    Ok(Some(_)) => continue,
                    Err(_) => Vec::new(), // What was held back is let go.
                };
                let mut answers = Vec::new();
                for (topic, payload) in order(heard) {
                    answers.extend(hq.lock().unwrap().receive(&topic, &payload, wall()));
                }
                for (topic, payload) in answers {
                    let (retain, counted) = (false, false);
                    let _ = client.publish(Outgoing { topic, payload, retain, counted });
                }
            }
            pause(50).await;
        }
    })
}

/// The line of a store, hurried.
pub(super) fn hurried() -> LineConfig {
    LineConfig {
        first_retry_ms: 50,
        max_retry_ms: 500,
        ask_again_ms: 300,
        send_again_ms: 700,
        step_ms: 3000,
        refresh_ms: 1500,
        backlog_bytes_per_s: 1 << 20,
        ..LineConfig::default()
    }
}

pub(super) async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// A store's side of the line, which runs.
pub(super) struct Node {
    pub(super) store: Store,
    pub(super) status: watch::Receiver<Status>,
    stop: CancellationToken,
    line: JoinHandle<Result<(), LineError>>,
}

impl Node {
    pub(super) fn start(store: Store, broker: Broker) -> Self {
        let stop = CancellationToken::new();
        let (tell, status) = watch::channel(Status::new(wall()));
        let session = session(&store, hurried(), 7);
        let line = tokio::spawn(mqtt::run(session, broker, tell, stop.clone()));
        Self { store, status, stop, line }
    }

    pub(super) async fn until(&mut self, what: &str, holds: impl FnMut(&Status) -> bool) {
        let wait = self.status.wait_for(holds);
        let done = tokio::time::timeout(Duration::from_secs(60), wait).await;
        done.unwrap_or_else(|_| panic!("{what}")).unwrap();
    }

    pub(super) async fn end(self) -> Store {
        self.stop.cancel();
        self.line.await.unwrap().unwrap();
        self.store
    }
}

/// A broker, a bad line to it, HQ and a node.
pub(super) struct World {
    running: Running,
    pub(super) proxy: Proxy,
    pub(super) hq: Arc<Mutex<Hq>>,
    at_broker: JoinHandle<()>,
    pub(super) node: Node,
    pub(super) produced: i64,
}

/// A message is heard and said as it comes.
pub(super) fn straight(messages: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    messages
}

impl World {
    pub(super) async fn start(kind: Kind, version: Version) -> Self {
        let running = Running::start(kind).await;
        let address = running.address(version);
        let hqs = at(running.address(Version::Five), Version::Five, None);
        let node = at(address, version, None);
        Self::of(running, hqs, node, store(100_000), straight).await
    }

    /// With these ways to the broker, of which the node's leads through the proxy.
    pub(super) async fn of(
        running: Running,
        hqs: Broker,
        node: Broker,
        store: Store,
        order: impl FnMut(Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> + Send + 'static,
    ) -> Self {
        let proxy = Proxy::before((Ipv4Addr::LOCALHOST, node.address.port).into()).await;
        let hq = Arc::new(Mutex::new(Hq::default()));
        let at_broker = hq_at(hqs, hq.clone(), order);
        let address = Address { port: proxy.port, ..node.address };
        let node = Node::start(store, Broker { address, ..node });
        Self { running, proxy, hq, at_broker, node, produced: 0 }
    }

    pub(super) fn mosquitto(&mut self) -> &mut Mosquitto {
        match &mut self.running {
            Running::Mosquitto(mosquitto) => mosquitto,
            Running::Embedded(_) => panic!("the embedded broker does not end"),
        }
    }

    pub(super) fn happens(&mut self, times: usize) {
        for _ in 0..times {
            self.produced += 1;
            happens(&self.node.store, self.produced, wall());
        }
    }

    pub(super) async fn open(&mut self) {
        self.node.until("not on the line", |status| status.phase == Phase::Open).await;
    }

    /// Until HQ has everything, and the node knows it.
    pub(super) async fn settled(&self) {
        let end = Instant::now() + Duration::from_secs(90);
        loop {
            let waits: u64 =
                Stream::UP.iter().map(|s| self.node.store.position(*s).unwrap().count()).sum();
            if waits == 0 {
                break;
            }
            let status = self.node.status.borrow().clone();
            assert!(Instant::now() < end, "{waits} messages still wait: {status:?}");
            pause(20).await;
        }
        let hq = self.hq.lock().unwrap();
        assert_eq!(hq.effects.len() as i64, 2 * self.produced, "lost and not declared");
        assert!(hq.effects.values().all(|times| *times == 1), "took effect more than once");
        assert!(hq.gaps.is_empty());
    }

    pub(super) async fn end(self) {
        self.node.end().await;
        let end = Instant::now() + Duration::from_secs(10);
        while self.hq.lock().unwrap().presence.unwrap().state != PresenceState::Left {
            assert!(Instant::now() < end, "no goodbye");
            pause(20).await;
        }
        self.at_broker.abort();
    }
}

async fn everything_arrives_once(kind: Kind, version: Version) {
    let mut world = World::start(kind, version).await;
    world.happens(100);
    world.open().await;
    world.happens(100);
    world.settled().await;
    assert_eq!(world.hq.lock().unwrap().presence.unwrap().state, PresenceState::Online);
    assert!(world.node.status.borrow().hq_time.is_some());
    world.end().await;
}

async fn a_line_that_is_cut_and_torn_loses_nothing(kind: Kind, version: Version) {
    let mut world = World::start(kind, version).await;
    for round in 0..12 {
        world.happens(20);
        pause(150).await;
        match round % 3 {
            0 => world.proxy.cut(),
            1 => {
                world.proxy.set(Weather::Torn);
                world.happens(3);
                pause(300).await;
                world.proxy.set(Weather::Fair);
            }
            _ => {}
        }
    }
    world.settled().await;
    world.end().await;
}

async fn what_became_of_a_thousand_commands_is_told_on_one_line(kind: Kind, version: Version) {
    let running = Running::start(kind).await;
    let hqs = at(running.address(Version::Five), Version::Five, None);
    let node = at(running.address(version), version, None);
    let store = store(100_000);
    let most = store.config().max_commands;
    for number in 0..most {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let command = command(MessageId(id), wall());
        let signed = Signed::sign(&command, &[&director()]).unwrap();
        store.write(|writing| writing.record_command(wall(), &signed, &command)).unwrap();
    }
    let mut world = World::of(running, hqs, node, store, straight).await;
    world.open().await;
    let end = Instant::now() + Duration::from_secs(60);
    while (world.hq.lock().unwrap().outcomes.len() as u64) < most {
        assert!(Instant::now() < end, "{:?}", world.node.status.borrow());
        pause(20).await;
    }
    world.happens(10);
    world.settled().await;
    assert_eq!(world.node.status.borrow().connections, 1);
    world.end().await;
}

async fn a_line_that_is_open_and_silent_is_given_up(kind: Kind, version: Version) {
    let mut world = World::start(kind, version).await;
    world.open().await;
    world.proxy.set(Weather::Silent);
    world.happens(10);
    let start = Instant::now();
    world.node.until("a dead line was kept", |status| status.phase != Phase::Open).await;
    assert!(start.elapsed() >= Duration::from_secs(2));
    assert!(world.node.status.borrow().trouble.is_some());
    world.proxy.set(Weather::Fair);
    world.settled().await;
    world.end().await;
}

/// The same suite for each broker and each version of MQTT.
macro_rules! suite {
    ($($name:ident: $kind:expr, $version:expr;)+) => {$(
        mod $name {
            use super::{Kind, Version};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn everything_arrives_once() {
                super::everything_arrives_once($kind, $version).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_line_that_is_cut_and_torn_loses_nothing() {
                super::a_line_that_is_cut_and_torn_loses_nothing($kind, $version).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn messages_that_come_twice_and_in_another_order_count_once() {
                use super::super::faults;
                faults::messages_that_come_twice_and_in_another_order_count_once($kind, $version).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_became_of_a_thousand_commands_is_told_on_one_line() {
                super::what_became_of_a_thousand_commands_is_told_on_one_line($kind, $version).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_line_that_is_open_and_silent_is_given_up() {
                super::a_line_that_is_open_and_silent_is_given_up($kind, $version).await;
            }
        }
    )+};
}

suite! {
    mosquitto_five: Kind::Mosquitto, Version::Five;
    mosquitto_three_one: Kind::Mosquitto, Version::ThreeOne;
    embedded_five: Kind::Embedded, Version::Five;
    embedded_three_one: Kind::Embedded, Version::ThreeOne;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_forgets_loses_nothing() {
    let mut world = World::start(Kind::Mosquitto, Version::Five).await;
    for round in 0..4 {
        world.happens(40);
        pause(200).await;
        world.mosquitto().restart(round % 2 == 0).await;
    }
    world.happens(10);
    world.settled().await;
    world.end().await;
}
