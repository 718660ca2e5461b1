//! The one loop that makes memory follow the plan.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::plan::{Move, plan};
use super::state::{Asked, State};
use super::title::{CopyId, Size, Why};
use crate::api::shelf::{About, ShelfError};
use crate::telemetry::Metrics;

/// A package that came into memory.
pub(super) struct Arrival<T> {
    pub(super) item: T,
    pub(super) about: About,
    pub(super) size: Size,
}

/// Why one did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such package any more.
    NotInstalled,
    /// There was too little room.
    NoRoom { weight_bytes: u64, why: String },
    /// Package or engine refuse.
    Refused(String),
}

/// Where models are loaded and ended.
pub(super) trait World: Send + Sync + 'static {
    /// A model in memory.
    type Item: Clone + Send + 'static;

    /// Loads a package.
    fn load(&self, name: &str) -> BoxFuture<'static, Result<Arrival<Self::Item>, Refusal>>;

    /// Ends a model that nobody uses; done when its memory is given back.
    fn end(&self, item: Self::Item) -> BoxFuture<'static, ()>;

    /// Bytes that models can have at most, as it is now.
    fn budget_bytes(&self) -> u64;

    /// Bytes that models in memory wait for so that they can answer.
    fn lacking_bytes(&self) -> u64;
}

/// What requests and the loop share.
pub(super) struct Shared<T> {
    state: Mutex<State<T>>,
    /// Something happened that may change the plan.
    pub(super) happened: Notify,
    /// Something happened that those who wait want to know.
    pub(super) told: watch::Sender<()>,
    pub(super) metrics: Arc<Metrics>,
}

impl<T: Clone> Shared<T> {
    pub(super) fn new(state: State<T>, metrics: Arc<Metrics>) -> Arc<Self> {
        let (state, happened) = (Mutex::new(state), Notify::new());
        Arc::new(Self { state, happened, told: watch::Sender::default(), metrics })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records something, and lets the loop and those who wait see what follows.
    pub(super) fn record<R>(&self, what: impl FnOnce(&mut State<T>) -> R) -> R {
        let outcome = what(&mut self.lock());
        self.happened.notify_one();
        self.told.send_replace(());
        outcome
    }

    /// The model of a package, waiting for it to be loaded.
    pub(super) async fn lend(self: &Arc<Self>, name: &str) -> Result<(T, Lending<T>), ShelfError> {
        let (mut told, mut waiting) = (None, None);
        loop {
            match self.ask(name, &mut waiting) {
                Asked::Lent(item, id) => {
                    return Ok((item, Lending { shared: Arc::clone(self), id }));
                }
                Asked::Refused(error) => return Err(error),
                Asked::Wait => {}
            }
            match &mut told {
                // Most need not wait. Who does looks again, as something may have happened since.
                None => told = Some(self.told.subscribe()),
                Some(told) => told.changed().await.map_err(|_| ShelfError::ShuttingDown)?,
            }
        }
    }

    /// The model of a package, where it is in memory.
    pub(super) fn at_hand(self: &Arc<Self>, name: &str) -> Option<(T, Lending<T>)> {
        match self.lock().ask(name, Instant::now()) {
            Asked::Lent(item, id) => Some((item, Lending { shared: Arc::clone(self), id })),
            Asked::Wait | Asked::Refused(_) => None,
        }
    }

    fn ask(self: &Arc<Self>, name: &str, waiting: &mut Option<Waiting<T>>) -> Asked<T> {
        let mut state = self.lock();
        let asked = state.ask(name, Instant::now());
        if matches!(asked, Asked::Wait) && waiting.is_none() {
            state.wait(name);
            *waiting = Some(Waiting { shared: Arc::clone(self), name: name.to_owned() });
            self.happened.notify_one();
        }
        asked
    }
}

/// A model in use; dropped, it is given back.
pub(super) struct Lending<T: Clone> {
    shared: Arc<Shared<T>>,
    id: CopyId,
}

impl<T: Clone> Drop for Lending<T> {
    fn drop(&mut self) {
        let restless = {
            let mut state = self.shared.lock();
            state.take_back(self.id, Instant::now());
            state.is_restless()
        };
        // Waking the loop for each request would cost more than many a request.
        if restless {
            self.shared.happened.notify_one();
        }
    }
}

/// A request that waits; dropped, it does so no more.
struct Waiting<T: Clone> {
    shared: Arc<Shared<T>>,
    name: String,
}

impl<T: Clone> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.shared.lock().wait_no_more(&self.name);
        self.shared.happened.notify_one();
    }
}

/// Makes memory follow the plan until the shelf is closed.
pub(super) async fn keep<W: World>(shared: Arc<Shared<W::Item>>, world: Arc<W>) {
    loop {
        let (budget_bytes, lacking_bytes) = (world.budget_bytes(), world.lacking_bytes());
        let (planned, departing) = {
            let mut state = shared.lock();
            if state.closed {
                return;
            }
            state.budget_bytes = budget_bytes;
            state.lacking_bytes = lacking_bytes;
            (plan(&state, Instant::now()), state.departing())
        };
        let moved = !planned.moves.is_empty();
        for step in planned.moves {
            apply(&shared, &world, step);
        }
        for (id, name, item) in departing {
            let (shared, ended) = (Arc::clone(&shared), world.end(item));
            tokio::spawn(async move {
                ended.await;
                tracing::info!(model = name, "left memory");
                shared.record(|state| state.gone(id));
            });
        }
        if moved {
            continue;
        }
        let again = async {
            match planned.again {
                Some(time) => sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.happened.notified() => {}
            () = again => {}
        }
    }
}

fn apply<W: World>(shared: &Arc<Shared<W::Item>>, world: &Arc<W>, step: Move) {
    match step {
        Move::Evict(name) => {
            tracing::info!(model = name, "makes room for another");
            shared.metrics.shelf().evicted(&name);
            shared.record(|state| state.leave(&name));
        }
        Move::Refuse { name, needed_bytes, kept_bytes } => {
            tracing::warn!(model = name, needed_bytes, kept_bytes, "it does not fit");
            let why = Why::TooLarge { needed_bytes, kept_bytes };
            shared.record(|state| state.fail(&name, why, Instant::now()));
        }
        Move::Load(name) => {
            tracing::info!(model = name, "loading");
            shared.record(|state| state.begin(&name));
            let (shared, loading) = (Arc::clone(shared), world.load(&name));
            tokio::spawn(async move {
                let began = Instant::now();
                let outcome = loading.await;
                settle(&shared, &name, outcome, began);
            });
        }
    }
}

/// Records how a load went.
fn settle<T: Clone>(
    shared: &Shared<T>,
    name: &str,
    outcome: Result<Arrival<T>, Refusal>,
    began: Instant,
) {
    let now = Instant::now();
    match outcome {
        Ok(Arrival { item, about, size }) => {
            let seconds = (now - began).as_secs_f64();
            tracing::info!(model = name, bytes = size.weight_bytes, seconds, "in memory");
            shared.metrics.shelf().loaded(name, size.weight_bytes, now - began);
            shared.record(|state| state.arrive(name, item, about, size, now));
        }
        Err(Refusal::NotInstalled) => shared.record(|state| {
            state.fail(name, Why::Refused("it is not installed".to_owned()), now);
            state.remove(name);
        }),
        Err(Refusal::NoRoom { weight_bytes, why }) => shared.record(|state| {
            if !state.learn(name, weight_bytes) {
                tracing::warn!(model = name, why, "there is no room for it just now");
                shared.metrics.shelf().load_failed(name);
                state.fail(name, Why::Refused(why), now);
            }
        }),
        Err(Refusal::Refused(why)) => {
            tracing::error!(model = name, why, "it cannot be loaded");
            shared.metrics.shelf().load_failed(name);
            shared.record(|state| state.fail(name, Why::Refused(why), now));
        }
    }
}
