//! Who is rung next: a decision of what is known, without an effect.

use super::config::DeskConfig;
use super::handoff::{Handoff, Stage};

/// Somebody who could be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) id: String,
    /// Handoffs that this person has already.
    pub(super) open: usize,
    /// Where the person is.
    pub(super) zone: Option<String>,
    /// When last rung, milliseconds since 1970; 0 before the first time.
    pub(super) rung_ms: u64,
}

/// What is to be done for a handoff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// This person is rung.
    Ring(String),
    /// Everybody is rung, from now on.
    RingAll,
    /// The shopper is told that nobody is free.
    Tell,
    /// Whoever was on the way did not come, or answered and is gone.
    Forget,
}

/// What is due at this moment, in this order. `gone_ms` is how long nothing was heard of who has it.
pub(super) fn plan(
    handoff: &Handoff,
    present: &[Candidate],
    gone_ms: Option<u64>,
    config: &DeskConfig,
    now_ms: u64,
) -> Vec<Deed> {
    let ring_again = millis(config.ring_again);
    let escalate = millis(config.escalate_after);
    let ringing = &handoff.ringing;
    let since = |at: u64| now_ms.saturating_sub(at);
    let mut deeds = Vec::new();
    match handoff.stage {
        Stage::Waiting => {}
        Stage::Acknowledged => {
            // Whoever is on the way has as long as two would have been rung.
            if ringing.acknowledged_ms.is_some_and(|at| since(at) < 2 * ring_again) {
                return deeds;
            }
            deeds.push(Deed::Forget);
        }
        // A handheld whose battery is empty, or that was revoked, answers nobody.
        Stage::Claimed if gone_ms.is_some_and(|gone| gone >= 2 * ring_again) => {
            deeds.push(Deed::Forget);
        }
        Stage::Claimed | Stage::Closed => return deeds,
    }
    let waited = since(handoff.waiting_ms);
    if !ringing.told && (present.is_empty() || waited >= 2 * escalate) {
        deeds.push(Deed::Tell);
    }
    if present.is_empty() {
        return deeds;
    }
    let is_due = ringing.last_ms.is_none_or(|at| since(at) >= ring_again);
    if waited >= escalate {
        if is_due || !ringing.escalated {
            deeds.push(Deed::RingAll);
        }
    } else if is_due && let Some(next) = next(handoff, present) {
        deeds.push(Deed::Ring(next.id.clone()));
    }
    deeds
}

/// Of those who were not rung in this round, or of all where it is over: who has the fewest open, is
/// where the shopper is, and was not rung for the longest time.
fn next<'a>(handoff: &Handoff, present: &'a [Candidate]) -> Option<&'a Candidate> {
    let rank = |candidate: &&Candidate| {
        let elsewhere = handoff.zone.is_none() || candidate.zone != handoff.zone;
        let rung = handoff.ringing.rung.contains(&candidate.id);
        (rung, candidate.open, elsewhere, candidate.rung_ms, candidate.id.clone())
    };
    present.iter().min_by_key(rank)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
