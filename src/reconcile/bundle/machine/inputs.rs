//! What happened, taken one by one.

use std::sync::Arc;

use super::super::judge::{self, Baseline};
use super::super::record::{Attempt, Installed, Offer};
use super::super::stage::{Arrangement, Figures, Health, StageError};
use super::super::view::View;
use super::{Machine, Trouble};
use crate::protocol::documents::Bundle;
use crate::protocol::{Digest, Stage as State};

/// Starts of the program on a bundle that has not proved itself.
const MAX_RESTARTS: u32 = 3;
/// How long what a fetch had to wait for is left alone.
const RETRY_MS: u64 = 5 * 60 * 1000;

impl Machine {
    pub(super) fn started(&mut self) {
        let Some(attempt) = self.record.attempt.as_mut().filter(|attempt| attempt.serves()) else {
            return;
        };
        attempt.restarts += 1;
        self.changed = true;
        if attempt.restarts > MAX_RESTARTS {
            let text = format!("the program started {} times on it", attempt.restarts);
            self.end("restarts", text);
        }
    }

    pub(super) fn offered(&mut self, offer: Offer, view: &View) {
        let known = self.record.attempt.as_ref();
        if known.is_some_and(|attempt| offer.version <= attempt.offer.version) {
            return;
        }
        if known.is_some_and(|attempt| !attempt.is_over()) {
            self.end("superseded", format!("version {} was offered", offer.version));
        }
        self.record.attempt = Some(Attempt::new(offer, view.now()));
        (self.bundle, self.checked, self.tidied, self.held_until_ms) = (None, false, false, 0);
        self.changed = true;
    }

    pub(super) fn cancelled(&mut self, version: u64) {
        let ours = |attempt: &Attempt| attempt.offer.version == version && !attempt.is_over();
        if self.record.attempt.as_ref().is_some_and(ours) {
            self.end("cancelled", "HQ cancelled it".to_owned());
        }
    }

    pub(super) fn document(&mut self, document: Result<Arc<Bundle>, Trouble>, view: &View) {
        let Some(attempt) = &self.record.attempt else { return };
        match document {
            Ok(bundle) => {
                let oldest = bundle.requires.min_version;
                let begun = !matches!(attempt.stage, State::Offered | State::Deferred);
                self.bundle = Some(bundle);
                if !begun && view.program < oldest {
                    self.end("version", format!("it needs version {oldest} of the program"));
                }
            }
            Err(trouble) => self.hindered(trouble),
        }
    }

    pub(super) fn fetched(&mut self, result: Result<(), Trouble>) {
        if self.stage() != Some(State::Fetching) {
            return;
        }
        match result {
            Ok(()) => self.go(State::Verified, None),
            Err(trouble) => self.hindered(trouble),
        }
    }

    pub(super) fn hindered(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Waits(lack) if self.stage() == Some(State::Fetching) => {
                self.held_until_ms = self.steady_ms.unwrap_or(0) + RETRY_MS;
                self.defer(lack);
            }
            Trouble::Waits(lack) => self.note(lack.code(), lack.to_string()),
            Trouble::Later(text) => self.note("later", text),
            Trouble::Ends { code, text } => self.end(code, text),
        }
    }

    pub(super) fn arranged(&mut self, arrangement: Arrangement, result: Result<(), StageError>) {
        let wanted = arrangement == self.record.arrangement();
        match result {
            Ok(()) => {
                self.arranged = Some(arrangement);
                self.trouble = None;
            }
            // Who knows what is in memory now.
            Err(StageError(why)) => {
                self.arranged = None;
                let attempt = self.record.attempt.as_ref();
                let new = attempt.map(|attempt| attempt.offer.digest);
                let of_attempt =
                    new.is_some() && (arrangement.live == new || arrangement.beside == new);
                let good = self.record.good.map(|good| good.digest);
                if wanted && of_attempt && new != good {
                    self.end("load", why);
                } else {
                    self.trouble = Some(why);
                }
            }
        }
    }

    pub(super) fn checked(&mut self, result: Result<(), String>) {
        let asks = matches!(self.stage(), Some(State::Staged | State::Trial | State::Probation));
        match result {
            Ok(()) if asks => self.checked = true,
            Err(why) if asks => self.end("check", why),
            _ => {}
        }
    }

    pub(super) fn seen(&mut self, health: Health) {
        let arrangement = self.record.arrangement();
        let settled = self.arranged == Some(arrangement);
        if settled && arrangement.live == self.record.good.map(|good| good.digest) {
            self.before.learn(health.live);
        }
        let (Some(attempt), Some(bundle)) = (&self.record.attempt, &self.bundle) else { return };
        let figures: Figures = match attempt.stage {
            State::Shadow => health.beside,
            State::Trial | State::Probation => health.live,
            _ => return,
        };
        if !settled {
            return;
        }
        let before = Baseline {
            p95_ms: attempt.baseline_p95_ms,
            refused_per_mille: attempt.baseline_refused_per_mille,
        };
        let fault = judge::fault(&bundle.trial, figures, before);
        self.failing = judge::none_went_well(figures, before).filter(|_| attempt.serves());
        let asked = attempt.serves() && judge::is_enough(&bundle.trial, figures);
        if let Some(attempt) = self.record.attempt.as_mut().filter(|one| asked && !one.was_asked) {
            (attempt.was_asked, self.changed) = (true, true);
        }
        if let Some((code, text)) = fault {
            self.end(code, text);
        }
    }

    pub(super) fn running(&mut self, found: Result<Option<Digest>, StageError>) {
        let Some(attempt) = &self.record.attempt else { return };
        let again = self.is_good(attempt) && !attempt.is_over();
        let proves = attempt.stage == State::Probation
            && self.checked
            && self.failing.is_none()
            && self.bundle.as_ref().is_some_and(|bundle| self.is_watched(attempt, bundle));
        let wanted = attempt.offer.digest;
        match found {
            _ if !self.knows_time || !(again || proves) => {}
            Ok(Some(digest)) if digest == wanted && (again || self.is_told_of()) => self.commit(),
            Ok(Some(digest)) if digest == wanted => {
                let text = "nobody asked it, and it has no checks";
                self.end("silent", text.to_owned());
            }
            Ok(other) => {
                let other = other.map_or("no bundle".to_owned(), |other| other.to_string());
                self.end("attestation", format!("{other} was found running"));
            }
            Err(StageError(why)) => self.trouble = Some(why),
        }
    }

    /// Whether anything was seen of how it answers: requests, or checks that it passed.
    fn is_told_of(&self) -> bool {
        let asked = self.record.attempt.as_ref().is_some_and(|attempt| attempt.was_asked);
        let checked = self.bundle.as_ref().is_some_and(|bundle| !bundle.trial.checks.is_empty());
        asked || checked
    }

    pub(super) fn commit(&mut self) {
        let Some(attempt) = &self.record.attempt else { return };
        let Offer { version, digest, .. } = attempt.offer;
        let replaced = self.record.good.filter(|good| good.digest != digest);
        self.record.previous = replaced.or(self.record.previous);
        self.record.good = Some(Installed { version, digest });
        self.go(State::Committed, None);
    }
}
