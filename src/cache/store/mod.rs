//! Entries on disk, so that they are there after a restart.
//!
//! Changes wait in memory, the last one of each key, until one thread writes all of them in one
//! transaction. After a power cut the file has every transaction whole or not at all; what was not
//! written yet is made again when it is asked for. The file may be deleted at any time.

mod disk;
mod packs;
mod row;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::entry::Tally;
use super::exact::Found;
use super::{Events, Head, Key};
pub(super) use disk::{Disk, StoreError, room_of};
pub(super) use packs::{PackEntries, PackRow, PackSet, PackSets};

/// What is to be written of one key.
#[derive(Clone)]
enum Change {
    Keep { head: Arc<Head>, events: Events, tally: Arc<Tally>, meaning: Option<Meaning> },
    Drop,
}

/// Told which entries (key, when made, bytes on disk) are written.
pub(super) type Written = Box<dyn Fn(&[(Key, u64, u64)]) + Send>;

/// An entry as it was found at the start.
pub(super) struct Kept {
    pub(super) head: Head,
    pub(super) tally: Tally,
    /// What it takes on disk.
    pub(super) bytes: u64,
    /// What the semantic tier knows of its question.
    pub(super) meaning: Option<Vec<u8>>,
}

/// What the semantic tier keeps of a question, in a form of its own.
pub(super) type Meaning = Arc<[u8]>;

/// The file of entries and the thread that writes it.
pub(super) struct Store {
    disk: Arc<Disk>,
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

/// What waits to be written.
#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    work: Work,
    /// How often somebody wanted all to be written, and for how many of them it is.
    wanted: u64,
    done: u64,
    stop: bool,
}

/// What is written in one transaction.
#[derive(Default)]
struct Work {
    /// Everything is to go first.
    clear: bool,
    changes: HashMap<Key, Change>,
    /// How often entries were asked for and when last.
    counts: HashMap<Key, (u32, u64)>,
    /// What the semantic tier saw of its hits.
    watched: Option<Vec<u8>>,
}

impl Work {
    /// Whether nothing of it is worth a transaction of its own.
    fn can_wait(&self) -> bool {
        !self.clear && self.changes.is_empty() && self.watched.is_none()
    }

    fn is_empty(&self) -> bool {
        self.can_wait() && self.counts.is_empty()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens or makes the file. One that cannot be read is replaced.
    pub(super) fn open(path: &Path) -> Result<(Arc<Disk>, Vec<Kept>), StoreError> {
        let open = || -> Result<_, StoreError> {
            let disk = Disk::open(path)?;
            let kept = disk.take_up()?;
            Ok((Arc::new(disk), kept))
        };
        match open() {
            Err(error) if error.is_damage() => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(error = cause, "the kept answers cannot be read and are dropped");
                std::fs::remove_file(path).map_err(StoreError::Remove)?;
                open()
            }
            opened => opened,
        }
    }

    /// Starts the thread that writes.
    pub(super) fn start(disk: Arc<Disk>, pause: Duration, written: Written) -> Self {
        let queue = Arc::new(Queue::default());
        let work = writer::Writer { disk: Arc::clone(&disk), queue: Arc::clone(&queue), written };
        let thread = std::thread::Builder::new().name("answers".into());
        let thread = thread.spawn(move || work.run(pause));
        if let Err(error) = &thread {
            tracing::error!(%error, "answers are kept in memory only: no thread can be started");
        }
        Self { disk, queue, thread: thread.ok() }
    }

    /// The file, for packs, which are written by whoever brings them.
    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(super) fn keep(&self, found: &Found, events: &Events, meaning: Option<Meaning>) {
        if self.thread.is_some() {
            let (head, tally) = (Arc::clone(&found.head), Arc::clone(&found.tally));
            let key = head.key;
            let change = Change::Keep { head, events: Arc::clone(events), tally, meaning };
            self.queue.lock().work.changes.insert(key, change);
            self.queue.wake.notify_all();
        }
    }

    /// Keeps what the semantic tier saw of its hits.
    pub(super) fn keep_watched(&self, watched: Vec<u8>) {
        if self.thread.is_some() {
            self.queue.lock().work.watched = Some(watched);
            self.queue.wake.notify_all();
        }
    }

    /// Writes with the next change, or when somebody waits, how often entries were asked for and
    /// when last.
    pub(super) fn count(&self, counts: impl Iterator<Item = (Key, (u32, u64))>) {
        if self.thread.is_some() {
            self.queue.lock().work.counts.extend(counts);
        }
    }

    pub(super) fn drop_all(&self, keys: impl Iterator<Item = Key>) {
        let mut waiting = self.queue.lock();
        waiting.work.changes.extend(keys.map(|key| (key, Change::Drop)));
        self.queue.wake.notify_all();
    }

    pub(super) fn clear(&self) {
        let mut waiting = self.queue.lock();
        waiting.work.changes.clear();
        waiting.work.clear = true;
        self.queue.wake.notify_all();
    }

    /// Waits until everything so far is written, or cannot be. Blocks.
    pub(super) fn flush(&self) {
        if self.thread.is_none() {
            return;
        }
        let mut waiting = self.queue.lock();
        waiting.wanted += 1;
        let mine = waiting.wanted;
        self.queue.wake.notify_all();
        while waiting.done < mine && !waiting.stop {
            waiting = self.queue.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// An entry's body. Blocks.
    pub(super) fn read(&self, key: &Key) -> Option<Events> {
        match self.disk.read(key) {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(%error, "a kept answer cannot be read");
                None
            }
        }
    }
}

impl Drop for Store {
    /// Everything so far is written before the file is closed.
    fn drop(&mut self) {
        self.queue.lock().stop = true;
        self.queue.wake.notify_all();
        let Some(thread) = self.thread.take() else { return };
        // The thread itself may be the last to let go of the cache.
        if thread.thread().id() != std::thread::current().id() {
            // A panic of the thread was told by itself.
            let _ = thread.join();
        }
    }
}
