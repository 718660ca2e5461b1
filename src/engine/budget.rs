//! One number of bytes for all models of a process, their weights and their KV pages together, and for
//! what stands beside them.
//!
//! What is no model, such as the facts, has a [`Holding`] and says what it takes; models share the rest.
//! Each model has an [`Account`]. Weights are held as long as the model is loaded; pages come and
//! go. Who finds too little says so, and is heard by all others: they give back what they only keep
//! in case it is wanted again. What a load or the run of a graph waits for is also heard by whoever
//! decides which models stay, see [`Budget::lacking_bytes`].

mod holding;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use holding::Holding;

/// Memory that models share; clones are the same budget.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    total: u64,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    /// By models.
    used: u64,
    weights: u64,
    /// By what is no model.
    held: BTreeMap<&'static str, u64>,
    members: Vec<Member>,
    next: u64,
    /// Is told when loads and runs begin and cease to lack bytes.
    keeper: Option<Wake>,
}

type Wake = Arc<dyn Fn() + Send + Sync>;

struct Member {
    id: u64,
    /// Bytes it asked for in vain.
    short: u64,
    /// Bytes that it waits for, to load or to run.
    awaited: u64,
    wake: Option<Wake>,
}

impl Budget {
    /// `bytes` for everything.
    pub fn new(bytes: u64) -> Self {
        let (state, freed) = Default::default();
        Self { shared: Arc::new(Shared { total: bytes, state, freed }) }
    }

    /// Half of the memory that this machine has, or the control group that the process runs in
    /// where that is less.
    pub fn of_this_machine() -> Self {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        let limit = system.cgroup_limits().map(|limits| limits.total_memory).filter(|&l| l > 0);
        let total = system.total_memory();
        Self::new(limit.map_or(total, |limit| limit.min(total)) / 2)
    }

    /// Bytes in all.
    pub fn total_bytes(&self) -> u64 {
        self.shared.total
    }

    /// Bytes that models can have at most: all but what is held beside them.
    pub fn models_bytes(&self) -> u64 {
        self.shared.for_models(&self.shared.lock())
    }

    /// Bytes that nobody has.
    pub fn free_bytes(&self) -> u64 {
        self.shared.free(&self.shared.lock())
    }

    /// Bytes that loads and runs wait for, and by which weights are more than what is left beside the
    /// holdings, and that nobody has given back yet. Models that nobody uses should leave for them.
    pub fn lacking_bytes(&self) -> u64 {
        let state = self.shared.lock();
        let awaited: u64 = state.members.iter().map(|member| member.awaited).sum();
        let over = state.weights.saturating_sub(self.shared.for_models(&state));
        over.saturating_add(awaited.saturating_sub(self.shared.free(&state)))
    }

    /// Calls `wake` whenever [`Self::lacking_bytes`] may have become another number.
    pub fn when_lacking(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.shared.lock().keeper = Some(Arc::new(wake));
    }

    /// A model's part in it, empty at first.
    pub(crate) fn open(&self) -> Account {
        let mut state = self.shared.lock();
        let id = state.next;
        state.next += 1;
        state.members.push(Member { id, short: 0, awaited: 0, wake: None });
        Account { shared: Arc::clone(&self.shared), id, pages: 0, weights: 0, wanting: false }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What holdings leave for models.
    fn for_models(&self, state: &State) -> u64 {
        self.total.saturating_sub(state.held.values().sum())
    }

    /// What models can still take.
    fn free(&self, state: &State) -> u64 {
        self.for_models(state).saturating_sub(state.used)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Budget").field("total", &self.total).field("used", &state.used).finish()
    }
}

/// What one model has of a [`Budget`]. Dropped, it gives all of it back.
#[derive(Debug)]
pub(crate) struct Account {
    shared: Arc<Shared>,
    id: u64,
    pages: u64,
    weights: u64,
    /// It asked in vain, and still wants that.
    wanting: bool,
}

impl Account {
    /// Takes `bytes` for weights, waiting at most `patience` for others to give back what they only
    /// keep, for runs to end and for models that nobody uses to leave. False where that was not
    /// enough.
    pub(crate) fn hold_weights(&mut self, bytes: u64, patience: Duration) -> bool {
        let possible = |account: &Self| bytes <= account.most_for_pages();
        let held = self.wait(bytes, patience, possible, |state| state.weights += bytes);
        self.weights += if held { bytes } else { 0 };
        held
    }

    /// Takes `bytes` for a run, as pages are taken, waiting at most `patience` for runs of others to
    /// end and for models that nobody uses to leave. False where that was not enough.
    pub(crate) fn hold_run(&mut self, bytes: u64, patience: Duration) -> bool {
        let possible = |account: &Self| bytes <= account.most_for_run();
        let held = self.wait(bytes, patience, possible, |_| ());
        self.pages += if held { bytes } else { 0 };
        held
    }

    /// Bytes that a run can have at most, when everybody else has left.
    pub(crate) fn most_for_run(&self) -> u64 {
        let for_models = self.shared.for_models(&self.shared.lock());
        for_models.saturating_sub(self.weights + self.pages)
    }

    /// Says that so many bytes are waited for; none is that they are no more.
    fn await_bytes(&self, bytes: u64) {
        let mut state = self.shared.lock();
        state.members.iter_mut().filter(|m| m.id == self.id).for_each(|m| m.awaited = bytes);
        let keeper = state.keeper.clone();
        drop(state);
        keeper.iter().for_each(|wake| wake());
    }

    /// Tries to take `bytes` until it succeeds, `patience` is over, or it is not `possible`.
    fn wait(
        &mut self,
        bytes: u64,
        patience: Duration,
        possible: impl Fn(&Self) -> bool,
        also: impl Fn(&mut State),
    ) -> bool {
        let (until, mut awaiting) = (Instant::now() + patience, false);
        let held = loop {
            if self.take(bytes, bytes, &also) {
                break true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !possible(self) {
                self.wants_no_more();
                break false;
            }
            if !std::mem::replace(&mut awaiting, true) {
                self.await_bytes(bytes);
            }
            // What was given back before this wait is found at its end, at the latest.
            let nap = left.min(Duration::from_millis(20));
            drop(self.shared.freed.wait_timeout(self.shared.lock(), nap));
        };
        if awaiting {
            self.await_bytes(0);
        }
        held
    }

    /// Takes `bytes` for a page, or asks the others for `wanted` bytes in all and returns false.
    pub(crate) fn take_pages(&mut self, bytes: u64, wanted: u64) -> bool {
        let taken = self.take(bytes, wanted, |_| ());
        self.pages += if taken { bytes } else { 0 };
        taken
    }

    /// Bytes that nobody has.
    pub(crate) fn free(&self) -> u64 {
        self.shared.free(&self.shared.lock())
    }

    /// Whether `bytes` more are to be had just now; asks nobody.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        bytes <= self.free()
    }

    fn take(&mut self, bytes: u64, wanted: u64, also: impl FnOnce(&mut State)) -> bool {
        let mut state = self.shared.lock();
        let free = self.shared.free(&state);
        let taken = bytes <= free;
        if taken {
            state.used += bytes;
            also(&mut state);
        }
        let short = if taken { 0 } else { wanted.saturating_sub(free).max(1) };
        let mut others = Vec::new();
        for member in &mut state.members {
            if member.id == self.id {
                member.short = short;
            } else if !taken {
                others.extend(member.wake.clone());
            }
        }
        drop(state);
        self.wanting = !taken;
        others.iter().for_each(|wake| wake());
        taken
    }

    /// Takes back what was asked for in vain.
    pub(crate) fn wants_no_more(&mut self) {
        if !std::mem::take(&mut self.wanting) {
            return;
        }
        let mut state = self.shared.lock();
        state.members.iter_mut().filter(|m| m.id == self.id).for_each(|m| m.short = 0);
    }

    /// Gives pages of `bytes` back.
    pub(crate) fn give_pages(&mut self, bytes: u64) {
        let bytes = bytes.min(self.pages);
        self.pages -= bytes;
        self.give(bytes, 0);
    }

    fn give(&self, bytes: u64, weights: u64) {
        let mut state = self.shared.lock();
        state.used -= bytes;
        state.weights -= weights;
        let short = state.members.iter().filter(|m| m.short > 0 && m.id != self.id);
        let wake: Vec<_> = short.filter_map(|m| m.wake.clone()).collect();
        drop(state);
        self.shared.freed.notify_all();
        wake.iter().for_each(|wake| wake());
    }

    /// Bytes that others asked for in vain, and by which models have more than holdings leave them.
    pub(crate) fn wanted_by_others(&self) -> u64 {
        let state = self.shared.lock();
        let over = state.used.saturating_sub(self.shared.for_models(&state));
        let short: u64 = state.members.iter().filter(|m| m.id != self.id).map(|m| m.short).sum();
        over.saturating_add(short)
    }

    /// Bytes that pages of one model can have at most, when all others have none.
    pub(crate) fn most_for_pages(&self) -> u64 {
        let state = self.shared.lock();
        self.shared.for_models(&state).saturating_sub(state.weights)
    }

    /// Bytes of pages that this model has.
    #[cfg(test)]
    pub(crate) fn pages(&self) -> u64 {
        self.pages
    }

    /// Calls `wake` whenever others want bytes, or some are free that this model lacked. It must not
    /// use the account.
    pub(crate) fn wake_with(&mut self, wake: impl Fn() + Send + Sync + 'static) {
        let wake: Wake = Arc::new(wake);
        let mut state = self.shared.lock();
        let own = state.members.iter_mut().filter(|m| m.id == self.id);
        own.for_each(|member| member.wake = Some(Arc::clone(&wake)));
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.shared.lock().members.retain(|member| member.id != self.id);
        self.give(self.pages + self.weights, self.weights);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn nobody_gets_what_is_not_there_and_all_comes_back() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.open(), budget.open());
        assert!(a.hold_weights(40, Duration::ZERO) && b.take_pages(50, 50));
        assert!(!a.take_pages(11, 11) && !b.hold_weights(11, Duration::ZERO));
        assert!(a.take_pages(10, 10) && budget.free_bytes() == 0);
        assert_eq!((a.most_for_pages(), b.most_for_pages()), (60, 60));
        b.give_pages(20);
        assert_eq!(budget.free_bytes(), 20);
        drop(a);
        assert_eq!((budget.free_bytes(), b.most_for_pages()), (70, 100));
        drop(b);
        assert_eq!(budget.free_bytes(), 100);
    }

    #[test]
    fn a_want_is_heard_and_answered() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.open(), budget.open());
        let calls = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let count = |at: usize| calls[at].load(Ordering::SeqCst);
        for (account, calls) in [&mut a, &mut b].into_iter().zip(calls.clone()) {
            account.wake_with(move || {
                calls.fetch_add(1, Ordering::SeqCst);
            });
        }
        assert!(a.take_pages(90, 90) && !b.take_pages(30, 30));
        assert_eq!((count(0), a.wanted_by_others(), b.wanted_by_others()), (1, 20, 0));
        a.give_pages(20);
        assert_eq!(count(1), 1, "who lacked bytes hears that some are free");
        assert!(b.take_pages(30, 30));
        assert_eq!(a.wanted_by_others(), 0);
    }

    #[test]
    fn a_run_waits_for_others_and_says_what_it_lacks() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.open(), budget.open());
        assert!(a.hold_weights(30, Duration::ZERO) && b.hold_weights(50, Duration::ZERO));
        assert!(!a.hold_run(71, Duration::from_secs(20)), "more than it can ever have");
        assert!(!a.hold_run(40, Duration::ZERO) && budget.lacking_bytes() == 0);
        let told = Arc::new(AtomicUsize::new(0));
        let calls = Arc::clone(&told);
        budget.when_lacking(move || {
            calls.fetch_add(1, Ordering::SeqCst);
        });
        std::thread::scope(|scope| {
            let running = scope.spawn(|| a.hold_run(40, Duration::from_secs(20)));
            while budget.lacking_bytes() != 20 {
                std::thread::yield_now();
            }
            drop(b);
            assert!(running.join().unwrap());
        });
        assert_eq!((budget.lacking_bytes(), told.load(Ordering::SeqCst)), (0, 2));
        a.give_pages(40);
        assert_eq!(budget.free_bytes(), 70);
    }

    #[test]
    fn a_model_that_loads_waits_for_what_others_only_keep() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.open(), budget.open());
        assert!(a.take_pages(80, 80));
        std::thread::scope(|scope| {
            let loading = scope.spawn(|| b.hold_weights(50, Duration::from_secs(20)));
            while a.wanted_by_others() == 0 {
                std::thread::yield_now();
            }
            a.give_pages(a.wanted_by_others());
            assert!(loading.join().unwrap());
        });
        assert_eq!(budget.free_bytes(), 0);
    }
}
