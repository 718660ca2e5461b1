//! The thread that owns a graph, and its letter box.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Array, InferError};
use crate::engine::budget::{Account, Budget};
use crate::engine::cpu::{NetworkPlan, NetworkState};
use crate::engine::ending::{self, Ending};
use crate::engine::{Config, LoadError};

/// How long a model that loads waits for others to give back what they only keep.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request on its way to the thread.
pub(super) struct Job {
    /// In the graph's order.
    pub(super) inputs: Vec<Array>,
    /// Places of the wanted outputs.
    pub(super) outputs: Vec<usize>,
    pub(super) deadline: Option<Instant>,
    pub(super) answer: oneshot::Sender<Result<Vec<Array>, InferError>>,
}

/// The thread's letter box.
pub(super) struct Worker {
    shared: Arc<Shared>,
    max_queue: usize,
    ending: Ending,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    closed: bool,
    /// Moving average of the seconds a request takes.
    mean_seconds: f64,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start(
        name: &str,
        plan: NetworkPlan,
        config: &Config,
        budget: &Budget,
    ) -> Result<Self, LoadError> {
        let mut account = budget.open();
        let weight_bytes = plan.report().weight_bytes;
        if !account.hold_weights(weight_bytes, PATIENCE) {
            let (free_bytes, budget_bytes) = (budget.free_bytes(), budget.total_bytes());
            return Err(LoadError::Memory { weight_bytes, free_bytes, budget_bytes });
        }
        let state = plan.start(config)?;
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() });
        let owner = Arc::clone(&shared);
        let (alive, ending) = ending::watched();
        std::thread::Builder::new()
            .name(format!("model {name}"))
            .spawn(move || {
                work(state, &owner, account);
                drop(alive);
            })
            .map_err(|error| LoadError::Graph { why: format!("no thread for it: {error}") })?;
        Ok(Self { shared, max_queue: config.max_queue, ending })
    }

    /// Leaves a job with the thread. Never waits.
    pub(super) fn submit(&self, job: Job) -> Result<(), InferError> {
        let mut queue = self.shared.lock();
        if queue.closed {
            return Err(InferError::ShuttingDown);
        }
        let queued = queue.waiting.len();
        if queued > self.max_queue {
            let seconds = (queue.mean_seconds * queued as f64).ceil().clamp(1.0, 600.0);
            let retry_after = Duration::from_secs_f64(seconds);
            return Err(InferError::QueueFull { queued, retry_after });
        }
        queue.waiting.push_back(job);
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// When the thread has ended.
    pub(super) fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// Refuses new jobs; the thread ends when those it has are done.
    pub(super) fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, as soon as there is one; `None` when there will be no more.
    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.waiting.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Runs until the letter box is closed and empty. `_account` is what it holds of the budget.
fn work(mut state: NetworkState, shared: &Shared, _account: Account) {
    while let Some(job) = shared.next() {
        if job.answer.is_closed() {
            continue;
        }
        let started = Instant::now();
        let answer = match job.deadline {
            Some(deadline) if deadline <= started => Err(InferError::Deadline),
            _ => state.run(job.inputs, &job.outputs),
        };
        let seconds = started.elapsed().as_secs_f64();
        let mut queue = shared.lock();
        queue.mean_seconds += (seconds - queue.mean_seconds) / 8.0;
        drop(queue);
        // Nobody may be waiting any more.
        let _ = job.answer.send(answer);
    }
}
