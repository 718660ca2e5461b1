//! Requests that wait for a network, and which of them run together.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::statistics::{NetworkObserver, Statistics};
use super::{Array, InferError};

/// A request on its way to the thread.
pub(super) struct Job {
    /// In the graph's order.
    pub(super) inputs: Vec<Array>,
    /// Places of the wanted outputs.
    pub(super) outputs: Vec<usize>,
    pub(super) deadline: Option<Instant>,
    pub(super) arrived: Instant,
    pub(super) answer: oneshot::Sender<Result<Vec<Array>, InferError>>,
}

impl Job {
    /// Rows along the first axis, where all inputs agree on them.
    pub(super) fn rows(&self) -> Option<usize> {
        let mut rows = self.inputs.iter().map(|input| input.shape().first().copied());
        let first = rows.next()??;
        rows.all(|other| other == Some(first)).then_some(first)
    }

    /// Whether both can be rows of one run.
    fn joins(&self, other: &Self) -> bool {
        let same = |(a, b): (&Array, &Array)| {
            a.element() == b.element() && a.shape().get(1..) == b.shape().get(1..)
        };
        self.rows().is_some()
            && other.rows().is_some()
            && self.inputs.iter().zip(&other.inputs).all(same)
    }
}

/// How requests are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joining {
    /// Rows of a run at most; one request may have more.
    pub(super) max_rows: usize,
    /// How long a request waits for others while others come.
    pub(super) window: Duration,
}

/// What the thread is to do next.
pub(super) enum Next {
    /// These run together.
    Jobs(Vec<Job>),
    /// The time came that was to be waited for, and there was nothing to do.
    Idle,
    /// There will be no more.
    End,
}

/// What the doors and the thread share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    pub(super) observer: Arc<dyn NetworkObserver>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    running: usize,
    closed: bool,
    /// Moving average of the seconds a request takes.
    mean_seconds: f64,
    statistics: Statistics,
}

impl Shared {
    pub(super) fn new(observer: Arc<dyn NetworkObserver>) -> Self {
        Self { queue: Mutex::default(), wake: Condvar::new(), observer }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a job for the thread, unless `max_queue` wait besides the one that is next. Never
    /// waits.
    pub(super) fn submit(&self, job: Job, max_queue: usize) -> Result<(), InferError> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(InferError::ShuttingDown);
        }
        let queued = queue.waiting.len();
        if queued > max_queue {
            let seconds = (queue.mean_seconds * queued as f64).ceil().clamp(1.0, 600.0);
            let retry_after = Duration::from_secs_f64(seconds);
            return Err(InferError::QueueFull { queued, retry_after });
        }
        queue.waiting.push_back(job);
        self.observer.queue(queue.waiting.len(), queue.running);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Refuses new jobs; the thread ends when those it has are done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.lock().statistics.clone()
    }

    /// Changes the statistics.
    pub(super) fn count(&self, change: impl FnOnce(&mut Statistics)) {
        change(&mut self.lock().statistics);
    }

    /// So many requests were answered or refused, in this time.
    pub(super) fn done(&self, requests: usize, took: Duration) {
        let mut queue = self.lock();
        let seconds = took.as_secs_f64() / requests.max(1) as f64;
        queue.mean_seconds += (seconds - queue.mean_seconds) / 8.0;
        queue.running = 0;
        self.observer.queue(queue.waiting.len(), 0);
    }

    /// The jobs that run next, as soon as there are any; waits until `due` at most, where there is
    /// such a time. A job alone does not wait for others: the window is for those that were not alone
    /// to begin with.
    pub(super) fn next(&self, joining: Option<Joining>, due: Option<Instant>) -> Next {
        let mut queue = self.lock();
        loop {
            self.sweep(&mut queue);
            if let Some(first) = queue.waiting.pop_front() {
                let jobs = match joining {
                    Some(joining) => self.joined(queue, first, joining),
                    None => {
                        self.starts(&mut queue, 1);
                        vec![first]
                    }
                };
                return Next::Jobs(jobs);
            }
            if queue.closed {
                return Next::End;
            }
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            queue = match left {
                None => self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Next::Idle,
                Some(left) => {
                    self.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// `first` with those that can run with it.
    fn joined(&self, mut queue: MutexGuard<'_, Queue>, first: Job, joining: Joining) -> Vec<Job> {
        let mut rows = first.rows().unwrap_or(joining.max_rows);
        let until = first.arrived + joining.window;
        let mut jobs = vec![first];
        take(&mut queue, &mut jobs, &mut rows, joining.max_rows);
        while jobs.len() > 1 && rows < joining.max_rows && !queue.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.wake.wait_timeout(queue, left);
            (queue, _) = woken.unwrap_or_else(PoisonError::into_inner);
            self.sweep(&mut queue);
            take(&mut queue, &mut jobs, &mut rows, joining.max_rows);
        }
        self.starts(&mut queue, jobs.len());
        jobs
    }

    fn starts(&self, queue: &mut Queue, jobs: usize) {
        queue.running = jobs;
        self.observer.queue(queue.waiting.len(), jobs);
    }

    /// Drops jobs that nobody waits for, and refuses those whose time is over.
    fn sweep(&self, queue: &mut Queue) {
        let now = Instant::now();
        let over = |job: &Job| job.deadline.is_some_and(|deadline| deadline <= now);
        let mut at = 0;
        while let Some(job) = queue.waiting.get(at) {
            if !job.answer.is_closed() && !over(job) {
                at += 1;
                continue;
            }
            let Some(job) = queue.waiting.remove(at) else { break };
            let waited = now.saturating_duration_since(job.arrived);
            if job.answer.is_closed() {
                queue.statistics.cancel.add(waited);
                self.observer.cancelled();
            } else {
                queue.statistics.fail.add(waited);
                self.observer.failed();
                // Nobody may be waiting any more.
                let _ = job.answer.send(Err(InferError::Deadline));
            }
        }
    }
}

/// Takes from the queue what can join, first come first, as long as there is room.
fn take(queue: &mut Queue, jobs: &mut Vec<Job>, rows: &mut usize, max_rows: usize) {
    let mut at = 0;
    while let (Some(job), Some(first)) = (queue.waiting.get(at), jobs.first()) {
        let more = job.rows().unwrap_or(max_rows);
        if *rows + more > max_rows || !first.joins(job) {
            at += 1;
            continue;
        }
        *rows += more;
        jobs.extend(queue.waiting.remove(at));
    }
}
