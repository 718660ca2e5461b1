//! The thread that owns a graph.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::queue::{Job, Joining, Next, Shared};
use super::statistics::{NetworkObserver, Statistics};
use super::{Array, InferError};
use crate::engine::backend::Network;
use crate::engine::cpu::{STACK_BYTES, Took};
use crate::engine::ending::{self, Ending};
use crate::engine::{Config, LoadError};

/// The thread as the doors see it.
pub(super) struct Worker {
    shared: Arc<Shared>,
    max_queue: usize,
    ending: Ending,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start(
        name: &str,
        network: Network,
        config: &Config,
        observer: Arc<dyn NetworkObserver>,
    ) -> Result<Self, LoadError> {
        let joining = Joining { max_rows: config.max_batch_rows, window: config.batch_window };
        let joining = (network.joins() && joining.max_rows > 1).then_some(joining);
        let shared = Arc::new(Shared::new(observer));
        let owner = Arc::clone(&shared);
        let (alive, ending) = ending::watched();
        std::thread::Builder::new()
            .name(format!("model {name}"))
            .stack_size(STACK_BYTES)
            .spawn(move || {
                work(network, &owner, joining);
                drop(alive);
            })
            .map_err(|error| LoadError::Unsound { why: format!("no thread for it: {error}") })?;
        Ok(Self { shared, max_queue: config.max_queue, ending })
    }

    /// Leaves a job with the thread. Never waits.
    pub(super) fn submit(&self, job: Job) -> Result<(), InferError> {
        self.shared.submit(job, self.max_queue)
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.shared.statistics()
    }

    /// When the thread has ended.
    pub(super) fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// Refuses new jobs; the thread ends when those it has are done.
    pub(super) fn close(&self) {
        self.shared.close();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}

/// Runs until the letter box is closed and empty.
fn work(mut network: Network, shared: &Shared, joining: Option<Joining>) {
    loop {
        let jobs = match shared.next(joining, network.due()) {
            Next::Jobs(jobs) => jobs,
            Next::Idle => {
                network.return_to_device();
                continue;
            }
            Next::End => return,
        };
        let started = Instant::now();
        let requests = jobs.len();
        match together(&mut network, shared, jobs) {
            Ok(()) => {}
            // One may be at fault, or all together be too large.
            Err(jobs) => jobs.into_iter().for_each(|job| alone(&mut network, shared, job)),
        }
        shared.done(requests, started.elapsed());
    }
}

/// Runs several jobs as one; gives them back where that fails or there is only one.
fn together(network: &mut Network, shared: &Shared, jobs: Vec<Job>) -> Result<(), Vec<Job>> {
    if jobs.len() < 2 {
        return Err(jobs);
    }
    let started = Instant::now();
    let rows: Vec<usize> = jobs.iter().filter_map(Job::rows).collect();
    let places = jobs.first().map_or(0, |job| job.inputs.len());
    let joined = |place: usize| {
        let parts: Vec<&Array> = jobs.iter().filter_map(|job| job.inputs.get(place)).collect();
        Array::joined(&parts)
    };
    let Ok(inputs) = (0..places).map(joined).collect::<Result<Vec<_>, _>>() else {
        return Err(jobs);
    };
    let mut outputs: Vec<usize> = jobs.iter().flat_map(|job| job.outputs.clone()).collect();
    outputs.sort_unstable();
    outputs.dedup();
    let joined_at = started.elapsed();
    let Ok((arrays, mut took)) = network.run(&inputs, &outputs) else { return Err(jobs) };
    took.input += joined_at;
    let parts: Result<Vec<_>, _> = arrays.into_iter().map(|array| array.split(&rows)).collect();
    let Ok(parts) = parts else { return Err(jobs) };
    took.output = started.elapsed().saturating_sub(took.input + took.infer);
    ran(shared, rows.iter().sum(), took);
    for (at, job) in jobs.into_iter().enumerate() {
        let part = |output: &usize| {
            let place = outputs.binary_search(output).ok()?;
            parts.get(place)?.get(at).cloned()
        };
        let answer: Option<Vec<Array>> = job.outputs.iter().map(part).collect();
        let answer = answer.ok_or_else(|| InferError::Internal("an output is missing".into()));
        ended(shared, job, started, took, answer);
    }
    Ok(())
}

fn alone(network: &mut Network, shared: &Shared, job: Job) {
    let started = Instant::now();
    match network.run(&job.inputs, &job.outputs) {
        Ok((arrays, took)) => {
            ran(shared, job.rows().unwrap_or(1), took);
            ended(shared, job, started, took, Ok(arrays));
        }
        Err(error) => ended(shared, job, started, Took::default(), Err(error)),
    }
}

/// Counts a run of the graph.
fn ran(shared: &Shared, rows: usize, took: Took) {
    shared.observer.executed(rows, took.infer);
    shared.count(|statistics| {
        statistics.execution_count += 1;
        let batch = statistics.batch(rows);
        batch.compute_input.add(took.input);
        batch.compute_infer.add(took.infer);
        batch.compute_output.add(took.output);
    });
}

/// Counts a request and answers it.
fn ended(
    shared: &Shared,
    job: Job,
    started: Instant,
    took: Took,
    answer: Result<Vec<Array>, InferError>,
) {
    let total = job.arrived.elapsed();
    let rows = job.rows().unwrap_or(1) as u64;
    shared.count(|statistics| match &answer {
        Ok(_) => {
            statistics.inference_count += rows;
            statistics.last_inference = Some(SystemTime::now());
            statistics.success.add(total);
            statistics.queue.add(started.saturating_duration_since(job.arrived));
            statistics.compute_input.add(took.input);
            statistics.compute_infer.add(took.infer);
            statistics.compute_output.add(took.output);
        }
        Err(_) => statistics.fail.add(total),
    });
    match &answer {
        Ok(_) => shared.observer.answered(total),
        Err(_) => shared.observer.failed(),
    }
    // Nobody may be waiting any more.
    let _ = job.answer.send(answer);
}
