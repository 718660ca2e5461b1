//! What becomes of messages while HQ's disk, its database or its clock does not do what it should, and
//! when two boxes share a name.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redb::backends::InMemoryBackend;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::mosquitto::{Mosquitto, enrolled};
use super::*;
use crate::hq::line::{MqttWire, Standing};
use crate::state::{StateConfig, Store};
use crate::sync::mqtt::{Status, run};
use crate::sync::{Enrolment, LineConfig, Session};

/// Pages that the database may have; more is what a full disk answers.
async fn may_grow_to(house: &House, pages: i64) {
    let mut change = house.hq.database.begin().await.unwrap();
    let limit = format!("PRAGMA max_page_count = {pages}");
    sqlx::query(&limit).execute(&mut *change).await.unwrap();
    change.commit().await.unwrap();
}

#[tokio::test]
async fn while_hqs_disk_is_full_nothing_is_acknowledged_and_nothing_laid_aside() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let first: Vec<Incoming> = (1..=20).map(|seq| speaker.event(seq)).collect();
    house.hq.receive(&first, NOW).await.unwrap();
    let pages = house.number("PRAGMA page_count").await;
    let more: Vec<Incoming> = (21..=200).map(|seq| speaker.event(seq)).collect();
    for _ in 0..3 {
        // Whatever was refused may have taken its connection, and the limit, with it.
        may_grow_to(&house, pages).await;
        let error = house.hq.receive(&more, NOW).await.unwrap_err();
        assert!(error.is_the_databases(), "{error}");
    }
    // One by one they find what little room there is, and none is taken for a bad one.
    for one in &more {
        may_grow_to(&house, pages).await;
        match house.hq.receive(std::slice::from_ref(one), NOW).await {
            Ok(said) => assert_eq!(said.len(), 1),
            Err(error) => assert!(error.is_the_databases(), "{error}"),
        }
    }
    assert!(house.number("SELECT count(*) FROM events").await < 200);
    may_grow_to(&house, 1 << 30).await;
    let said = house.hq.receive(&more, NOW).await.unwrap();
    assert_eq!(acks(&said), BTreeMap::from([(Stream::Evt, 200)]));
    assert_eq!(house.number("SELECT count(*) FROM events").await, 200);
    assert_eq!(house.number("SELECT count(DISTINCT seq) FROM events").await, 200);
    assert_eq!(house.number("SELECT count(*) FROM laid_aside").await, 0);
}

#[tokio::test]
async fn while_another_process_writes_hq_waits_and_then_takes_what_came() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let options = SqliteConnectOptions::new().filename(house.folder.path().join("hq.db"));
    let mut other = options.connect().await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let message = [speaker.event(1)];
    let taking = house.hq.receive(&message, NOW);
    let letting_go = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        lock.rollback().await.unwrap();
        tokio::time::Instant::now()
    };
    let taken = async { (taking.await, tokio::time::Instant::now()) };
    let ((said, at), gone) = tokio::join!(taken, letting_go);
    assert_eq!(acks(&said.unwrap()), BTreeMap::from([(Stream::Evt, 1)]));
    assert!(at >= gone, "nobody waited");
}

fn session(store: &Store, folder: &Path, seed: u64) -> Session {
    let trust = Enrolment::read(folder).unwrap().unwrap().trust().unwrap();
    let line = LineConfig { first_retry_ms: 20, max_retry_ms: 1500, ..LineConfig::default() };
    Session::new(store.clone(), trust, line, UnixMillis(0), seed).unwrap()
}

/// The broker ends one's connection when the other comes. Each time counts as a failure, so they come
/// ever more seldom.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_and_the_copy_of_its_disk_are_seen_and_come_ever_more_seldom() {
    let house = House::new().await;
    let hq = Arc::new(Hq::open(house.hq.config.clone()).await.unwrap());
    let mosquitto = Mosquitto::start(&hq).await;
    let stop = CancellationToken::new();
    let (tell, _standing) = watch::channel(Standing::Away);
    let own = mosquitto.broker(&mosquitto.hq_folder());
    let connect = move || MqttWire::connect(&own, "endcap-hq");
    let listening = tokio::spawn(line::run(Arc::clone(&hq), connect, tell, stop.clone()));

    let folder = enrolled(&hq, &place()).await;
    let mut boxes = Vec::new();
    for seed in [1, 2] {
        let store = Store::on(InMemoryBackend::new, place(), StateConfig::default()).unwrap();
        let (status, seen) = watch::channel(Status::new(crate::hq::clock::now()));
        let broker = mosquitto.broker(folder.path());
        let session = session(&store, folder.path(), seed);
        boxes.push((tokio::spawn(run(session, broker, status, stop.clone())), seen));
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    let connections: u64 = boxes.iter().map(|(_, seen)| seen.borrow().connections).sum();
    // With waits of 0.75 s in the mean, both come 16 times each in 12 s; without them, thousands.
    assert!((6..80).contains(&connections), "{connections} connections");
    let row = hq.registry().node(&place()).await.unwrap();
    assert!(row.doubled_ms.is_some(), "{row:?}");
    stop.cancel();
    for (running, _) in boxes {
        running.await.unwrap().unwrap();
    }
    listening.await.unwrap();
}
