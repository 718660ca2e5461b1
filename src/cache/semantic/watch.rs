//! Whether a category may go on answering by meaning.
//!
//! Some hits are also made, and both answers compared. A category whose share of false hits is
//! beyond the budget switches itself off, and begins anew after a rest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bound;
use super::category::Category;

/// The first hits of a category that are all compared.
const FIRST: u64 = 20;
/// Of later hits, one in so many is compared.
const ONE_IN: u64 = 20;
/// After so many comparisons the older ones count half, so that a change shows.
const WINDOW: u64 = 2000;
/// So many false hits at least switch a category off: a model may say one thing in two ways.
const LEAST_FALSE: u64 = 2;
/// How long a category that switched itself off rests, in seconds.
const REST_S: i64 = 7 * 24 * 3600;

/// What was seen of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Answers given by meaning.
    pub(super) hits: u64,
    /// Those of them that were also made, and compared.
    pub(super) compared: u64,
    /// Those that were different.
    pub(super) false_hits: u64,
    /// Since when it is off, seconds since 1970.
    pub(super) off_since: Option<i64>,
}

/// A change of a category that people are told of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Switch {
    /// More false hits than the budget allows.
    Off { compared: u64, false_hits: u64 },
    /// It has rested and begins anew.
    On,
}

/// All categories.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Watch {
    seen: BTreeMap<Category, Seen>,
}

impl Watch {
    /// What was seen of a category so far.
    pub(super) fn seen(&self, category: Category) -> Seen {
        self.seen.get(&category).copied().unwrap_or_default()
    }

    /// Whether a category may answer now. One that has rested begins anew, which is told once.
    pub(super) fn may_answer(&mut self, category: Category, now_s: i64) -> (bool, Option<Switch>) {
        let Some(since) = self.seen(category).off_since else { return (true, None) };
        // A clock that was set back does not make the rest longer than it is.
        if now_s >= since && now_s - since < REST_S {
            return (false, None);
        }
        self.seen.insert(category, Seen::default());
        (true, Some(Switch::On))
    }

    /// An answer is given by meaning. Answers whether it is to be compared.
    pub(super) fn hit(&mut self, category: Category) -> bool {
        let seen = self.seen.entry(category).or_default();
        seen.hits += 1;
        seen.hits <= FIRST || seen.hits.is_multiple_of(ONE_IN)
    }

    /// A hit was compared with what was made. The category switches itself off once more than the
    /// budget's share of its hits is false with 95 % confidence.
    pub(super) fn compared(
        &mut self,
        category: Category,
        same: bool,
        budget: f64,
        now_s: i64,
    ) -> Option<Switch> {
        let seen = self.seen.entry(category).or_default();
        if seen.compared >= WINDOW {
            seen.compared /= 2;
            seen.false_hits /= 2;
        }
        seen.compared += 1;
        seen.false_hits += u64::from(!same);
        let (compared, false_hits) = (seen.compared, seen.false_hits);
        let proven = bound::lower(false_hits, compared) > budget;
        let beyond = !same && false_hits >= LEAST_FALSE && proven;
        if seen.off_since.is_some() || !beyond {
            return None;
        }
        seen.off_since = Some(now_s);
        Some(Switch::Off { compared, false_hits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USAGE: Category = Category::Usage;
    const BUDGET: f64 = 0.005;

    #[test]
    fn the_first_hits_are_compared_and_then_a_share() {
        let mut watch = Watch::default();
        let compared = (0..FIRST + 1000).filter(|_| watch.hit(USAGE)).count() as u64;
        assert_eq!(compared, FIRST + 1000 / ONE_IN);
        assert_eq!(watch.seen(USAGE).hits, FIRST + 1000);
    }

    #[test]
    fn a_category_beyond_its_budget_switches_itself_off_alone_and_rests() {
        let mut watch = Watch::default();
        assert_eq!(watch.compared(USAGE, true, BUDGET, 0), None);
        assert_eq!(watch.compared(USAGE, false, BUDGET, 50), None, "one proves nothing");
        let off = watch.compared(USAGE, false, BUDGET, 100);
        assert_eq!(off, Some(Switch::Off { compared: 3, false_hits: 2 }));
        assert_eq!(watch.may_answer(USAGE, 100), (false, None));
        assert_eq!(watch.may_answer(Category::Hours, 100), (true, None));
        assert_eq!(watch.may_answer(USAGE, 99 + REST_S), (false, None));
        assert_eq!(watch.may_answer(USAGE, 100 + REST_S), (true, Some(Switch::On)));
        assert_eq!(watch.may_answer(USAGE, 100 + REST_S), (true, None));
        assert_eq!(watch.seen(USAGE), Seen::default());
    }

    #[test]
    fn one_false_hit_among_many_is_within_the_budget() {
        let mut watch = Watch::default();
        for _ in 0..300 {
            assert_eq!(watch.compared(USAGE, true, BUDGET, 0), None);
        }
        assert_eq!(watch.compared(USAGE, false, BUDGET, 0), None);
        let later = (0..20).find_map(|_| watch.compared(USAGE, false, BUDGET, 0));
        assert!(matches!(later, Some(Switch::Off { .. })));
    }

    #[test]
    fn long_ago_counts_less() {
        let mut watch = Watch::default();
        for _ in 0..10 * WINDOW {
            watch.compared(USAGE, true, BUDGET, 0);
        }
        assert!(watch.seen(USAGE).compared <= WINDOW);
        let until_off = (0..100).take_while(|_| watch.compared(USAGE, false, BUDGET, 0).is_none());
        assert!(until_off.count() < 30);
    }

    #[test]
    fn a_restart_changes_nothing() {
        let mut watch = Watch::default();
        watch.hit(USAGE);
        watch.compared(USAGE, false, BUDGET, 7);
        let kept = postcard::to_allocvec(&watch).unwrap();
        assert_eq!(postcard::from_bytes::<Watch>(&kept).unwrap(), watch);
    }
}
