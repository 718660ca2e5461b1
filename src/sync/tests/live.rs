//! A node and HQ over a real Mosquitto, in both versions of MQTT, on a line that is cut, goes
//! silent and ends within packets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::{QoS, v5::Packet};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::hq::Hq;
use super::mqtt::{Broker, Version};
use super::node::{happens, session, store};
use super::proxy::{Proxy, Weather};
use super::*;

/// A Mosquitto of our own, which remembers nothing.
struct Mosquitto {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

fn program() -> PathBuf {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&search).collect();
    places.push("/usr/sbin".into());
    let found = places.iter().map(|place| place.join("mosquitto")).find(|path| path.is_file());
    found.expect("mosquitto is not installed: apt-get install mosquitto")
}

fn started(folder: &Path) -> Child {
    let mut command = Command::new(program());
    command.arg("-c").arg(folder.join("mosquitto.conf"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Mosquitto {
    async fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let port = address.port();
        let settings = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
        std::fs::write(folder.path().join("mosquitto.conf"), settings).unwrap();
        let this = Self { child: started(folder.path()), address, folder };
        this.listens().await;
        this
    }

    async fn listens(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            assert!(Instant::now() < end, "mosquitto does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Killed at once, with all that it kept, and started anew.
    async fn wipe(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = started(self.folder.path());
        self.listens().await;
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wall() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMillis(since.as_millis() as u64)
}

/// HQ at the broker; comes back whenever it is thrown out.
fn hq_at(address: SocketAddr, hq: Arc<Mutex<Hq>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let tenant: Label = "acme".parse().unwrap();
        loop {
            let mut options = MqttOptions::new("hq", "127.0.0.1", address.port());
            options.set_clean_start(true).set_max_packet_size(Some(1 << 20));
            let (client, mut events) = AsyncClient::new(options, 1000);
            while let Ok(event) = events.poll().await {
                match event {
                    Event::Incoming(Packet::ConnAck(_)) => {
                        for filter in Topic::hq_subscriptions(&tenant) {
                            client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
                        }
                    }
                    Event::Incoming(Packet::Publish(publish)) => {
                        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                        let answers = hq.lock().unwrap().receive(&topic, &publish.payload, wall());
                        for (topic, payload) in answers {
                            let _ = client.try_publish(topic, QoS::AtLeastOnce, false, payload);
                        }
                    }
                    _ => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}

/// The line of a store, hurried.
fn hurried() -> LineConfig {
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

struct World {
    mosquitto: Mosquitto,
    proxy: Proxy,
    hq: Arc<Mutex<Hq>>,
    at_broker: JoinHandle<()>,
    store: Store,
    stop: CancellationToken,
    line: JoinHandle<Result<(), LineError>>,
    phase: watch::Receiver<Phase>,
    produced: i64,
}

impl World {
    async fn start(version: Version) -> Self {
        let mosquitto = Mosquitto::start().await;
        let proxy = Proxy::before(mosquitto.address).await;
        let hq = Arc::new(Mutex::new(Hq::default()));
        let at_broker = hq_at(mosquitto.address, hq.clone());
        let store = store(100_000);
        let broker = Broker {
            host: "127.0.0.1".to_owned(),
            port: proxy.port,
            version,
            tls: None,
            login: None,
            keep_alive: Duration::from_secs(5),
        };
        let stop = CancellationToken::new();
        let (say, phase) = watch::channel(Phase::Waiting { until_ms: 0 });
        let session = session(&store, hurried(), 7);
        let line = tokio::spawn(mqtt::run(session, broker, say, stop.clone()));
        Self { mosquitto, proxy, hq, at_broker, store, stop, line, phase, produced: 0 }
    }

    fn happens(&mut self, times: usize) {
        for _ in 0..times {
            self.produced += 1;
            happens(&self.store, self.produced, wall());
        }
    }

    /// Until HQ has everything, and the node knows it.
    async fn settled(&self) {
        let end = Instant::now() + Duration::from_secs(90);
        loop {
            let waits: u64 =
                Stream::UP.iter().map(|s| self.store.position(*s).unwrap().count()).sum();
            if waits == 0 {
                break;
            }
            assert!(
                Instant::now() < end,
                "{waits} messages still wait in {:?}",
                *self.phase.borrow()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let hq = self.hq.lock().unwrap();
        assert_eq!(hq.effects.len() as i64, 2 * self.produced, "lost and not declared");
        assert!(hq.effects.values().all(|times| *times == 1), "took effect more than once");
        assert!(hq.gaps.is_empty());
    }

    async fn until(&mut self, wanted: Phase) {
        let wait = self.phase.wait_for(|phase| *phase == wanted);
        tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap().unwrap();
    }

    async fn end(self) {
        self.stop.cancel();
        self.line.await.unwrap().unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        while self.hq.lock().unwrap().presence.unwrap().state != PresenceState::Left {
            assert!(Instant::now() < end, "no goodbye");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.at_broker.abort();
        drop(self.mosquitto);
    }
}

async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_once_in_both_versions() {
    for version in [Version::Five, Version::ThreeOne] {
        let mut world = World::start(version).await;
        world.happens(100);
        world.until(Phase::Open).await;
        world.happens(100);
        world.settled().await;
        assert_eq!(world.hq.lock().unwrap().presence.unwrap().state, PresenceState::Online);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_cut_and_torn_loses_nothing() {
    for version in [Version::Five, Version::ThreeOne] {
        let mut world = World::start(version).await;
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_forgets_loses_nothing() {
    let mut world = World::start(Version::Five).await;
    for _ in 0..4 {
        world.happens(40);
        pause(200).await;
        world.mosquitto.wipe().await;
    }
    world.happens(10);
    world.settled().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_open_and_silent_is_given_up() {
    let mut world = World::start(Version::ThreeOne).await;
    world.until(Phase::Open).await;
    world.proxy.set(Weather::Silent);
    world.happens(10);
    let start = Instant::now();
    let open = world.phase.wait_for(|phase| *phase != Phase::Open);
    tokio::time::timeout(Duration::from_secs(20), open).await.unwrap().unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2));
    world.proxy.set(Weather::Fair);
    world.settled().await;
    world.end().await;
}
