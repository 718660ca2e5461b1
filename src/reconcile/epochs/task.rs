//! The loop that takes no input: heads are read from the state, what is so from the facts.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::FactsFailure;
use super::follower::{Followed, Follower};
use crate::protocol::{
    Applied, Digest, Document, FactsHead, Failure, Keys, Label, Reported, Stage as State, Text,
};
use crate::reconcile::error::ReconcileError;
use crate::reconcile::fetch::jittered;
use crate::reconcile::surroundings::Surroundings;
use crate::state::Store;

/// How often the facts are added up though nothing has changed.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// The longest pause after the first failure, and of all.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// One catalogue on its way.
#[derive(Debug)]
struct Course {
    follower: Follower,
    /// The head that was last tried, and why it was not taken.
    tried: Option<(u64, Option<(Failure, bool)>)>,
    found: Option<Followed>,
    failures: u32,
    due: Instant,
    look: Instant,
}

/// Keeps the facts at the heads that the state has.
pub struct FactsTask {
    store: Store,
    keys: Keys,
    around: Surroundings,
    catalogues: watch::Receiver<Vec<Label>>,
    make: Make,
    courses: Vec<Course>,
}

/// Makes a follower of a catalogue.
pub(crate) type Make = Box<dyn Fn(&Label) -> Follower + Send + Sync>;

impl FactsTask {
    /// A task for these catalogues, and those that are added; what is reported is of the first that is
    /// not where it is to be.
    #[must_use]
    pub fn new(
        store: Store,
        keys: Keys,
        around: Surroundings,
        catalogues: watch::Receiver<Vec<Label>>,
        make: Make,
    ) -> Self {
        Self { store, keys, around, catalogues, make, courses: Vec::new() }
    }

    /// Begins with catalogues that are new. One that was once followed stays: its facts are there.
    fn take_up(&mut self) {
        let now = Instant::now();
        let wanted = self.catalogues.borrow_and_update().clone();
        for catalogue in wanted.iter().skip(self.courses.len()) {
            let follower = (self.make)(catalogue);
            let (tried, found) = (None, None);
            self.courses.push(Course { follower, tried, found, failures: 0, due: now, look: now });
        }
    }

    /// Runs until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut commits = self.store.commits();
        loop {
            commits.mark_unchanged();
            self.take_up();
            for course in &mut self.courses {
                course.go(&self.store, &self.keys, &self.around, &stop).await;
            }
            if let Err(error) = self.report() {
                tracing::error!(%error, "what the facts are cannot be reported");
            }
            let due = self.courses.iter().map(|course| course.due.min(course.look)).min();
            let due = due.unwrap_or_else(|| Instant::now() + LOOK_EVERY);
            tokio::select! {
                () = stop.cancelled() => return,
                changed = commits.changed() => if changed.is_err() { return },
                Ok(()) = self.catalogues.changed() => {}
                () = tokio::time::sleep_until(due.max(Instant::now() + Duration::from_millis(50))) => {}
            }
        }
    }

    /// Reports where it would be otherwise than it is reported.
    fn report(&self) -> Result<(), ReconcileError> {
        let Some(course) = self.courses.iter().find(|course| !course.is_there()) else {
            return self.courses.first().map_or(Ok(()), |course| self.report_of(course));
        };
        self.report_of(course)
    }

    fn report_of(&self, course: &Course) -> Result<(), ReconcileError> {
        let at = self.around.at_least();
        let reported = course.reported(at);
        if reported.desired.is_none() && reported.applied.is_none() {
            return Ok(());
        }
        let known = self.store.reported()?;
        let known = known.into_iter().find(|known| known.document == Document::Facts);
        if known.is_some_and(|known| Reported { at, ..known } == reported) {
            return Ok(());
        }
        self.store.write(|writing| Ok(writing.report(&reported)?))
    }
}

impl Course {
    /// Whether the newest head that was seen is held.
    fn is_there(&self) -> bool {
        let wanted = self.tried.as_ref().map(|(epoch, _)| *epoch);
        wanted.is_none() || self.found.map(|found| found.held.epoch) == wanted
    }

    async fn go(
        &mut self,
        store: &Store,
        keys: &Keys,
        around: &Surroundings,
        stop: &CancellationToken,
    ) {
        match self.head(store, keys, around) {
            Ok(Some(head)) if self.is_due(&head) => {
                let clock = (around.time)().0;
                let result = self.follower.follow(&head, clock, stop).await;
                self.tried(head.epoch, result);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the head of the facts cannot be read"),
        }
        if self.look <= Instant::now() {
            self.look = Instant::now() + LOOK_EVERY;
            let follower = self.follower.clone();
            match tokio::task::spawn_blocking(move || follower.look()).await {
                Ok(Ok(found)) => self.found = found,
                Ok(Err(error)) => tracing::error!(%error, "the facts cannot be added up"),
                Err(error) => tracing::error!(%error, "adding the facts up failed"),
            }
        }
    }

    /// The recorded head, if it is believed still.
    fn head(
        &self,
        store: &Store,
        keys: &Keys,
        around: &Surroundings,
    ) -> Result<Option<FactsHead>, ReconcileError> {
        let Some(signed) = store.head(self.follower.catalogue().as_str())? else { return Ok(None) };
        match keys.verify(&signed, around.at_least()) {
            Ok(head) => Ok(Some(head)),
            Err(error) => {
                tracing::warn!(%error, "the recorded head of the facts is not believed");
                Ok(None)
            }
        }
    }

    fn is_due(&self, head: &FactsHead) -> bool {
        match &self.tried {
            Some((epoch, Some((_, may_pass)))) if *epoch == head.epoch => {
                *may_pass && self.due <= Instant::now()
            }
            Some((epoch, None)) => *epoch != head.epoch,
            _ => true,
        }
    }

    fn tried(&mut self, epoch: u64, result: Result<bool, FactsFailure>) {
        self.due = Instant::now() + LOOK_EVERY;
        match result {
            Ok(taken) => {
                self.failures = 0;
                self.tried = Some((epoch, None));
                if taken {
                    tracing::info!(epoch, "facts of a new epoch were taken");
                    self.look = Instant::now();
                }
            }
            Err(error) => {
                tracing::warn!(%error, epoch, "the facts do not follow");
                let may_pass = error.may_pass();
                if may_pass {
                    self.failures += 1;
                    let most = FIRST_PAUSE.saturating_mul(1 << self.failures.min(12));
                    self.due = Instant::now() + jittered(most.min(MAX_PAUSE));
                }
                let failure = error
                    .code()
                    .parse()
                    .ok()
                    .map(|code| Failure { code, text: Text::cut(&error.to_string()) });
                self.tried = Some((epoch, failure.map(|failure| (failure, may_pass))));
            }
        }
    }

    fn reported(&self, at: crate::protocol::UnixMillis) -> Reported {
        let failure = self.tried.as_ref().and_then(|(_, failure)| failure.clone());
        let stage = match &failure {
            None => State::Committed,
            Some((_, true)) => State::Deferred,
            Some((_, false)) => State::Refused,
        };
        let held = self.found.map(|found| found.held);
        Reported {
            document: Document::Facts,
            desired: self.tried.as_ref().map(|(epoch, _)| *epoch),
            stage,
            applied: held.map(|held| Applied { version: held.epoch, digest: Digest(held.root) }),
            observed: self.found.map(|found| found.observed),
            at,
            failure: failure.map(|(failure, _)| failure),
            local: None,
        }
    }
}
