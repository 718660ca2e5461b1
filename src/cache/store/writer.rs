//! The thread that writes what waits.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Change, Disk, Queue, Written};
use crate::cache::Key;

pub(super) struct Writer {
    pub(super) disk: Arc<Disk>,
    pub(super) queue: Arc<Queue>,
    pub(super) written: Written,
}

/// What is written at once.
struct Batch {
    clear: bool,
    changes: HashMap<Key, Change>,
    watched: Option<Vec<u8>>,
    /// Who wanted all to be written until now.
    wanted: u64,
}

impl Writer {
    /// Writes until it is told to stop, not more often than each `pause` where nobody waits.
    pub(super) fn run(self, pause: Duration) {
        while let Some(batch) = self.next(pause) {
            let result = self.disk.write(batch.clear, batch.watched.as_deref(), &batch.changes);
            match &result {
                Ok(stored) => (self.written)(stored),
                Err(error) => tracing::warn!(%error, "answers could not be written to disk"),
            }
            let mut waiting = self.queue.lock();
            if result.is_err() {
                // What is to go must go some time; what was to be kept stays in memory only.
                waiting.clear |= batch.clear;
                for (key, change) in batch.changes {
                    if matches!(change, Change::Drop) {
                        waiting.changes.entry(key).or_insert(change);
                    }
                }
            }
            waiting.done = batch.wanted;
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

    /// Waits for work; `None` at the end.
    fn next(&self, pause: Duration) -> Option<Batch> {
        let mut waiting = self.queue.lock();
        while waiting.changes.is_empty()
            && waiting.watched.is_none()
            && !waiting.clear
            && waiting.wanted == waiting.done
            && !waiting.stop
        {
            waiting = self.queue.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.wanted == waiting.done && !waiting.stop {
            // Others may come: one transaction for all of them.
            let until = std::time::Instant::now() + pause;
            while waiting.wanted == waiting.done && !waiting.stop {
                let left = until.saturating_duration_since(std::time::Instant::now());
                if left.is_zero() {
                    break;
                }
                let slept = self.queue.wake.wait_timeout(waiting, left);
                waiting = slept.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        if waiting.stop && waiting.changes.is_empty() && waiting.watched.is_none() && !waiting.clear
        {
            return None;
        }
        let changes = std::mem::take(&mut waiting.changes);
        let clear = std::mem::take(&mut waiting.clear);
        let watched = waiting.watched.take();
        Some(Batch { clear, changes, watched, wanted: waiting.wanted })
    }
}
