//! Threads for the kernels: they spin briefly between pieces of work, then sleep.
//!
//! A thread that the system does not run just then is not waited for: whoever is there takes its
//! share, and it comes in at the next piece.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Looks for the next piece of work this often before sleeping (some tens of microseconds).
const SPINS: usize = 4_000;

/// Runs pieces of work on as many threads as come.
///
/// Callers take turns. A panic in the closure reaches the caller after all threads are done.
pub(in crate::engine::cpu) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    turn: Mutex<()>,
    /// Where each thread's share of a range goes on.
    next: Vec<Cursor>,
}

/// A cursor on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Cursor(AtomicUsize);

const OPEN: usize = 1 << (usize::BITS - 1);

struct Shared {
    /// Raised for each piece of work, and once to stop.
    epoch: AtomicUsize,
    /// [`OPEN`] while workers may come in, plus the number that are in.
    inside: AtomicUsize,
    stop: AtomicBool,
    asleep: Vec<AtomicBool>,
    work: Mutex<Option<Work>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// The current closure with its lifetime taken away; see [`Pool::run`].
#[derive(Clone, Copy)]
struct Work(&'static (dyn Fn(usize) + Sync));

impl Pool {
    /// A pool in which `threads` threads work: the caller's and `threads - 1` of its own.
    pub(in crate::engine::cpu) fn new(threads: usize) -> Self {
        let helpers = threads.max(1) - 1;
        let shared = Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            inside: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            asleep: (0..helpers).map(|_| AtomicBool::new(false)).collect(),
            work: Mutex::new(None),
            panic: Mutex::new(None),
        });
        let workers = (0..helpers)
            .map_while(|i| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("kernel-{i}"))
                    .spawn(move || shared.serve(i))
                    .ok()
            })
            .collect();
        let next = (0..=helpers).map(|_| Cursor::default()).collect();
        Self { shared, workers, turn: Mutex::new(()), next }
    }

    /// Threads that work, the caller's included.
    pub(in crate::engine::cpu) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `f` with 0 here, and with its number on each worker that comes before this call is
    /// done, once `start` has run. `f` must do nothing when called again after all is done.
    fn run(&self, start: impl FnOnce(), f: &(dyn Fn(usize) + Sync)) {
        let _turn = lock(&self.turn);
        start();
        // SAFETY: workers use the reference only while they are counted in `inside`, which they
        // can enter only while it is open; this function neither returns nor unwinds before it is
        // closed and empty again.
        let work: &'static (dyn Fn(usize) + Sync) = unsafe {
            std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(f)
        };
        *lock(&self.shared.work) = Some(Work(work));
        self.shared.inside.store(OPEN, Ordering::SeqCst);
        self.wake();
        let own = catch_unwind(AssertUnwindSafe(|| f(0)));
        self.shared.inside.fetch_and(!OPEN, Ordering::AcqRel);
        let mut looks = 0;
        while self.shared.inside.load(Ordering::Acquire) != 0 {
            looks += 1;
            if looks < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        *lock(&self.shared.work) = None;
        let theirs = lock(&self.shared.panic).take();
        if let Some(panic) = own.err().or(theirs) {
            resume_unwind(panic);
        }
    }

    fn wake(&self) {
        self.shared.epoch.fetch_add(1, Ordering::SeqCst);
        for (worker, asleep) in self.workers.iter().zip(&self.shared.asleep) {
            if asleep.load(Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
    }

    /// Calls `f` for ranges of at most `chunk` that cover `0..count`. Each thread goes through a
    /// part of its own in order, then helps with the others'.
    pub(in crate::engine::cpu) fn ranges(
        &self,
        count: usize,
        chunk: usize,
        f: impl Fn(Range<usize>) + Sync,
    ) {
        let chunk = chunk.max(1);
        if self.workers.is_empty() || count <= chunk {
            for from in (0..count).step_by(chunk) {
                f(from..(from + chunk).min(count));
            }
            return;
        }
        let threads = self.threads();
        // In whole chunks, so that all but the last are full.
        let share = count.div_ceil(chunk).div_ceil(threads) * chunk;
        let begin = |thread: usize| (thread * share).min(count);
        let start = || {
            for (thread, next) in self.next.iter().enumerate() {
                next.0.store(begin(thread), Ordering::Relaxed);
            }
        };
        self.run(start, &|own| {
            for thread in (0..threads).map(|i| (own + i) % threads) {
                let Some(next) = self.next.get(thread) else { return };
                loop {
                    let from = next.0.fetch_add(chunk, Ordering::Relaxed);
                    let end = begin(thread + 1);
                    if from >= end {
                        break;
                    }
                    f(from..(from + chunk).min(end));
                }
            }
        });
    }

    /// Calls `f` once with each item, on whichever thread is free.
    pub(in crate::engine::cpu) fn each<T: Send>(&self, items: Vec<T>, f: impl Fn(T) + Sync) {
        if items.len() <= 1 || self.workers.is_empty() {
            return items.into_iter().for_each(f);
        }
        let items = Mutex::new(items.into_iter());
        self.run(|| (), &|_| {
            loop {
                let item = lock(&items).next();
                match item {
                    Some(item) => f(item),
                    None => return,
                }
            }
        });
    }
}

impl Shared {
    fn serve(&self, index: usize) {
        let mut seen = 0;
        loop {
            let mut looks = 0;
            while self.epoch.load(Ordering::SeqCst) == seen {
                looks += 1;
                if looks < SPINS {
                    std::hint::spin_loop();
                } else if let Some(asleep) = self.asleep.get(index) {
                    asleep.store(true, Ordering::SeqCst);
                    if self.epoch.load(Ordering::SeqCst) == seen {
                        std::thread::park();
                    }
                    asleep.store(false, Ordering::SeqCst);
                }
            }
            seen = self.epoch.load(Ordering::SeqCst);
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            if !self.enter() {
                continue;
            }
            let work = *lock(&self.work);
            if let Some(Work(work)) = work
                && let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(index + 1)))
            {
                *lock(&self.panic) = Some(panic);
            }
            self.inside.fetch_sub(1, Ordering::Release);
        }
    }

    /// Counts the calling worker in, unless the piece of work is already done.
    fn enter(&self) -> bool {
        let one_more = |inside: usize| (inside & OPEN != 0).then_some(inside + 1);
        self.inside.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
        for worker in self.workers.drain(..) {
            let _finished = worker.join();
        }
    }
}

/// A lock whose holder panicked is still good here: no invariant spans its critical sections.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_is_visited_once() {
        for threads in [1, 2, 5] {
            let pool = Pool::new(threads);
            for count in [0, 1, 7, 1000] {
                let visits: Vec<_> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                pool.ranges(count, 3, |range| {
                    range.for_each(|i| {
                        visits[i].fetch_add(1, Ordering::Relaxed);
                    });
                });
                assert!(visits.iter().all(|v| v.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn sleeping_workers_wake_up() {
        let pool = Pool::new(3);
        for _ in 0..20 {
            std::thread::sleep(std::time::Duration::from_millis(2));
            let sum = AtomicUsize::new(0);
            pool.each((0..10).collect(), |i: usize| {
                sum.fetch_add(i, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 45);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(3);
        let failed = catch_unwind(AssertUnwindSafe(|| {
            pool.each(vec![1, 2, 3, 4], |i| assert_ne!(i, 3));
        }));
        assert!(failed.is_err());
        let sum = AtomicUsize::new(0);
        pool.each(vec![1, 2, 3], |i| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 6);
    }
}
