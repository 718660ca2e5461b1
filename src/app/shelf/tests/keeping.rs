use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use rand::{RngExt, SeedableRng};
use tokio::sync::Semaphore;

use super::super::keeper::{Arrival, Refusal, Shared, World, keep};
use super::super::state::State;
use super::{about, size};
use crate::api::shelf::ShelfError;
use crate::telemetry::Metrics;

const SECOND: Duration = Duration::from_secs(1);

/// A model that only knows whether it ended.
#[derive(Debug, Clone)]
struct Thing {
    name: String,
    ended: Arc<AtomicBool>,
}

/// A world of names and sizes, which watches what is done to it.
struct Numbers {
    sizes: BTreeMap<String, u64>,
    /// Loads finish as permits come.
    gate: Arc<Semaphore>,
    fails: AtomicBool,
    loads: Arc<Mutex<Vec<String>>>,
    loading: Arc<AtomicUsize>,
    bytes: Arc<AtomicU64>,
    most_bytes: Arc<AtomicU64>,
    lacking: AtomicU64,
    budget: AtomicU64,
}

type House = (Arc<Shared<Thing>>, Arc<Numbers>);

/// Packages of these sizes in a budget of 100 bytes; `open` says whether loads take no time.
fn house(sizes: &[(&str, u64)], open: bool) -> House {
    let sizes: BTreeMap<_, _> = sizes.iter().map(|&(name, s)| (name.to_owned(), s)).collect();
    let mut state = State::new(100);
    sizes.iter().for_each(|(name, &bytes)| state.add(name, about(), size(bytes)));
    let world = Arc::new(Numbers {
        sizes,
        gate: Arc::new(Semaphore::new(if open { Semaphore::MAX_PERMITS } else { 0 })),
        fails: AtomicBool::new(false),
        loads: Arc::default(),
        loading: Arc::default(),
        bytes: Arc::default(),
        most_bytes: Arc::default(),
        lacking: AtomicU64::new(0),
        budget: AtomicU64::new(100),
    });
    let shared = Shared::new(state, Arc::new(Metrics::new()));
    tokio::spawn(keep(Arc::clone(&shared), Arc::clone(&world)));
    (shared, world)
}

impl World for Numbers {
    type Item = Thing;

    fn budget_bytes(&self) -> u64 {
        self.budget.load(Ordering::SeqCst)
    }

    fn lacking_bytes(&self) -> u64 {
        self.lacking.load(Ordering::SeqCst)
    }

    fn load(&self, name: &str) -> BoxFuture<'static, Result<Arrival<Thing>, Refusal>> {
        self.loads.lock().unwrap().push(name.to_owned());
        assert_eq!(self.loading.fetch_add(1, Ordering::SeqCst), 0, "two loads at once");
        let weight_bytes = self.sizes[name];
        let bytes = self.bytes.fetch_add(weight_bytes, Ordering::SeqCst) + weight_bytes;
        self.most_bytes.fetch_max(bytes, Ordering::SeqCst);
        let (gate, loading) = (Arc::clone(&self.gate), Arc::clone(&self.loading));
        let (held, fails) = (Arc::clone(&self.bytes), self.fails.load(Ordering::SeqCst));
        let name = name.to_owned();
        async move {
            gate.acquire().await.unwrap().forget();
            tokio::task::yield_now().await;
            loading.fetch_sub(1, Ordering::SeqCst);
            if fails {
                held.fetch_sub(weight_bytes, Ordering::SeqCst);
                return Err(Refusal::Refused("as told".to_owned()));
            }
            let item = Thing { name, ended: Arc::default() };
            Ok(Arrival { item, about: about(), size: size(weight_bytes) })
        }
        .boxed()
    }

    fn end(&self, item: Thing) -> BoxFuture<'static, ()> {
        let (bytes, held) = (self.sizes[&item.name], Arc::clone(&self.bytes));
        item.ended.store(true, Ordering::SeqCst);
        async move {
            tokio::task::yield_now().await;
            held.fetch_sub(bytes, Ordering::SeqCst);
        }
        .boxed()
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(20 * SECOND, future).await.unwrap()
}

#[tokio::test]
async fn what_is_at_hand_is_lent_and_nothing_is_loaded_for_it() {
    let (shared, world) = house(&[("a", 60)], true);
    assert!(shared.at_hand("a").is_none() && shared.at_hand("b").is_none());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(world.loads.lock().unwrap().is_empty());
    drop(soon(shared.lend("a")).await.unwrap());
    let lent = shared.at_hand("a");
    assert!(lent.is_some() && shared.lock().list(tokio::time::Instant::now())[0].in_flight == 1);
}

#[tokio::test]
async fn a_herd_causes_one_load_and_all_of_it_is_served() {
    let (shared, world) = house(&[("a", 60)], false);
    let herd: Vec<_> = (0..50)
        .map(|_| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { shared.lend("a").await.map(|(thing, _)| thing.name) })
        })
        .collect();
    while shared.lock().titles["a"].waiting < 50 {
        tokio::task::yield_now().await;
    }
    world.gate.add_permits(1);
    for served in soon(join_all(herd)).await {
        assert_eq!(served.unwrap(), Ok("a".to_owned()));
    }
    assert_eq!(*world.loads.lock().unwrap(), ["a"]);
}

#[tokio::test]
async fn a_budget_that_others_have_taken_from_refuses_what_fitted_before() {
    let (shared, world) = house(&[("a", 60)], true);
    world.budget.store(50, Ordering::SeqCst);
    let refused = soon(shared.lend("a")).await.err();
    assert!(
        matches!(refused, Some(ShelfError::TooLarge { budget_bytes: 50, needed_bytes: 60, .. })),
        "{refused:?}"
    );
    world.budget.store(100, Ordering::SeqCst);
    shared.record(|state| state.forgive("a"));
    assert!(soon(shared.lend("a")).await.is_ok());
}

#[tokio::test]
async fn who_goes_away_waits_no_more_and_what_nobody_waits_for_is_not_loaded() {
    let (shared, world) = house(&[("a", 60), ("b", 60)], false);
    let first = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move { shared.lend("a").await.map(|_| ()) }
    });
    while world.loads.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let impatient = tokio::time::timeout(SECOND / 20, shared.lend("b")).await;
    assert!(impatient.is_err());
    world.gate.add_permits(2);
    assert!(soon(first).await.unwrap().is_ok());
    assert!(soon(shared.lend("a")).await.is_ok());
    assert_eq!(*world.loads.lock().unwrap(), ["a"]);
}

#[tokio::test]
async fn a_load_that_fails_is_told_to_all_who_wait_and_not_repeated() {
    let (shared, world) = house(&[("a", 60)], true);
    world.fails.store(true, Ordering::SeqCst);
    let (one, two) = soon(async { tokio::join!(shared.lend("a"), shared.lend("a")) }).await;
    for told in [one.err(), two.err(), soon(shared.lend("a")).await.err()] {
        let Some(ShelfError::Failing { why, retry_after, .. }) = told else { panic!("{told:?}") };
        assert!(why == "as told" && retry_after <= SECOND, "{why} {retry_after:?}");
    }
    assert_eq!(world.loads.lock().unwrap().len(), 1);
    world.fails.store(false, Ordering::SeqCst);
    shared.record(|state| state.forgive("a"));
    assert!(soon(shared.lend("a")).await.is_ok());
}

#[tokio::test]
async fn a_shelf_that_is_closed_lends_nothing() {
    let (shared, _world) = house(&[("a", 60)], false);
    let waiting = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move { shared.lend("a").await.err() }
    });
    tokio::task::yield_now().await;
    shared.record(State::close);
    assert_eq!(soon(waiting).await.unwrap(), Some(ShelfError::ShuttingDown));
    assert_eq!(soon(shared.lend("a")).await.err(), Some(ShelfError::ShuttingDown));
}

/// Six packages in room for two or three, asked for at random by many who hold what they get.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_nothing_ends_in_use_all_are_served_and_the_budget_holds() {
    let sizes = [("a", 30), ("b", 35), ("c", 40), ("d", 45), ("e", 50), ("f", 55)];
    let (shared, world) = house(&sizes, true);
    shared.record(|state| state.set_pinned("a", true));
    let seed: u64 = rand::random::<u32>().into();
    eprintln!("seed {seed}");
    let askers = (0..24).map(|asker| {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed + asker);
            for _ in 0..60 {
                let name = sizes[rng.random_range(0..6)].0;
                let (thing, lending) = shared.lend(name).await.unwrap();
                for _ in 0..rng.random_range(0..20) {
                    tokio::task::yield_now().await;
                    assert!(!thing.ended.load(Ordering::SeqCst), "{name} ended in use");
                }
                assert_eq!(thing.name, name);
                drop(lending);
                if rng.random_bool(0.05) {
                    shared.record(|state| state.titles[name].may_leave() && state.leave(name));
                }
            }
        })
    });
    for asked in tokio::time::timeout(60 * SECOND, join_all(askers)).await.unwrap() {
        asked.unwrap();
    }
    let loads = world.loads.lock().unwrap().clone();
    assert_eq!(loads.iter().filter(|name| *name == "a").count(), 1, "a is pinned");
    assert!(loads.len() > 6, "{loads:?}");
    let most = world.most_bytes.load(Ordering::SeqCst);
    assert!(most <= 100, "{most} bytes of 100");
    let list = shared.lock().list(tokio::time::Instant::now());
    assert!(list.iter().all(|shelved| shelved.in_flight == 0 && shelved.waiting == 0), "{list:?}");
}
