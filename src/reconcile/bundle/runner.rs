//! The one loop that makes the box run what HQ wants.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Fuse, FusedFuture as _, FutureExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::files::Files;
use super::machine::{Input, Machine, Want};
use super::record::Offer;
use super::recorder;
use super::stage::{Stage, Work};
use super::view::View;
use super::work::{Done, Tools};
use crate::protocol::documents::{Bundle, Version};
use crate::protocol::{Clock, Digest, Document, Keys, Stage as State};
use crate::reconcile::error::ReconcileError;
use crate::reconcile::fetch::{Fetcher, free_bytes, jittered};
use crate::reconcile::surroundings::Surroundings;
use crate::state::Store;

/// How often the bundle in memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest pause after the first failure, and of all.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// Makes the box run what HQ wants.
pub struct Runner {
    store: Store,
    keys: Keys,
    tools: Arc<Tools>,
    machine: Machine,
    program: Version,
    running: Option<Digest>,
    work: Option<(Want, Fuse<Work<'static, Done>>)>,
    /// Failures in a row, and when the next try is due.
    failures: u32,
    due: Instant,
    look_every: Duration,
    /// The commit at which the offer was last looked at.
    looked_at: Option<u64>,
}

impl Runner {
    /// Goes on from what was recorded, and notes that the program started. Blocks on the disk.
    pub fn new(
        store: Store,
        keys: Keys,
        fetcher: Fetcher,
        files: Files,
        stage: Arc<dyn Stage>,
        around: Surroundings,
    ) -> Result<Self, ReconcileError> {
        let cancel = CancellationToken::new();
        let machine = Machine::new(recorder::load(&store)?);
        let program = env!("CARGO_PKG_VERSION").parse()?;
        let tools = Arc::new(Tools { fetcher, files, stage, around, cancel });
        let mut runner = Self {
            store,
            keys,
            tools,
            machine,
            program,
            running: None,
            work: None,
            failures: 0,
            due: Instant::now(),
            look_every: LOOK_EVERY,
            looked_at: None,
        };
        runner.feed(Input::Started);
        runner.record()?;
        Ok(runner)
    }

    #[cfg(test)]
    pub(super) fn looking_every(mut self, look_every: Duration) -> Self {
        self.look_every = look_every;
        self
    }

    /// Runs until it is told to stop. Versions that HQ cancels come by `cancelled`.
    pub async fn run(mut self, mut cancelled: mpsc::Receiver<u64>, stop: CancellationToken) {
        let mut commits = self.store.commits();
        let mut look = tokio::time::interval(self.look_every);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if let Err(error) = self.follow() {
                // Nothing is done that is not recorded.
                tracing::error!(%error, "the record of bundles cannot be written");
                self.work = None;
            }
            let due = self.due;
            let waits = self.work.as_ref().is_none_or(|(_, work)| work.is_terminated());
            let (work, pause) = (doing(&mut self.work), sleep_until(due));
            tokio::select! {
                () = stop.cancelled() => break,
                done = work => self.done(done),
                () = pause, if waits && due > Instant::now() => {}
                Some(version) = cancelled.recv() => self.feed(Input::Cancelled { version }),
                changed = commits.changed() => if changed.is_err() { break },
                _ = look.tick() => {
                    self.feed(Input::Tick);
                    let health = self.tools.stage.health();
                    self.feed(Input::Seen(health));
                }
            }
        }
        self.tools.cancel.cancel();
    }

    /// Takes what HQ wants, records, and begins what is to be done.
    fn follow(&mut self) -> Result<(), ReconcileError> {
        self.take_offer()?;
        self.record()?;
        let want = self.machine.wants();
        if self.work.as_ref().is_some_and(|(doing, _)| *doing != want) {
            self.work = None;
            self.failures = 0;
            self.due = Instant::now();
        }
        let idle = self.work.as_ref().is_none_or(|(_, work)| work.is_terminated());
        if want != Want::Nothing && idle && self.due <= Instant::now() {
            let tools = Arc::clone(&self.tools);
            let work: Work<'static, Done> =
                Box::pin(tools.carry_out(want.clone(), self.machine.bundle().cloned()));
            self.work = Some((want, work.fuse()));
        }
        Ok(())
    }

    /// Hands the recorded pointer to the machine, if it is believed; an old one changes nothing.
    fn take_offer(&mut self) -> Result<(), ReconcileError> {
        let commit = *self.store.commits().borrow();
        if self.looked_at.replace(commit) == Some(commit) {
            return Ok(());
        }
        let Some(signed) = self.store.desired(Document::Bundle)? else { return Ok(()) };
        match self.keys.verify(&signed, self.tools.around.at_least()) {
            Ok(pointer) => self.feed(Input::Offered(Offer::from(&pointer))),
            Err(error) => tracing::warn!(%error, "the recorded bundle is not believed"),
        }
        Ok(())
    }

    /// Writes the record where it is another one.
    fn record(&mut self) -> Result<(), ReconcileError> {
        let Some(moved) = self.machine.take_changes() else { return Ok(()) };
        for moved in &moved {
            tracing::info!(version = moved.version, from = ?moved.from, to = ?moved.to, "a bundle moved");
        }
        if moved.iter().any(|moved| moved.to == State::Reverted) {
            // What was found running is what is being gone back on.
            self.running = None;
        }
        let now = self.tools.around.at_least();
        let saved = recorder::save(&self.store, self.machine.record(), &moved, self.running, now);
        if saved.is_err() {
            self.machine.put_back(moved);
        }
        saved
    }

    fn done(&mut self, done: Done) {
        self.failures = if done.failed() { self.failures + 1 } else { 0 };
        if self.failures > 0 {
            let most = FIRST_PAUSE.saturating_mul(1 << self.failures.min(12));
            self.due = Instant::now() + jittered(most.min(MAX_PAUSE));
        }
        if let Some(running) = done.running
            && running != self.running
        {
            self.running = running;
            self.machine.touch();
        }
        self.work = None;
        self.feed(done.input);
    }

    fn feed(&mut self, input: Input) {
        let view = self.view();
        self.machine.handle(input, &view);
    }

    fn view(&self) -> View {
        let around = &self.tools.around;
        let (clock, steady_ms) = (around.time)();
        let in_hours = match clock {
            Clock::Known(now) => (around.in_hours)(now),
            Clock::Unknown { .. } => false,
        };
        let attempt = self.machine.record().attempt.as_ref();
        let asks = attempt.is_some_and(|one| matches!(one.stage, State::Offered | State::Deferred));
        let bundle = self.machine.bundle().filter(|_| asks);
        let (free_bytes, missing_bytes) = match bundle.zip(attempt) {
            Some((bundle, attempt)) => self.room(attempt.offer.digest, bundle),
            None => (0, 0),
        };
        let facts_epoch = (around.facts_epoch)();
        View {
            clock,
            steady_ms,
            in_hours,
            free_bytes,
            missing_bytes,
            facts_epoch,
            program: self.program,
        }
    }

    /// Free bytes of the disk, and those that a bundle still needs.
    fn room(&self, digest: Digest, bundle: &Bundle) -> (u64, u64) {
        let Tools { files, fetcher, .. } = &*self.tools;
        let path = files.path(digest);
        let missing = if path.is_dir() {
            0
        } else {
            bundle.files().map(|(_, file)| fetcher.missing_bytes(&file.artefact)).sum()
        };
        let folder = path.parent().unwrap_or(&path);
        (free_bytes(folder).unwrap_or(0), missing)
    }
}

/// The work under way; nothing where there is none.
async fn doing(work: &mut Option<(Want, Fuse<Work<'static, Done>>)>) -> Done {
    match work {
        Some((_, work)) if !work.is_terminated() => work.await,
        _ => std::future::pending().await,
    }
}
