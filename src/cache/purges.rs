//! What was purged or recalled lately: whether an answer that was being made meanwhile was meant.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::facts::{Name, Record};

/// Purges that are remembered one by one; before them everything may have been meant.
const MAX_REMEMBERED: usize = 64;
/// Names of one purge that are remembered; of one with more everything may be meant.
const MAX_NAMES: usize = 512;

/// What a purge or a recall was of.
#[derive(Debug, Clone)]
pub(super) enum Meant {
    /// Whatever there is, or what cannot be told from a record.
    Anything,
    /// Whatever stands on one of these facts.
    Facts(HashSet<Name>),
}

impl Meant {
    /// Of whatever stands on one of these facts.
    pub(super) fn of(names: impl IntoIterator<Item = Name>) -> Self {
        Self::Facts(names.into_iter().collect())
    }

    fn touches(&self, record: &Record) -> bool {
        match self {
            Self::Anything => true,
            Self::Facts(names) => record.read.iter().any(|(name, _)| names.contains(name)),
        }
    }
}

/// All purges and recalls of this process.
#[derive(Debug, Default)]
pub(super) struct Purges(Mutex<Past>);

#[derive(Debug, Default)]
struct Past {
    count: u64,
    /// The last ones, the newest at the end.
    last: VecDeque<Meant>,
}

impl Purges {
    fn lock(&self) -> MutexGuard<'_, Past> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there have been.
    pub(super) fn count(&self) -> u64 {
        self.lock().count
    }

    /// One more.
    pub(super) fn add(&self, meant: Meant) {
        let meant = match meant {
            Meant::Facts(names) if names.len() > MAX_NAMES => Meant::Anything,
            meant => meant,
        };
        let mut past = self.lock();
        past.count += 1;
        past.last.push_back(meant);
        if past.last.len() > MAX_REMEMBERED {
            past.last.pop_front();
        }
    }

    /// Whether one that came when there had been so many already may have meant what stands on these
    /// facts.
    pub(super) fn meant_since(&self, count: u64, record: &Record) -> bool {
        let past = self.lock();
        let since = usize::try_from(past.count.saturating_sub(count)).unwrap_or(usize::MAX);
        since > past.last.len() || past.last.iter().rev().take(since).any(|m| m.touches(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Meant {
        Meant::of(names.iter().map(|name| name.parse().unwrap()))
    }

    fn record(name: &str) -> Record {
        Record { read: vec![(name.parse().unwrap(), Default::default())], ..Record::default() }
    }

    #[test]
    fn only_what_came_since_counts_and_only_where_it_meant_these_facts() {
        let purges = Purges::default();
        purges.add(of(&["prices:41"]));
        let begun = purges.count();
        let meant = |name: &str| purges.meant_since(begun, &record(name));
        assert!(!meant("prices:41"), "that was before");
        purges.add(of(&["prices:42", "stock:42"]));
        assert!(meant("stock:42") && !meant("prices:41"));
        purges.add(Meant::Anything);
        assert!(meant("prices:41"));
    }

    #[test]
    fn where_nobody_remembers_everything_may_have_been_meant() {
        let purges = Purges::default();
        let all = record("prices:41");
        for _ in 0..MAX_REMEMBERED {
            purges.add(of(&["prices:42"]));
        }
        assert!(!purges.meant_since(0, &all));
        purges.add(of(&["prices:42"]));
        assert!(purges.meant_since(0, &all) && !purges.meant_since(1, &all));
        let many: Vec<String> = (0..=MAX_NAMES).map(|sku| format!("prices:7{sku}")).collect();
        purges.add(of(&many.iter().map(String::as_str).collect::<Vec<_>>()));
        assert!(purges.meant_since(purges.count() - 1, &all));
    }
}
