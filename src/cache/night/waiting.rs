//! What waits to be made, and what is to be made next.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Outcome, Past};
use crate::cache::look::Ticket;
use crate::cache::{Generate, Key, Recipe};

/// Renewals that may wait; the oldest is dropped for another.
const MAX_RENEWALS: usize = 64;
/// Dead answers that are remembered; the coldest is dropped for another.
const MAX_GRAVES: usize = 256;
/// How often it is tried to make one again before it is given up.
const MAX_TRIES: u32 = 3;
/// A renewal does not wait for quiet longer than this.
const PATIENCE: Duration = Duration::from_secs(10);
/// What could not be made is left alone for so long.
const REST: Duration = Duration::from_secs(30);

/// What waits.
#[derive(Default)]
pub(super) struct Waiting {
    /// Oldest first.
    renewals: VecDeque<Renewal>,
    /// Coldest first.
    graves: Vec<Grave>,
}

/// An answer that was given once more on the promise that it is made anew.
pub(super) struct Renewal {
    pub(super) ticket: Ticket,
    pub(super) generate: Generate,
    pub(super) since: Instant,
}

/// An answer that died and can be made again.
#[derive(Clone)]
pub(in crate::cache) struct Grave {
    pub(super) key: Key,
    pub(super) recipe: Recipe,
    pub(super) past: Past,
    tries: u32,
    rests_until: Option<Instant>,
}

impl Grave {
    pub(super) fn new(key: Key, recipe: Recipe, past: Past) -> Self {
        Self { key, recipe, past, tries: 0, rests_until: None }
    }
}

impl Waiting {
    pub(super) fn renew(&mut self, renewal: Renewal) {
        if self.renewals.len() == MAX_RENEWALS {
            self.renewals.pop_front();
        }
        self.renewals.push_back(renewal);
    }

    /// The oldest renewal, where it may be made now.
    pub(super) fn renewal(&mut self, idle: bool) -> Option<Renewal> {
        let due = self.renewals.front().is_some_and(|r| idle || r.since.elapsed() > PATIENCE);
        due.then(|| self.renewals.pop_front())?
    }

    /// How many renewals wait. Each may hold a model.
    pub(super) fn renewals(&self) -> usize {
        self.renewals.len()
    }

    /// Remembers a dead answer in the place of its former self.
    pub(super) fn mourn(&mut self, grave: Grave) {
        self.graves.retain(|other| other.key != grave.key);
        let place = self.graves.partition_point(|other| other.past.asked <= grave.past.asked);
        self.graves.insert(place, grave);
        if self.graves.len() > MAX_GRAVES {
            self.graves.remove(0);
        }
    }

    /// The hottest of the dead that does not rest.
    pub(super) fn hottest(&mut self, now: Instant) -> Option<Grave> {
        let awake = |grave: &Grave| grave.rests_until.is_none_or(|until| until <= now);
        let place = self.graves.iter().rposition(awake)?;
        Some(self.graves.remove(place))
    }

    /// Puts back what may be tried again.
    pub(super) fn settle(&mut self, mut grave: Grave, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Made | Outcome::Lives | Outcome::Dropped => return,
            Outcome::GaveWay => {}
            Outcome::Later => grave.rests_until = Some(now + REST),
            Outcome::Failed => {
                grave.tries += 1;
                if grave.tries == MAX_TRIES {
                    return;
                }
                grave.rests_until = Some(now + REST);
            }
        }
        // It may have lived and died again meanwhile.
        if self.graves.iter().all(|other| other.key != grave.key) {
            self.mourn(grave);
        }
    }

    pub(super) fn forget_dead(&mut self) {
        self.graves.clear();
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.renewals.is_empty() && self.graves.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{KeyBuilder, Scope};

    fn grave(name: &str, asked: u32) -> Grave {
        let key = KeyBuilder::new(name).finish(Scope::Store);
        let recipe = Recipe { maker: name.to_owned(), order: Vec::new() };
        Grave::new(key, recipe, Past { asked, meaning: None })
    }

    fn next(waiting: &mut Waiting, now: Instant) -> Option<String> {
        waiting.hottest(now).map(|grave| grave.recipe.maker)
    }

    #[test]
    fn the_hottest_is_next_and_the_coldest_makes_room() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        for (name, asked) in [("b", 20), ("a", 30), ("c", 10), ("b", 40)] {
            waiting.mourn(grave(name, asked));
        }
        for number in 0..MAX_GRAVES - 2 {
            waiting.mourn(grave(&number.to_string(), 11));
        }
        assert_eq!(waiting.graves.len(), MAX_GRAVES, "`c` had to leave");
        assert_eq!(next(&mut waiting, now).as_deref(), Some("b"));
        assert_eq!(next(&mut waiting, now).as_deref(), Some("a"));
        assert!(waiting.graves.iter().all(|grave| grave.past.asked == 11));
    }

    #[test]
    fn what_gave_way_is_next_again_and_what_cannot_be_made_rests_and_is_given_up() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.mourn(grave("a", 2));
        let taken = waiting.hottest(now).unwrap();
        waiting.settle(taken, Outcome::GaveWay, now);
        for tries in 1..=MAX_TRIES {
            let now = now + REST * tries;
            let taken = waiting.hottest(now).unwrap();
            waiting.settle(taken, Outcome::Failed, now);
            assert_eq!(next(&mut waiting, now), None, "it rests");
        }
        assert!(waiting.is_empty());
        waiting.mourn(grave("a", 2));
        for passed in 0..10 {
            let now = now + REST * passed;
            let taken = waiting.hottest(now).unwrap();
            waiting.settle(taken, Outcome::Later, now);
        }
        assert!(!waiting.is_empty(), "what it needs may come into memory");
    }

    #[test]
    fn one_that_died_again_meanwhile_is_remembered_as_it_died_last() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.mourn(grave("a", 2));
        let taken = waiting.hottest(now).unwrap();
        waiting.mourn(grave("a", 9));
        waiting.settle(taken, Outcome::GaveWay, now);
        assert_eq!(waiting.graves.len(), 1);
        assert_eq!(waiting.hottest(now).unwrap().past.asked, 9);
    }
}
