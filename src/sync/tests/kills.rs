//! The store's process and the broker's, killed at any moment, again and again.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use redb::{ReadableTable, TableDefinition};

use super::brokers::{Mosquitto, at};
use super::hq::Hq;
use super::live::{Node, hq_at, pause, straight, wall};
use super::mqtt::{Address, Version};
use super::node::told;
use super::*;

/// Names this process's folder and its broker's port to the one that is killed.
const TOLD: &str = "ENDCAP_TEST_KILLED";

/// How much was produced, written in the same change as what tells it.
const PRODUCED: TableDefinition<u8, i64> = TableDefinition::new("test.produced");

fn broker(port: u16) -> mqtt::Broker {
    let address = Address { host: "127.0.0.1".to_owned(), port, tls: false };
    at(address, Version::Five, None)
}

fn produce(store: &Store) -> Result<(), StateError> {
    store.write(|writing| {
        let lost = |_| StateError::TooMany { what: "faults of this test", most: 0 };
        let mut table = writing.transaction().open_table(PRODUCED).map_err(|_| lost(()))?;
        let number = table.get(0).map_err(|_| lost(()))?.map_or(0, |row| row.value()) + 1;
        table.insert(0, number).map_err(|_| lost(()))?;
        drop(table);
        for (stream, message) in told(number) {
            writing.append(stream, wall(), &message)?;
        }
        Ok(())
    })
}

/// The process that is killed: produces until there is enough, then tells that HQ has it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as the process that other tests kill"]
#[allow(clippy::disallowed_methods, reason = "told by the test that kills it")]
async fn the_process_that_is_killed() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let (port, folder) = told.split_once('|').unwrap();
    let folder = Path::new(folder);
    let place = "acme/store-1/box-a".parse().unwrap();
    let store = Store::open(&folder.join("state.redb"), place, StateConfig::default()).unwrap();
    let node = Node::start(store.clone(), broker(port.parse().unwrap()));
    while !folder.join("enough").exists() {
        produce(&store).unwrap();
        pause(3).await;
    }
    let waits = |stream: &Stream| store.position(*stream).unwrap().count();
    while Stream::UP.iter().map(waits).sum::<u64>() > 0 {
        pause(20).await;
    }
    let table = store.read().unwrap().open_table(PRODUCED).unwrap();
    let produced = table.get(0).unwrap().unwrap().value();
    node.end().await;
    std::fs::write(folder.join("done"), produced.to_string()).unwrap();
}

fn run(folder: &Path, port: u16) -> Child {
    let name = concat!(module_path!(), "::the_process_that_is_killed");
    let (_, name) = name.split_once("::").unwrap(); // Tests are named without their crate.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored"]);
    command.env(TOLD, format!("{port}|{}", folder.display()));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn kill(times: u32, seed: u64) {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut mosquitto = Mosquitto::start(|_| String::new()).await;
    let port = mosquitto.address.port();
    let hq = Arc::new(Mutex::new(Hq::default()));
    let at_broker = hq_at(broker(port), hq.clone(), straight);
    let mut child = run(folder.path(), port);
    for _ in 0..times {
        pause(chance.random_range(20..400)).await;
        if chance.random_range(0..5) == 0 {
            mosquitto.restart(chance.random_range(0..2) == 0).await;
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
            child = run(folder.path(), port);
        }
    }
    std::fs::write(folder.path().join("enough"), "").unwrap();
    let (done, end) = (folder.path().join("done"), Instant::now() + Duration::from_secs(120));
    while !done.exists() && Instant::now() < end {
        pause(50).await;
    }
    if !done.exists() {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    at_broker.abort();
    let produced: i64 = std::fs::read_to_string(done).unwrap().parse().unwrap();
    let hq = hq.lock().unwrap();
    assert!(produced > i64::from(times), "{produced} in {times} lives");
    assert_eq!(hq.effects.len() as i64, 2 * produced, "seed {seed}: lost and not declared");
    let twice = hq.effects.values().filter(|times| **times != 1).count();
    assert_eq!((twice, hq.gaps.len()), (0, 0), "seed {seed}: took effect more than once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_nothing() {
    kill(12, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/run --full"]
async fn five_hundred_kills_lose_nothing() {
    kill(500, 2).await;
}
