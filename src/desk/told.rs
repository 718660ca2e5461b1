//! What associates are told, numbered, so that who missed something can go on behind it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::handoff::{Handoff, HandoffId, Outcome};
use super::presence::State;
use super::shoppers::Turn;

/// What is still known; who is further behind looks at everything anew.
const MAX_KNOWN: usize = 512;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A person is called: this one, or everybody.
    Ring {
        /// For what.
        handoff: Handoff,
        /// Who.
        to: Option<String>,
    },
    /// Nobody took it for long; everybody is rung.
    Escalated(Handoff),
    /// Somebody is on the way, or answers.
    Claimed(Handoff),
    /// Something was said.
    Turn {
        /// In which.
        handoff: HandoffId,
        /// Who answers there.
        to: Option<String>,
        /// What.
        turn: Turn,
    },
    /// It is over.
    Closed(Handoff, Outcome),
    /// Somebody may be rung, or may not.
    Presence {
        /// Who.
        id: String,
        /// As people know it.
        name: String,
        /// Which.
        state: State,
    },
}

impl Told {
    /// Whether this is for them alone who are named; `None` is for everybody.
    pub fn to(&self) -> Option<&str> {
        match self {
            Self::Ring { to, .. } | Self::Turn { to, .. } => to.as_deref(),
            _ => None,
        }
    }
}

/// More was missed than is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed;

#[derive(Debug)]
pub(super) struct Board {
    told: Mutex<VecDeque<Told>>,
    /// How many were told in all.
    count: watch::Sender<u64>,
}

impl Board {
    pub(super) fn new() -> Self {
        Self { told: Mutex::default(), count: watch::Sender::new(0) }
    }

    pub(super) fn tell(&self, what: Told) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MAX_KNOWN {
            told.pop_front();
        }
        told.push_back(what);
        self.count.send_modify(|count| *count += 1);
    }

    /// How many were told, from moment to moment.
    pub(super) fn count(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// What came behind the first so many, each with its number.
    pub(super) fn behind(&self, seen: u64) -> Result<Vec<(u64, Told)>, Missed> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let count = *self.count.borrow();
        let first = count - told.len() as u64;
        if seen < first || seen > count {
            return Err(Missed);
        }
        Ok((first + 1..).zip(told.iter().cloned()).filter(|(number, _)| *number > seen).collect())
    }
}
