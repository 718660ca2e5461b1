//! A batch on its way to the disk.

use super::batch::{Change, Outcome, Outcomes, Written};
use super::changes::{Changes, Event};
use super::config::FactsConfig;
use super::disk::Session;
use super::error::FactsError;
use super::name::{FactId, Revision};
use super::state::{Kept, State};
use super::time::UnixSeconds;

/// Rows that are gathered before they are written.
const ROWS_AT_ONCE: usize = 256;

/// A copy of the state with the changes of a batch made one by one. Nobody sees it before it is
/// finished and on disk.
pub(super) struct Attempt<'a> {
    state: State,
    config: &'a FactsConfig,
    now: UnixSeconds,
    kept: Vec<Kept>,
    changes: Changes,
    outcomes: Outcomes,
    last: Option<Outcome>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(state: &State, config: &'a FactsConfig, now: UnixSeconds) -> Self {
        Self {
            state: state.clone(),
            config,
            now,
            kept: Vec::new(),
            changes: Changes::new(Revision(0), config.max_changes),
            outcomes: Outcomes::default(),
            last: None,
        }
    }

    pub(super) fn make(&mut self, change: Change, session: &Session<'_>) -> Result<(), FactsError> {
        let effect = self.state.apply(change, self.now, self.config.room())?;
        self.outcomes.count(effect.outcome);
        self.last = Some(effect.outcome);
        if let Some(kept) = effect.kept {
            if let Some(event) = Event::of(&kept) {
                self.changes.push(event);
            }
            self.kept.push(kept);
        }
        if self.kept.len() >= ROWS_AT_ONCE {
            self.keep(session)?;
        }
        Ok(())
    }

    /// The revision of a fact's row as the last change made it; none of any row where that change
    /// came too late.
    pub(super) fn made(&self, id: &FactId) -> Revision {
        let row = self.state.row(id.table, &id.id).filter(|_| self.last != Some(Outcome::Stale));
        row.map_or(Revision(0), |row| row.revision)
    }

    pub(super) fn finish(
        mut self,
        session: &Session<'_>,
    ) -> Result<(State, Changes, Written), FactsError> {
        self.keep(session)?;
        let (revision, outcomes, last) = (self.state.revision, self.outcomes, self.last);
        let written = Written { revision, outcomes, last, replayed: false };
        Ok((self.state, self.changes, written))
    }

    fn keep(&mut self, session: &Session<'_>) -> Result<(), FactsError> {
        session.keep(&self.kept)?;
        self.kept.clear();
        Ok(())
    }
}
