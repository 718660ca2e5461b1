//! Faults of line, broker and disk, one by one, over a real broker.

use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use redb::StorageBackend;

use super::authority::Authority;
use super::brokers::{Kind, Mosquitto, Running, at};
use super::live::{World, pause, straight, wall};
use super::mqtt::{Address, Credentials, Version};
use super::node::{store, store_on, try_happens};
use super::*;
use endcap_testing::proxy::Weather;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_line_loses_nothing() {
    let mut world = World::start(Kind::Mosquitto, Version::Five).await;
    world.proxy.set(Weather::Slow);
    for _ in 0..5 {
        world.happens(20);
        pause(100).await;
    }
    world.settled().await;
    world.end().await;
}

/// Holds messages back, lets them go in another order, and some of them twice.
fn meddling(seed: u64) -> impl FnMut(Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut held: Vec<(String, Vec<u8>)> = Vec::new();
    move |heard| {
        let idle = heard.is_empty();
        for message in heard {
            if chance.random_range(0..5) == 0 {
                held.push(message.clone());
            }
            held.insert(chance.random_range(0..=held.len()), message);
        }
        if idle || held.len() > 12 { std::mem::take(&mut held) } else { Vec::new() }
    }
}

/// Over any broker, in either version of MQTT.
pub(super) async fn messages_that_come_twice_and_in_another_order_count_once(
    kind: Kind,
    version: Version,
) {
    for seed in 0..2 {
        let running = Running::start(kind).await;
        let broker = |version| at(running.address(version), version, None);
        let (hqs, node) = (broker(Version::Five), broker(version));
        let mut world = World::of(running, hqs, node, store(100_000), meddling(seed)).await;
        for _ in 0..6 {
            world.happens(40);
            pause(60).await;
        }
        world.settled().await;
        world.end().await;
    }
}

/// In clear nothing guards the bytes, so this is TLS's part of the promise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_change_on_the_way_end_a_connection_and_no_more() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let guard = authority.guard(folder.path());
    let mosquitto = Mosquitto::start(|_| guard).await;
    let port = mosquitto.address.port();
    let broker = |name: &str, cn: &str| {
        authority.vouch(&folder.path().join(name), cn);
        let credentials = Credentials::in_folder(&folder.path().join(name));
        let address = Address { host: "localhost".to_owned(), port, tls: true };
        at(address, Version::Five, Some(credentials))
    };
    let (hqs, node) = (broker("hq", "hq"), broker("node", "acme/store-1/box-a"));
    let running = Running::Mosquitto(mosquitto);
    let mut world = World::of(running, hqs, node, store(100_000), straight).await;
    world.open().await;
    let before = world.node.status.borrow().connections;
    world.proxy.set(Weather::Changing);
    for _ in 0..15 {
        world.happens(10);
        pause(100).await;
    }
    world.proxy.set(Weather::Fair);
    world.settled().await;
    let status = world.node.status.borrow().clone();
    assert!(status.connections > before, "no byte changed");
    assert!(status.refused.is_empty(), "{status:?}");
    world.end().await;
}

/// A disk that may be full: then nothing can be written.
#[derive(Debug, Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn room(&self) -> Result<std::sync::MutexGuard<'_, Vec<u8>>, Error> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        Ok(self.bytes.lock().unwrap())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let bytes = self.bytes.lock().unwrap();
        let at = offset as usize;
        out.copy_from_slice(bytes.get(at..at + out.len()).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.room()?.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.room().map(drop)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let at = offset as usize;
        self.room()?[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_when_there_is_room_again_all_goes_on() {
    let disk = Disk::default();
    let opened = disk.clone();
    let store = store_on(move || opened.clone(), 100_000);
    let running = Running::start(Kind::Mosquitto).await;
    let broker = || at(running.address(Version::Five), Version::Five, None);
    let (hqs, node) = (broker(), broker());
    let mut world = World::of(running, hqs, node, store, straight).await;
    for round in 0..3 {
        world.open().await;
        world.happens(20);
        disk.full.store(true, Ordering::SeqCst);
        for number in 0..20 {
            // Refused as a whole: what was not written is not told, and did not happen.
            let refused = try_happens(&world.node.store, 10_000 + number, wall()).unwrap_err();
            assert!(matches!(refused, StateError::Storage { .. }), "{refused}");
        }
        world.proxy.cut(); // The next connection begins with a write.
        let told = |status: &super::mqtt::Status| {
            status.trouble.as_ref().is_some_and(|why| why.contains("state"))
        };
        world.node.until("a full disk was not told", told).await;
        disk.full.store(false, Ordering::SeqCst);
        world.happens(10);
        world.settled().await;
        assert_eq!(world.produced, 30 * (round + 1));
    }
    world.end().await;
}
