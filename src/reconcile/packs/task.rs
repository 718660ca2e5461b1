//! The loop that takes no input: the pointer is read from the state, what is so from the cache.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::PackFailure;
use super::fetching::{Bringer, Came};
use crate::cache::{Cache, Census, PackState};
use crate::protocol::{
    Applied, Digest, Document, Event, Failure, Fields, Keys, Message, Pointer, ProtocolError,
    Reported, Stage as State, Stream, Text, Value,
};
use crate::reconcile::error::ReconcileError;
use crate::reconcile::fetch::{Fetcher, jittered};
use crate::reconcile::surroundings::Surroundings;
use crate::state::Store;

/// How often the pack is read though nothing has changed.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// The longest pause after the first failure, and of all.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// Tells whether a model of this digest answers here.
pub type Known = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What was found of the pack whose answers are given.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    pack: PackState,
    observed: Option<Digest>,
    census: Census,
}

/// A version that was tried, and why it is not there.
#[derive(Debug)]
struct Tried {
    pointer: Pointer,
    failure: Option<(Failure, bool)>,
    came: Option<Came>,
}

/// Keeps the cache's pack at the pointer that the state has.
pub struct PackTask {
    store: Store,
    keys: Keys,
    bringer: Bringer,
    known: Known,
    tried: Option<Tried>,
    found: Option<Found>,
    failures: u32,
    due: Instant,
    look: Instant,
}

impl PackTask {
    /// A task for this cache; files come into the fetcher's folder and go again.
    #[must_use]
    pub fn new(
        store: Store,
        keys: Keys,
        around: Surroundings,
        fetcher: Fetcher,
        cache: Cache,
        known: Known,
    ) -> Self {
        let now = Instant::now();
        Self {
            store,
            keys,
            bringer: Bringer { cache, fetcher, around },
            known,
            tried: None,
            found: None,
            failures: 0,
            due: now,
            look: now,
        }
    }

    /// Runs until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut commits = self.store.commits();
        loop {
            commits.mark_unchanged();
            match self.pointer() {
                Ok(Some(pointer)) if self.is_due(&pointer) => {
                    let came = self.bringer.bring(&pointer, &stop).await;
                    self.tried(pointer, came);
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the wanted pack cannot be read"),
            }
            if self.look <= Instant::now() {
                self.look().await;
            }
            if let Err(error) = self.report() {
                tracing::error!(%error, "what the pack is cannot be reported");
            }
            let due = self.due.min(self.look).max(Instant::now() + Duration::from_millis(50));
            tokio::select! {
                () = stop.cancelled() => return,
                changed = commits.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(due) => {}
            }
        }
    }

    /// The recorded pointer, if it is believed still.
    fn pointer(&self) -> Result<Option<Pointer>, ReconcileError> {
        let Some(signed) = self.store.desired(Document::Cache)? else { return Ok(None) };
        match self.keys.verify(&signed, self.bringer.around.at_least()) {
            Ok(pointer) => Ok(Some(pointer)),
            Err(error) => {
                tracing::warn!(%error, "the recorded pointer to a pack is not believed");
                Ok(None)
            }
        }
    }

    fn is_due(&self, pointer: &Pointer) -> bool {
        match &self.tried {
            Some(tried) if tried.pointer.version == pointer.version => {
                matches!(tried.failure, Some((_, true))) && self.due <= Instant::now()
            }
            _ => true,
        }
    }

    fn tried(&mut self, pointer: Pointer, result: Result<Came, PackFailure>) {
        self.due = Instant::now() + LOOK_EVERY;
        let version = pointer.version;
        match result {
            Ok(came) => {
                self.failures = 0;
                self.look = Instant::now();
                self.tried = Some(Tried { pointer, failure: None, came: Some(came) });
            }
            Err(error) => {
                tracing::warn!(%error, version, "the pack of answers does not follow");
                let may_pass = error.may_pass();
                if may_pass {
                    self.failures += 1;
                    let most = FIRST_PAUSE.saturating_mul(1 << self.failures.min(12));
                    self.due = Instant::now() + jittered(most.min(MAX_PAUSE));
                }
                let text = Text::cut(&error.to_string());
                let failure = error.code().parse().ok().map(|code| Failure { code, text });
                let failure = failure.map(|failure| (failure, may_pass));
                self.tried = Some(Tried { pointer, failure, came: None });
            }
        }
    }

    /// Reads what is there.
    async fn look(&mut self) {
        self.look = Instant::now() + LOOK_EVERY;
        let (cache, known) = (self.bringer.cache.clone(), Arc::clone(&self.known));
        let looked = tokio::task::spawn_blocking(move || looked_at(&cache, &*known)).await;
        match looked {
            Ok(found) => self.found = found,
            Err(error) => tracing::error!(%error, "reading the pack failed"),
        }
    }

    /// Reports where it would be otherwise than it is reported; HQ hears of a pack that has come with
    /// the report of it, once.
    fn report(&self) -> Result<(), ReconcileError> {
        let at = self.bringer.around.at_least();
        let known = self.store.reported()?;
        let known = known.into_iter().find(|known| known.document == Document::Cache);
        let applied_before = known.as_ref().and_then(|known| known.applied);
        let Some(reported) = self.reported(applied_before, at) else { return Ok(()) };
        if known.is_some_and(|known| Reported { at, ..known } == reported) {
            return Ok(());
        }
        let event = reported.applied.filter(|applied| Some(*applied) != applied_before);
        let event = event.map(|applied| self.event(applied)).transpose()?.flatten();
        self.store.write(|writing| {
            if let Some(event) = &event {
                writing.append(Stream::Evt, at, event)?;
            }
            Ok(writing.report(&reported)?)
        })
    }

    fn reported(
        &self,
        before: Option<Applied>,
        at: crate::protocol::UnixMillis,
    ) -> Option<Reported> {
        let tried = self.tried.as_ref()?;
        let stage = match &tried.failure {
            None => State::Committed,
            Some((_, true)) => State::Deferred,
            Some((_, false)) => State::Refused,
        };
        let digest = self.found.as_ref().map(|found| Digest(found.pack.digest));
        let wanted = Applied { version: tried.pointer.version, digest: tried.pointer.digest };
        let mut known = [Some(wanted), before].into_iter().flatten();
        let applied = known.find(|applied| Some(applied.digest) == digest);
        Some(Reported {
            document: Document::Cache,
            desired: Some(tried.pointer.version),
            stage,
            applied,
            observed: self.found.as_ref().and_then(|found| found.observed),
            at,
            failure: tried.failure.as_ref().map(|(failure, _)| failure.clone()),
            local: None,
        })
    }

    /// What HQ is told of a pack that is there now.
    fn event(&self, applied: Applied) -> Result<Option<Message>, ProtocolError> {
        let (Some(found), Some(tried)) = (&self.found, &self.tried) else { return Ok(None) };
        let name =
            if tried.came == Some(Came::Back) { "pack.rolled_back" } else { "pack.installed" };
        let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let mut fields = BTreeMap::from([
            ("version".parse()?, number(applied.version)),
            ("epoch".parse()?, number(found.pack.epoch)),
            ("entries".parse()?, number(found.pack.entries as u64)),
        ]);
        if let Some(name) = &found.pack.name {
            fields.insert("name".parse()?, Value::from(name.as_str()));
        }
        for (name, count) in found.census.counts() {
            fields.insert(name.parse()?, number(count));
        }
        Ok(Some(Message::Event(Event { name: name.parse()?, fields: Fields::new(fields)? })))
    }
}

fn looked_at(cache: &Cache, known: &dyn Fn(&str) -> bool) -> Option<Found> {
    let pack = cache.packs().0?;
    Some(Found { pack, observed: cache.observed_pack(), census: cache.census(known) })
}
