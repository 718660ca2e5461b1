//! The thread that writes what waits.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Change, Disk, Queue, Waiting, Work, Written};

pub(super) struct Writer {
    pub(super) disk: Arc<Disk>,
    pub(super) queue: Arc<Queue>,
    pub(super) written: Written,
}

impl Writer {
    /// Writes until it is told to stop, not more often than each `pause` where nobody waits.
    pub(super) fn run(self, pause: Duration) {
        while let Some((work, wanted)) = self.next(pause) {
            let result = self.disk.write(&work);
            match &result {
                Ok(stored) => (self.written)(stored),
                Err(error) => tracing::warn!(%error, "answers could not be written to disk"),
            }
            let mut waiting = self.queue.lock();
            if result.is_err() {
                put_back(&mut waiting, work);
            }
            waiting.done = wanted;
            let stop = waiting.stop;
            drop(waiting);
            self.queue.wake.notify_all();
            match result {
                Err(_) if stop => return,
                Err(_) => std::thread::sleep(pause),
                Ok(_) => {}
            }
        }
    }

    /// Waits for work; answers with it and for how many of those who wait it is. `None` at the end.
    fn next(&self, pause: Duration) -> Option<(Work, u64)> {
        let mut waiting = self.queue.lock();
        let idle = |waiting: &Waiting| waiting.wanted == waiting.done && !waiting.stop;
        while idle(&waiting) && waiting.work.can_wait() {
            waiting = self.queue.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        // Others may come: one transaction for all of them.
        let until = Instant::now() + pause;
        while idle(&waiting) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let slept = self.queue.wake.wait_timeout(waiting, left);
            waiting = slept.unwrap_or_else(PoisonError::into_inner).0;
        }
        if waiting.stop && waiting.work.is_empty() {
            return None;
        }
        Some((std::mem::take(&mut waiting.work), waiting.wanted))
    }
}

/// What is to go must go some time; what was to be kept stays in memory only.
fn put_back(waiting: &mut Waiting, work: Work) {
    waiting.work.clear |= work.clear;
    for (key, change) in work.changes {
        if matches!(change, Change::Drop) {
            waiting.work.changes.entry(key).or_insert(change);
        }
    }
}
