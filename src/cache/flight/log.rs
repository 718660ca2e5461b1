//! What was said of an answer so far, and who reads it.
//!
//! The one who makes the answer writes; all who wait for it read at their own pace. Nobody waits
//! for a reader: what was said stays until the last reader is through, up to a limit in bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cache::{Event, Events, Failure};
use crate::facts::Record;

/// One answer that is being made.
pub(in crate::cache) struct Flight {
    log: Mutex<Log>,
    told: watch::Sender<()>,
    stop: CancellationToken,
    limit_bytes: usize,
    /// How many purges there had been when it began.
    purges: u64,
}

#[derive(Default)]
struct Log {
    events: Vec<Event>,
    bytes: usize,
    record: Arc<Record>,
    followers: usize,
    unfit: bool,
    particular: bool,
    by: Option<&'static str>,
    /// All events, once there are no more.
    whole: Option<Events>,
    /// Whether it stands where the next who asks finds it, if it may. Before, nobody hears that it is
    /// over: who asks the same again at once would miss it.
    landed: bool,
    failure: Option<Failure>,
    abandoned: bool,
}

impl Log {
    fn get(&self, index: usize) -> Option<&Event> {
        self.whole.as_deref().unwrap_or(&self.events).get(index)
    }

    fn has_ended(&self) -> bool {
        self.whole.is_some() || self.failure.is_some() || self.abandoned
    }

    fn is_over(&self) -> bool {
        self.landed || self.failure.is_some() || self.abandoned
    }
}

impl Flight {
    /// One that may say this many bytes, with its first follower; it begins after so many purges.
    pub(in crate::cache) fn begin(limit_bytes: usize, purges: u64) -> (Arc<Self>, Follower) {
        let log = Mutex::new(Log { followers: 1, ..Log::default() });
        let (told, stop) = (watch::Sender::new(()), CancellationToken::new());
        let flight = Arc::new(Self { log, told, stop, limit_bytes, purges });
        let follower = Follower::of(&flight);
        (flight, follower)
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads along from the beginning; `None` where the flight has failed or nobody is left.
    pub(in crate::cache) fn follow(self: &Arc<Self>) -> Option<Follower> {
        let mut log = self.lock();
        if log.failure.is_some() || log.abandoned {
            return None;
        }
        log.followers += 1;
        drop(log);
        Some(Follower::of(self))
    }

    /// How many purges there had been when it began.
    pub(in crate::cache) fn purges(&self) -> u64 {
        self.purges
    }

    /// The facts that it rests on so far.
    pub(in crate::cache) fn record(&self) -> Arc<Record> {
        Arc::clone(&self.lock().record)
    }

    pub(super) fn read(&self, record: Record) {
        self.lock().record = Arc::new(record);
    }

    pub(super) fn mark_unfit(&self) {
        self.lock().unfit = true;
    }

    pub(super) fn is_fit(&self) -> bool {
        !self.lock().unfit
    }

    pub(super) fn comes_by(&self, step: &'static str) {
        self.lock().by = Some(step);
    }

    /// The step of a skill that it comes from.
    pub(in crate::cache) fn step(&self) -> Option<&'static str> {
        self.lock().by
    }

    pub(super) fn mark_particular(&self) {
        self.lock().particular = true;
    }

    /// Whether it answers its very question alone.
    pub(in crate::cache) fn is_particular(&self) -> bool {
        self.lock().particular
    }

    /// Whether nothing was said so far.
    pub(super) fn is_silent(&self) -> bool {
        self.lock().events.is_empty()
    }

    pub(super) fn push(&self, event: Event) -> Result<(), Failure> {
        let mut log = self.lock();
        log.bytes += event.bytes();
        if log.bytes > self.limit_bytes {
            return Err(Failure::TooLarge { limit_bytes: self.limit_bytes });
        }
        log.events.push(event);
        drop(log);
        self.told.send_replace(());
        Ok(())
    }

    /// All that was said, and that nothing comes after it.
    pub(super) fn complete(&self) -> (Events, usize) {
        let mut log = self.lock();
        let events: Events = std::mem::take(&mut log.events).into();
        log.whole = Some(Arc::clone(&events));
        (events, log.bytes)
    }

    /// Lets the readers know that [`Self::complete`] was the end.
    pub(super) fn tell(&self) {
        self.lock().landed = true;
        self.told.send_replace(());
    }

    /// Ends it for all its readers, unless it has ended.
    pub(in crate::cache) fn fail(&self, failure: Failure) {
        let mut log = self.lock();
        if log.has_ended() {
            return;
        }
        log.failure = Some(failure);
        drop(log);
        self.stop.cancel();
        self.told.send_replace(());
    }

    /// Waits until nobody wants the rest of it.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    fn leave(&self) {
        let mut log = self.lock();
        log.followers -= 1;
        if log.followers == 0 && !log.has_ended() {
            log.abandoned = true;
            drop(log);
            self.stop.cancel();
        }
    }
}

/// Reads an answer that is being made. Dropping the last one ends the work.
pub(in crate::cache) struct Follower {
    flight: Arc<Flight>,
    told: watch::Receiver<()>,
    next: usize,
    ended: bool,
}

impl Follower {
    fn of(flight: &Arc<Flight>) -> Self {
        Self { told: flight.told.subscribe(), flight: Arc::clone(flight), next: 0, ended: false }
    }

    /// The next part; `None` after the last. After a failure nothing comes.
    pub(in crate::cache) async fn next(&mut self) -> Option<Result<Event, Failure>> {
        while !self.ended {
            // Seen before looking: what is said in between wakes the wait below.
            self.told.mark_unchanged();
            if let Some(part) = self.look() {
                return Some(part);
            }
            if !self.ended && self.told.changed().await.is_err() {
                self.ended = true;
            }
        }
        None
    }

    fn look(&mut self) -> Option<Result<Event, Failure>> {
        let log = self.flight.lock();
        let recalled = matches!(log.failure, Some(Failure::Recalled { .. }));
        if let Some(event) = log.get(self.next).filter(|_| !recalled) {
            self.next += 1;
            return Some(Ok(event.clone()));
        }
        self.ended = log.is_over();
        log.failure.clone().map(Err)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.flight.leave();
    }
}
