//! What follows from the time and from what is so, and the one way from state to state.

use super::super::record::Attempt;
use super::super::view::{Lack, View};
use super::{Machine, Moved, watch_ms, word};
use crate::protocol::documents::Bundle;
use crate::protocol::{Failure, Name, Stage as State, Text};

/// How long loading beside the live bundle may take.
const MAX_LOAD_MS: u64 = 30 * 60 * 1000;
/// How long a switch may take, and how long checks, attestation and a request that goes well may.
const MAX_SETTLE_MS: u64 = 10 * 60 * 1000;

impl Machine {
    /// What follows from the time and from what is so.
    pub(super) fn advance(&mut self, view: &View, ticks: bool) {
        let Some(attempt) = self.record.attempt.as_mut() else { return };
        if attempt.offered.is_none() && view.now().is_some() {
            attempt.offered = view.now();
            self.changed = true;
        }
        let attempt = attempt.clone();
        let bundle = self.bundle.clone();
        let bundle = bundle.as_deref();
        let begins = matches!(
            attempt.stage,
            State::Offered | State::Deferred | State::Accepted | State::Fetching | State::Staged
        );
        if begins && attempt.is_too_late(bundle, view) {
            let why = attempt.failure.map(|failure| failure.text.to_string());
            self.end("late", why.unwrap_or_else(|| "its time to be taken is over".to_owned()));
            return;
        }
        let settled = self.arranged == Some(self.record.arrangement());
        match (attempt.stage, bundle) {
            (State::Offered | State::Deferred, Some(bundle))
                if view.steady_ms >= self.held_until_ms =>
            {
                self.admit(bundle, view);
            }
            (State::Accepted, _) if ticks => self.go(State::Fetching, None),
            (State::Verified, _) if settled => self.go(State::Staged, None),
            (State::Verified, _) if attempt.watched_ms >= MAX_LOAD_MS => {
                self.end("load", "loading it took too long".to_owned());
            }
            (State::Staged, Some(bundle)) if settled && self.checked => self.begin(bundle, view),
            (State::Shadow, Some(bundle))
                if self.is_watched(&attempt, bundle) && view.now().is_some() =>
            {
                self.go(State::Trial, None);
            }
            (State::Trial | State::Probation, bundle) => {
                self.prove(&attempt, bundle, view);
            }
            _ => {}
        }
    }

    pub(super) fn admit(&mut self, bundle: &Bundle, view: &View) {
        match view.lack(bundle).filter(|lack| !self.may_ignore(*lack)) {
            None => self.go(State::Accepted, None),
            Some(lack) => {
                if matches!(lack, Lack::Space { .. }) && self.record.give_up_previous() {
                    (self.changed, self.tidied) = (true, false);
                }
                self.defer(lack);
            }
        }
    }

    /// Whether it is a bundle that proved itself here: to go back to it waits for no hour.
    fn is_proven(&self) -> bool {
        let attempt = self.record.attempt.as_ref();
        attempt.is_some_and(|attempt| self.record.is_proven(attempt.offer.digest))
    }

    fn may_ignore(&self, lack: Lack) -> bool {
        lack == Lack::Hours && self.is_proven()
    }

    pub(super) fn begin(&mut self, bundle: &Bundle, view: &View) {
        let lack = view.lack_for_trial(bundle).filter(|lack| !self.may_ignore(*lack));
        if let Some(lack) = lack {
            self.note(lack.code(), lack.to_string());
            return;
        }
        let (baseline, proven) = (self.before, self.is_proven());
        if let Some(attempt) = self.record.attempt.as_mut() {
            attempt.baseline_p95_ms = baseline.p95_ms;
            attempt.baseline_refused_per_mille = baseline.refused_per_mille;
        }
        let next = if bundle.trial.shadow_s > 0 && !proven { State::Shadow } else { State::Trial };
        self.go(next, None);
    }

    pub(super) fn prove(&mut self, attempt: &Attempt, bundle: Option<&Bundle>, view: &View) {
        if self.unsettled_ms >= MAX_SETTLE_MS {
            self.end("switch", "the switch to it took too long".to_owned());
            return;
        }
        let Some(bundle) = bundle else { return };
        let watch = watch_ms(attempt.stage, &bundle.trial);
        if attempt.watched_ms >= watch + MAX_SETTLE_MS {
            let late = || ("deadline", "checks or attestation took too long".to_owned());
            let (code, text) = self.failing.take().unwrap_or_else(late);
            self.end(code, text);
        } else if attempt.stage == State::Trial
            && attempt.watched_ms >= watch
            && self.checked
            && self.failing.is_none()
            && view.now().is_some()
        {
            self.go(State::Probation, None);
        }
    }

    pub(super) fn stage(&self) -> Option<State> {
        self.record.attempt.as_ref().map(|attempt| attempt.stage)
    }

    pub(super) fn defer(&mut self, lack: Lack) {
        if self.stage() == Some(State::Deferred) {
            self.note(lack.code(), lack.to_string());
        } else {
            self.go(State::Deferred, failure(lack.code(), &lack.to_string()));
        }
    }

    /// Notes why it waits.
    pub(super) fn note(&mut self, code: &str, text: String) {
        let Some(attempt) = self.record.attempt.as_mut() else { return };
        let known = attempt.failure.as_ref().is_some_and(|known| known.code.as_str() == code);
        if !known {
            attempt.failure = failure(code, &text);
            self.changed = true;
        }
    }

    /// Ends the attempt: what answers already is reverted, everything else refused.
    pub(super) fn end(&mut self, code: &str, text: String) {
        let Some(attempt) = self.record.attempt.as_ref().filter(|attempt| !attempt.is_over())
        else {
            return;
        };
        let state = word(attempt.stage);
        let next = if attempt.serves() { State::Reverted } else { State::Refused };
        self.go(next, failure(&format!("{state}.{code}"), &text));
    }

    pub(super) fn go(&mut self, to: State, failure: Option<Failure>) {
        let Some(attempt) = self.record.attempt.as_mut() else { return };
        let (version, from) = (attempt.offer.version, attempt.stage);
        attempt.stage = to;
        attempt.watched_ms = 0;
        attempt.failure = failure.clone();
        if attempt.serves() || to == State::Committed {
            attempt.facts_epoch = self.facts_epoch;
        }
        let facts_epoch = attempt.facts_epoch;
        (self.checked, self.unsettled_ms, self.changed) = (false, 0, true);
        self.failing = None;
        self.record.led |= attempt.serves();
        if attempt.is_over() {
            self.tidied = false;
        }
        self.moved.push(Moved { version, from, to, failure, facts_epoch });
    }
}

fn failure(code: &str, text: &str) -> Option<Failure> {
    let code: Name = code.parse().ok()?;
    Some(Failure { code, text: Text::cut(text) })
}
