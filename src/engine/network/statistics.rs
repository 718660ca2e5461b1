//! What a network has done since it was loaded, counted as Triton's statistics extension has it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// How often something happened, and how long it took in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Occurrences.
    pub count: u64,
    /// Time of all of them together.
    pub time: Duration,
}

impl Total {
    pub(super) fn add(&mut self, time: Duration) {
        self.count += 1;
        self.time = self.time.saturating_add(time);
    }
}

/// Runs of one number of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchStatistics {
    /// Making tensors of the inputs.
    pub compute_input: Total,
    /// The graph.
    pub compute_infer: Total,
    /// Making arrays of what came out.
    pub compute_output: Total,
}

/// What a network has done since it was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Rows answered: a request of 8 rows counts 8.
    pub inference_count: u64,
    /// Runs of the graph; requests that were joined share one.
    pub execution_count: u64,
    /// When the last request was answered.
    pub last_inference: Option<SystemTime>,
    /// Requests answered, from their arrival to their answer.
    pub success: Total,
    /// Requests that failed, from their arrival to their refusal.
    pub fail: Total,
    /// Waiting, of requests answered.
    pub queue: Total,
    /// Making tensors of the inputs, of requests answered.
    pub compute_input: Total,
    /// The graph, of requests answered; those that were joined count the whole run each.
    pub compute_infer: Total,
    /// Making arrays of what came out, of requests answered.
    pub compute_output: Total,
    /// Requests whose asker went away before their turn.
    pub cancel: Total,
    /// Runs by their number of rows.
    pub batches: BTreeMap<usize, BatchStatistics>,
}

/// Numbers of rows that are told apart; beyond it the most rows are counted with the most known.
const MAX_BATCH_SIZES: usize = 256;

impl Statistics {
    pub(super) fn batch(&mut self, rows: usize) -> &mut BatchStatistics {
        let most = self.batches.keys().next_back().copied();
        let known = self.batches.contains_key(&rows) || self.batches.len() < MAX_BATCH_SIZES;
        self.batches.entry(if known { rows } else { most.unwrap_or(rows) }).or_default()
    }
}

/// What a network tells of itself while it works.
pub trait NetworkObserver: Send + Sync {
    /// A request was answered, so long after its arrival.
    fn answered(&self, total: Duration);
    /// A request failed.
    fn failed(&self);
    /// A request's asker went away before its turn.
    fn cancelled(&self);
    /// The graph ran once, for so many rows.
    fn executed(&self, rows: usize, took: Duration);
    /// Requests that wait and requests that run, after a change.
    fn queue(&self, waiting: usize, running: usize);
}

/// Tells nobody.
pub(super) struct Silent;

impl NetworkObserver for Silent {
    fn answered(&self, _: Duration) {}
    fn failed(&self) {}
    fn cancelled(&self) {}
    fn executed(&self, _: usize, _: Duration) {}
    fn queue(&self, _: usize, _: usize) {}
}
