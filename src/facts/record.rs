//! What was read, and whether it still holds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::FactsConfig;
use super::name::{Class, Name, Revision, Table};
use super::state::State;
use super::time::UnixSeconds;

/// What an answer stands on: everything that was read, absences included.
///
/// The default one stands on nothing and always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The store that was read; another one's revisions mean nothing.
    pub origin: u64,
    /// The revision of what was not there.
    pub floor: Revision,
    /// When it was read.
    pub at: Option<UnixSeconds>,
    /// Names and their revisions at that time, sorted by name.
    pub read: Vec<(Name, Revision)>,
    /// The moment from which on something that was read is said otherwise by itself: a promotion
    /// begins or ends, a door opens or closes, a day is over.
    pub until: Option<UnixSeconds>,
    /// When each table that was asked was last heard of from its feed. That recalls are looked at
    /// with every product does not make their feed one of them.
    pub heard: Vec<(Table, Option<UnixSeconds>)>,
}

impl Record {
    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.until.is_none()
    }

    /// Whether it holds over against these facts.
    pub(super) fn standing(
        &self,
        state: &State,
        config: &FactsConfig,
        now: UnixSeconds,
    ) -> Standing {
        if !self.read.is_empty() && self.origin != state.origin {
            return Standing::Dead { name: None };
        }
        let mut soft = None;
        let changed = |(name, revision): &&(Name, Revision)| state.revision_of(name) != *revision;
        for (name, _) in self.read.iter().filter(changed) {
            let gone = matches!(name, Name::Fact(id) if !state.holds(id));
            if gone || name.class() == Class::Hard {
                return Standing::Dead { name: Some(name.clone()) };
            }
            soft.get_or_insert(name);
        }
        if let Some(at) = self.until.filter(|until| now >= *until || self.is_before(now)) {
            return Standing::Expired { at };
        }
        if let Some(old) = self.too_old(state, config, now) {
            return old;
        }
        soft.map_or(Standing::Current, |name| Standing::Soft { name: name.clone() })
    }

    /// Whether the clock was set back behind the reading.
    fn is_before(&self, now: UnixSeconds) -> bool {
        self.at.is_some_and(|at| now < at)
    }

    fn too_old(&self, state: &State, config: &FactsConfig, now: UnixSeconds) -> Option<Standing> {
        self.heard.iter().find_map(|(table, _)| {
            let (table, limit) = (*table, config.max_age(*table)?);
            // A feed that never spoke is none that fell silent.
            let age = state.age(table, now)?;
            (age > limit).then_some(Standing::TooOld { table, age, limit })
        })
    }
}

/// Whether what was made of facts may still be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Everything is as it was read.
    Current,
    /// It must not be told: this has changed since, or is of another store.
    Dead {
        /// What has changed; none where the store is another one.
        name: Option<Name>,
    },
    /// It must not be told: a time-bound fact reads otherwise since this moment.
    Expired {
        /// The moment.
        at: UnixSeconds,
    },
    /// It is as it was read, but the feed was not heard of for too long: hedge or refuse.
    TooOld {
        /// Whose feed.
        table: Table,
        /// How long it is silent.
        age: Duration,
        /// How long it may be.
        limit: Duration,
    },
    /// Only words have changed: it may be told once more while it is made anew.
    Soft {
        /// What has changed.
        name: Name,
    },
}
