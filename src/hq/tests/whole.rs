//! An enrolled box, HQ and a real Mosquitto with mutual TLS between them.

use std::sync::Arc;
use std::time::Duration;

use redb::backends::InMemoryBackend;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::mosquitto::{Mosquitto, enrolled};
use super::*;
use crate::hq::clock::now;
use crate::hq::line::{self, MqttWire, Standing};
use crate::state::{StateConfig, Store};
use crate::sync::mqtt::{Status, run};
use crate::sync::{Enrolment, LineConfig, Session};

/// Waits for something to become so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), waited).await;
    assert!(waited.is_ok(), "{what}");
}

/// The line of a store, hurried.
fn hurried() -> LineConfig {
    LineConfig { first_retry_ms: 50, max_retry_ms: 500, ..LineConfig::default() }
}

fn node(store: &Store, folder: &std::path::Path) -> Session {
    let trust = Enrolment::read(folder).unwrap().unwrap().trust().unwrap();
    Session::new(store.clone(), trust, hurried(), UnixMillis(0), 7).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_stays_in_step_when_the_broker_dies_and_forgets_everything() {
    let house = House::new().await;
    let hq = Arc::new(Hq::open(house.hq.config.clone()).await.unwrap());
    let mut mosquitto = Mosquitto::start(&hq).await;
    let stop = CancellationToken::new();
    let (tell, _standing) = watch::channel(Standing::Away);
    let own = mosquitto.broker(&mosquitto.hq_folder());
    let connect = move || MqttWire::connect(&own, "endcap-hq");
    let listening = tokio::spawn(line::run(Arc::clone(&hq), connect, tell, stop.clone()));

    let folder = enrolled(&hq, &place()).await;
    let store = Store::on(InMemoryBackend::new, place(), StateConfig::default()).unwrap();
    let (status, _seen) = watch::channel(Status::new(now()));
    let broker = mosquitto.broker(folder.path());
    let running = tokio::spawn(run(node(&store, folder.path()), broker, status, stop.clone()));
    let happens = |numbers: std::ops::RangeInclusive<i64>| {
        for number in numbers {
            store.write(|w| w.append(Stream::Evt, now(), &event(number))).unwrap();
        }
    };

    happens(1..=50);
    let events = async || house.number("SELECT count(*) FROM events").await;
    until("events arrive", async || events().await == 50).await;
    let draft = Draft::inline(Target::Node(place()), Document::Config, b"{}".to_vec()).unwrap();
    hq.publish(&Actor::local(), draft.clone()).await.unwrap();
    let version = |wanted| {
        store.floors().unwrap().get(&Document::Config).is_some_and(|at| at.version == wanted)
    };
    until("a document arrives", async || version(1)).await;

    mosquitto.kill();
    happens(51..=60);
    hq.publish(&Actor::local(), draft).await.unwrap();
    mosquitto.restart().await;
    until("the rest arrives", async || events().await == 60).await;
    until("the next document arrives", async || version(2)).await;
    assert_eq!(house.number("SELECT count(DISTINCT seq) FROM events").await, 60);
    assert_eq!(house.number("SELECT count(*) FROM gaps").await, 0);

    let order = Order {
        target: Target::Node(place()),
        name: "test.count".parse().unwrap(),
        arguments: Fields::default(),
        life_ms: 600_000,
    };
    hq.command(&Actor::local(), &order).await.unwrap();
    until("a command is answered", async || {
        let rows = hq.commands(&place().tenant, None, 1).await.unwrap();
        rows[0].outcome.is_some()
    })
    .await;
    stop.cancel();
    running.await.unwrap().unwrap();
    listening.await.unwrap();
}
