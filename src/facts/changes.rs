//! The last changes, for those who follow.

use std::collections::VecDeque;
use std::sync::Arc;

use super::name::{FactId, Name, Revision};
use super::state::Kept;

/// Memory of a change besides its names, and of a name.
const EVENT_BYTES: usize = 144;
const NAME_BYTES: usize = 80;

/// A change that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number.
    pub revision: Revision,
    /// Which fact changed.
    pub id: FactId,
    /// How.
    pub kind: EventKind,
    /// Every name of a record that changed with it.
    pub names: Arc<[Name]>,
}

/// How a fact changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It has a value now that it had not.
    Put,
    /// It is gone.
    Delete,
}

impl Event {
    /// What followers are told of a row; nothing where only its stamp is newer.
    pub(super) fn of(kept: &Kept) -> Option<Self> {
        let kind = if kept.row.fact.is_some() { EventKind::Put } else { EventKind::Delete };
        let (revision, names) = (kept.row.revision, kept.names.as_slice().into());
        let told = !kept.names.is_empty();
        told.then(|| Self { revision, id: kept.id.clone(), kind, names })
    }
}

/// Changes that are no longer known: whoever follows must begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("changes after revision {after} are no longer known; those after {oldest} are")]
pub struct Gone {
    /// What was asked for.
    pub after: Revision,
    /// What could have been asked for.
    pub oldest: Revision,
}

/// The last changes, at most so many.
#[derive(Debug)]
pub(super) struct Changes {
    /// Changes up to this one are forgotten.
    pub(super) oldest: Revision,
    events: VecDeque<Event>,
    limit: usize,
}

impl Changes {
    pub(super) fn new(oldest: Revision, limit: usize) -> Self {
        Self { oldest, events: VecDeque::new(), limit }
    }

    pub(super) fn push(&mut self, event: Event) {
        self.events.push_back(event);
        if self.events.len() > self.limit
            && let Some(event) = self.events.pop_front()
        {
            self.oldest = event.revision;
        }
    }

    /// What [`Self::oldest`] will be when these have followed.
    pub(super) fn oldest_after(&self, newer: &Self) -> Revision {
        let over = (self.events.len() + newer.events.len()).saturating_sub(self.limit);
        let of_ours = over
            .checked_sub(1)
            .and_then(|last| self.events.get(last.min(self.events.len().saturating_sub(1))));
        let oldest = of_ours.map_or(self.oldest, |event| event.revision);
        oldest.max(newer.oldest)
    }

    pub(super) fn append(&mut self, newer: Self) {
        self.oldest = self.oldest_after(&newer);
        self.events.extend(newer.events);
        let oldest = self.oldest;
        while self.events.front().is_some_and(|event| event.revision <= oldest) {
            self.events.pop_front();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// What they take in memory.
    pub(super) fn bytes(&self) -> usize {
        let names: usize = self.events.iter().map(|event| event.names.len()).sum();
        self.events.len() * EVENT_BYTES + names * NAME_BYTES
    }

    /// Changes after a revision, oldest first, at most so many.
    pub(super) fn after(&self, after: Revision, limit: usize) -> Result<Vec<Event>, Gone> {
        if after < self.oldest {
            return Err(Gone { after, oldest: self.oldest });
        }
        let begin = self.events.partition_point(|event| event.revision <= after);
        Ok(self.events.iter().skip(begin).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Table;

    fn event(revision: u64) -> Event {
        let id = FactId::new(Table::Prices, "1").unwrap();
        Event { revision: Revision(revision), id, kind: EventKind::Put, names: Arc::default() }
    }

    fn of(oldest: u64, revisions: std::ops::RangeInclusive<u64>) -> Changes {
        let mut changes = Changes::new(Revision(oldest), 5);
        revisions.for_each(|revision| changes.push(event(revision)));
        changes
    }

    #[test]
    fn who_is_too_far_behind_is_told_and_nobody_misses_one() {
        for (held, newer, oldest, rest) in [
            (of(0, 1..=3), of(0, 4..=5), 0, vec![1, 2, 3, 4, 5]),
            (of(0, 1..=3), of(0, 4..=7), 2, vec![3, 4, 5, 6, 7]),
            (of(0, 1..=3), of(0, 4..=8), 3, vec![4, 5, 6, 7, 8]),
            (of(0, 1..=3), of(0, 4..=20), 15, vec![16, 17, 18, 19, 20]),
            (of(7, 8..=8), of(0, 9..=9), 7, vec![8, 9]),
        ] {
            let mut changes = held;
            assert_eq!(changes.oldest_after(&newer), Revision(oldest));
            changes.append(newer);
            assert_eq!(changes.oldest, Revision(oldest));
            let found = changes.after(Revision(oldest), 9).unwrap();
            assert_eq!(found.iter().map(|event| event.revision.0).collect::<Vec<_>>(), rest);
            if oldest > 0 {
                let gone = Gone { after: Revision(oldest - 1), oldest: Revision(oldest) };
                assert_eq!(changes.after(Revision(oldest - 1), 9), Err(gone));
            }
            assert_eq!(changes.after(Revision(100), 9), Ok(vec![]));
            assert_eq!(changes.after(Revision(oldest), 1).unwrap().len(), 1);
        }
    }
}
