//! The thread that owns a model, and its letter box: it admits requests, composes each step,
//! samples, and hands out tokens.
//!
//! Every step carries one row for each sequence that is answering, and pieces of prompts: large ones
//! where nobody answers, otherwise as many rows as [`Pace`](pace::Pace) finds that running answers
//! hardly notice. A prompt whose beginning is in the KV store already starts behind it. Where pages
//! run out the youngest sequence gives its own back and is computed again later; as a sequence's
//! logits depend on nothing else, nobody can tell.
//!
//! **Not here**: whose request is worth more than whose. [`Queue::take`] is the one place where a
//! request is chosen, [`share::share`] the one where rows are given out.

mod pace;
mod reading;
mod sequence;
mod share;
mod worker;

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::backend::Decoder;
use super::ending::{self, Ending};
use super::sampler::Choice;
use super::{Config, EngineError, FinishReason, Observer, Request, TokenId};
pub(super) use reading::Reading;
use worker::Worker;

/// What the thread tells a request's reader.
#[derive(Debug)]
pub(super) enum Event {
    /// Comes before the first token: how many tokens of the prompt were there already.
    Cached(usize),
    Token(Choice),
    /// Comes after the last token.
    End(FinishReason),
    Failed(EngineError),
}

/// Events of a request besides its tokens.
pub(super) const EVENTS_BESIDES_TOKENS: usize = 2;

/// A request on its way to the thread.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) events: mpsc::Sender<Event>,
    /// The reader has all it wants, where it closes the channel.
    pub(super) satisfied: Arc<AtomicBool>,
    pub(super) queued_at: Instant,
}

/// What ends an answer, besides its own limit.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    /// Positions a sequence may fill.
    pub(super) context_tokens: usize,
    pub(super) end_tokens: Vec<TokenId>,
}

/// The thread's letter box.
pub(super) struct Scheduler {
    shared: Arc<Shared>,
    max_queue: usize,
    max_sequences: usize,
    ending: Ending,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// Texts to read, one after another.
    readings: VecDeque<Reading>,
    running: usize,
    closed: bool,
    /// The budget has news, somebody wants memory or some is free; or prompts are to be forgotten.
    nudged: bool,
    /// What was computed of earlier prompts is to be forgotten.
    forget: bool,
    /// Moving average of the seconds from a request's start to its end.
    mean_seconds: f64,
}

impl Queue {
    /// The request to start next.
    fn take(&mut self) -> Option<Job> {
        self.waiting.pop_front()
    }

    /// Counts an answer that took so long.
    fn completed(&mut self, seconds: f64) {
        self.mean_seconds = match self.mean_seconds {
            0.0 => seconds,
            mean => mean + (seconds - mean) / 8.0,
        };
    }
}

impl Scheduler {
    /// Starts the thread.
    pub(super) fn start(
        name: &str,
        mut decoder: Decoder,
        config: &Config,
        observer: Arc<dyn Observer>,
        limit: Limit,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() });
        let nudged = Arc::clone(&shared);
        decoder.kv().account().wake_with(move || nudged.nudge());
        let worker = Worker::new(decoder, Arc::clone(&shared), config, observer, limit);
        let (alive, ending) = ending::watched();
        std::thread::Builder::new().name(format!("model {name}")).spawn(move || {
            worker.run();
            drop(alive);
        })?;
        let max_sequences = config.max_sequences.max(1);
        Ok(Self { shared, max_queue: config.max_queue, max_sequences, ending })
    }

    /// Leaves a job with the thread. Never waits.
    pub(super) fn submit(&self, job: Job) -> Result<(), EngineError> {
        let mut queue = self.shared.lock();
        if queue.closed {
            return Err(EngineError::ShuttingDown);
        }
        // Whoever finds a free place among the running does not count as waiting.
        let free = self.max_sequences.saturating_sub(queue.running);
        let queued = queue.waiting.len();
        if queued >= self.max_queue.saturating_add(free) {
            let rounds = (queued + 1).div_ceil(self.max_sequences) as f64;
            let seconds = (queue.mean_seconds * rounds).ceil().clamp(1.0, 600.0);
            return Err(EngineError::QueueFull {
                queued,
                retry_after: Duration::from_secs_f64(seconds),
            });
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

    /// Leaves a text to read with the thread. Never waits.
    pub(super) fn read(&self, reading: Reading) -> Result<(), EngineError> {
        let mut queue = self.shared.lock();
        if queue.closed {
            return Err(EngineError::ShuttingDown);
        }
        let queued = queue.readings.len();
        if queued > self.max_queue {
            let seconds = (queue.mean_seconds * queued as f64).ceil().clamp(1.0, 600.0);
            let retry_after = Duration::from_secs_f64(seconds);
            return Err(EngineError::QueueFull { queued, retry_after });
        }
        queue.readings.push_back(reading);
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Has the thread forget what it computed of earlier prompts, before it takes up another.
    pub(super) fn forget_prompts(&self) {
        self.shared.lock().forget = true;
        self.shared.nudge();
    }

    /// Refuses new jobs; the thread ends when those it has are done.
    pub(super) fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nudge(&self) {
        self.lock().nudged = true;
        self.wake.notify_one();
    }
}
