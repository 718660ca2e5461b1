//! What becomes of an offer.

mod advance;
mod inputs;

use std::sync::Arc;

use super::judge::Baseline;
use super::record::{Attempt, Offer, Record};
use super::stage::{Arrangement, Health, StageError};
use super::view::{Lack, View};
use crate::protocol::documents::{Bundle, TrialRules};
use crate::protocol::{Digest, Failure, Stage as State};

/// The most that one look counts: while the box slept nothing was seen.
const MAX_STEP_MS: u64 = 60 * 1000;
/// How much of the time in a state may be counted anew after a restart.
const NOTE_EVERY_MS: u64 = 30 * 1000;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The program has just started.
    Started,
    /// HQ wants this bundle.
    Offered(Offer),
    /// HQ does not want this version any more.
    Cancelled {
        /// Which.
        version: u64,
    },
    /// Time has passed.
    Tick,
    /// The document was read, or not.
    Document(Result<Arc<Bundle>, Trouble>),
    /// Every file is in its place with the right digest, or not.
    Fetched(Result<(), Trouble>),
    /// It was made so, or not.
    Arranged(Arrangement, Result<(), StageError>),
    /// The checks were asked.
    Checked(Result<(), String>),
    /// What was seen of those in memory.
    Seen(Health),
    /// What was found running.
    Running(Result<Option<Digest>, StageError>),
    /// What is of no more use was removed.
    Tidied,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It has to wait.
    Waits(Lack),
    /// Later it may be otherwise.
    Later(String),
    /// It will never be otherwise.
    Ends {
        /// For programs.
        code: &'static str,
        /// For people.
        text: String,
    },
}

/// What is to be done next; done twice, it is the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// Nothing but to look again later.
    Nothing,
    /// Read the offer's document.
    Document(Offer),
    /// Bring every file to its place and compare its digest.
    Fetch(Offer, Arc<Bundle>),
    /// Make it so.
    Arrange(Arrangement),
    /// Ask the checks.
    Check(Digest, Arc<Bundle>),
    /// Look what is running.
    Attest,
    /// Remove all files but those of these bundles.
    Tidy(Vec<Digest>),
}

/// A change of an attempt's state, to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Of which version.
    pub version: u64,
    /// From.
    pub from: State,
    /// To.
    pub to: State,
    /// Why, where it did not just go on.
    pub failure: Option<Failure>,
    /// The epoch of facts on which it stands, once it answers.
    pub facts_epoch: Option<u64>,
}

/// Decides what becomes of offers.
#[derive(Debug, Clone)]
pub struct Machine {
    record: Record,
    bundle: Option<Arc<Bundle>>,
    /// What was last made so; none where that is not known.
    arranged: Option<Arrangement>,
    checked: bool,
    /// What is wrong where no request went well so far: it is waited for one that does.
    failing: Option<(&'static str, String)>,
    tidied: bool,
    /// What the good bundle is like, as it was last seen.
    before: Baseline,
    /// The epoch of facts at the last look.
    facts_epoch: Option<u64>,
    steady_ms: Option<u64>,
    /// Until when what a fetch had to wait for is not asked for again.
    held_until_ms: u64,
    /// How long the arrangement is not as it is to be.
    unsettled_ms: u64,
    trouble: Option<String>,
    /// Whether the time was known at the last look.
    knows_time: bool,
    moved: Vec<Moved>,
    changed: bool,
}

impl Machine {
    /// Goes on from what was recorded.
    #[must_use]
    pub fn new(record: Record) -> Self {
        Self {
            record,
            bundle: None,
            arranged: None,
            checked: false,
            failing: None,
            tidied: false,
            before: Baseline::default(),
            facts_epoch: None,
            steady_ms: None,
            held_until_ms: 0,
            unsettled_ms: 0,
            trouble: None,
            knows_time: false,
            moved: Vec::new(),
            changed: false,
        }
    }

    /// What must be written before anything is done about it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether the record is another than when this was last asked, and what moved.
    pub fn take_changes(&mut self) -> Option<Vec<Moved>> {
        let changed = std::mem::take(&mut self.changed);
        changed.then(|| std::mem::take(&mut self.moved))
    }

    /// Takes back what was not written, to be taken again.
    pub(in crate::reconcile::bundle) fn put_back(&mut self, moved: Vec<Moved>) {
        let newer = std::mem::replace(&mut self.moved, moved);
        self.moved.extend(newer);
        self.changed = true;
    }

    /// Something that is reported beside the record has changed.
    pub(in crate::reconcile::bundle) fn touch(&mut self) {
        self.changed = true;
    }

    /// The offered bundle, once its document was read.
    pub(in crate::reconcile::bundle) fn bundle(&self) -> Option<&Arc<Bundle>> {
        self.bundle.as_ref()
    }

    /// What keeps the good bundle from answering, where something does.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What is to be done now.
    #[must_use]
    pub fn wants(&self) -> Want {
        let arrangement = self.record.arrangement();
        if self.arranged != Some(arrangement) {
            return Want::Arrange(arrangement);
        }
        let Some(attempt) = &self.record.attempt else { return self.tidy() };
        if attempt.is_over() {
            return self.tidy();
        }
        if self.is_good(attempt) {
            return Want::Attest;
        }
        let digest = attempt.offer.digest;
        let Some(bundle) = &self.bundle else { return Want::Document(attempt.offer.clone()) };
        let check = Want::Check(digest, Arc::clone(bundle));
        match attempt.stage {
            State::Fetching => Want::Fetch(attempt.offer.clone(), Arc::clone(bundle)),
            State::Staged if !self.checked => check,
            State::Trial | State::Probation if !self.is_watched(attempt, bundle) => Want::Nothing,
            State::Trial | State::Probation if !self.checked => check,
            State::Probation => Want::Attest,
            _ if !self.tidied => self.tidy(),
            _ => Want::Nothing,
        }
    }

    fn tidy(&self) -> Want {
        // What a box that lost its record has is left alone as long as it may be offered again.
        let over = self.record.attempt.as_ref().is_some_and(Attempt::is_over);
        let lost = self.record.is_untouched() && !over;
        if self.tidied || !self.knows_time || lost {
            return Want::Nothing;
        }
        Want::Tidy(self.record.wanted().collect())
    }

    /// Whether it is the last good one again.
    fn is_good(&self, attempt: &Attempt) -> bool {
        self.record.good.is_some_and(|good| good.digest == attempt.offer.digest)
    }

    fn is_watched(&self, attempt: &Attempt, bundle: &Bundle) -> bool {
        attempt.watched_ms >= watch_ms(attempt.stage, &bundle.trial)
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: Input, view: &View) {
        self.knows_time = view.now().is_some();
        self.facts_epoch = view.facts_epoch;
        self.count_time(view);
        let ticks = matches!(input, Input::Tick);
        match input {
            Input::Started => self.started(),
            Input::Offered(offer) => self.offered(offer, view),
            Input::Cancelled { version } => self.cancelled(version),
            Input::Tick => {}
            Input::Document(document) => self.document(document, view),
            Input::Fetched(result) => self.fetched(result),
            Input::Arranged(arrangement, result) => self.arranged(arrangement, result),
            Input::Checked(result) => self.checked(result),
            Input::Seen(health) => self.seen(health),
            Input::Running(found) => self.running(found),
            Input::Tidied => self.tidied = true,
        }
        self.advance(view, ticks);
    }

    /// Counts what passed since the last look, where it was seen how the bundle does.
    fn count_time(&mut self, view: &View) {
        let passed = self.steady_ms.map_or(0, |last| view.steady_ms.saturating_sub(last));
        let passed = passed.min(MAX_STEP_MS);
        self.steady_ms = Some(view.steady_ms);
        let settled = self.arranged == Some(self.record.arrangement());
        self.unsettled_ms = if settled { 0 } else { self.unsettled_ms + passed };
        let watch = self.bundle.as_ref().map(|bundle| bundle.trial.clone());
        let Some(attempt) = self.record.attempt.as_mut() else { return };
        let loads = attempt.stage == State::Verified;
        if !settled && !loads {
            return;
        }
        // While the time is not known nothing can be decided, so that deadline stands still.
        let enough = watch.map(|rules| watch_ms(attempt.stage, &rules));
        if view.now().is_none() && enough.is_some_and(|enough| attempt.watched_ms >= enough) {
            return;
        }
        let before = attempt.watched_ms / NOTE_EVERY_MS;
        attempt.watched_ms += passed;
        let counts = loads || attempt.serves() || attempt.stage == State::Shadow;
        self.changed |= counts && before != attempt.watched_ms / NOTE_EVERY_MS;
    }
}

/// How long a state watches.
fn watch_ms(stage: State, rules: &TrialRules) -> u64 {
    let seconds = match stage {
        State::Shadow => rules.shadow_s,
        State::Trial => rules.trial_s,
        State::Probation => rules.probation_s,
        _ => 0,
    };
    u64::from(seconds) * 1000
}

/// The word for a state in codes and events.
pub(in crate::reconcile::bundle) fn word(stage: State) -> &'static str {
    match stage {
        State::Offered => "offered",
        State::Deferred => "deferred",
        State::Accepted => "accepted",
        State::Fetching => "fetching",
        State::Verified => "verified",
        State::Staged => "staged",
        State::Shadow => "shadow",
        State::Trial => "trial",
        State::Probation => "probation",
        State::Committed => "committed",
        State::Reverted => "reverted",
        State::Refused => "refused",
    }
}
