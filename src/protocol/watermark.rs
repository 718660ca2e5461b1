//! What a receiver has of a stream: all up to a number, and some runs beyond it.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::limits::MAX_RUNS;

/// Sequence numbers `first..=last`; they start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The first of them.
    #[n(0)]
    pub first: u64,
    /// The last of them.
    #[n(1)]
    pub last: u64,
}

impl Run {
    /// A run of one.
    #[must_use]
    pub fn of(seq: u64) -> Self {
        Self { first: seq, last: seq }
    }

    /// Whether the number is in it.
    #[must_use]
    pub fn holds(self, seq: u64) -> bool {
        (self.first..=self.last).contains(&seq)
    }
}

/// What became of a run that a receiver was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// These of its numbers are new and are now held.
    New(Vec<Run>),
    /// All of it was there already.
    Known,
    /// It leaves more holes than are remembered; it must come again when they are filled.
    TooScattered,
}

/// The numbers of one stream that have been taken: `1..=through`, and at most 32 runs beyond.
///
/// So live messages can be taken before an old backlog, and each still counts once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watermark {
    through: u64,
    above: Vec<Run>,
}

impl Watermark {
    /// All numbers up to this one are held.
    #[must_use]
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Runs that are held beyond, ascending, with holes between.
    #[must_use]
    pub fn above(&self) -> &[Run] {
        &self.above
    }

    /// Whether this number is held.
    #[must_use]
    pub fn holds(&self, seq: u64) -> bool {
        (1..=self.through).contains(&seq) || self.above.iter().any(|run| run.holds(seq))
    }

    /// Takes a run; a run of nothing (0, or last before first) is known.
    pub fn take(&mut self, run: Run) -> Taken {
        let new = self.missing(run);
        if new.is_empty() {
            return Taken::Known;
        }
        let (through, above) = self.joined(run);
        if above.len() > MAX_RUNS {
            return Taken::TooScattered;
        }
        (self.through, self.above) = (through, above);
        Taken::New(new)
    }

    /// The parts of a run that are not held.
    #[must_use]
    pub fn missing(&self, run: Run) -> Vec<Run> {
        let mut new = Vec::new();
        let mut next = run.first.max(self.through.saturating_add(1)).max(1);
        for held in &self.above {
            if held.last < next {
                continue;
            }
            if held.first > run.last {
                break;
            }
            if held.first > next {
                new.push(Run { first: next, last: held.first - 1 });
            }
            next = held.last.saturating_add(1);
        }
        if next <= run.last && !(next == u64::MAX && self.holds(u64::MAX)) {
            new.push(Run { first: next, last: run.last });
        }
        new
    }

    fn joined(&self, run: Run) -> (u64, Vec<Run>) {
        let mut runs = self.above.clone();
        let at = runs.partition_point(|held| held.first < run.first);
        runs.insert(at, run);
        let mut through = self.through;
        let mut above: Vec<Run> = Vec::new();
        for run in runs {
            match above.last_mut() {
                _ if run.first <= through.saturating_add(1) => through = through.max(run.last),
                Some(last) if run.first <= last.last.saturating_add(1) => {
                    last.last = last.last.max(run.last);
                }
                _ => above.push(run),
            }
        }
        (through, above)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_count_once_whatever_their_order() {
        let mut mark = Watermark::default();
        let run = |first, last| Run { first, last };
        assert_eq!(mark.take(Run::of(1)), Taken::New(vec![Run::of(1)]));
        assert_eq!(mark.take(Run::of(1)), Taken::Known);
        assert_eq!(mark.take(run(5, 6)), Taken::New(vec![run(5, 6)]));
        assert_eq!((mark.through(), mark.above()), (1, &[run(5, 6)][..]));
        assert_eq!(mark.take(run(1, 9)), Taken::New(vec![run(2, 4), run(7, 9)]));
        assert_eq!((mark.through(), mark.above()), (9, &[][..]));
        assert_eq!(mark.take(Run::of(0)), Taken::Known);
        assert_eq!(mark.take(run(20, 12)), Taken::Known);
    }

    #[test]
    fn too_many_holes_are_refused_and_nothing_changes() {
        let mut mark = Watermark::default();
        for hole in 1..=MAX_RUNS as u64 {
            assert!(matches!(mark.take(Run::of(hole * 2)), Taken::New(_)));
        }
        let before = mark.clone();
        assert_eq!(mark.take(Run::of(1000)), Taken::TooScattered);
        assert_eq!(mark, before);
        assert!(
            matches!(mark.take(Run::of(3)), Taken::New(_)),
            "filling a hole is always possible"
        );
        assert!(matches!(mark.take(Run::of(1000)), Taken::New(_)));
    }

    #[test]
    fn the_last_number_of_all_is_taken_once() {
        let mut mark = Watermark::default();
        let all = Run { first: 1, last: u64::MAX };
        assert!(matches!(mark.take(Run::of(u64::MAX)), Taken::New(_)));
        assert_eq!(mark.take(Run::of(u64::MAX)), Taken::Known);
        assert!(matches!(mark.take(all), Taken::New(_)));
        assert_eq!((mark.take(all), mark.through()), (Taken::Known, u64::MAX));
    }

    #[test]
    fn it_holds_what_a_plain_set_would_hold() {
        bolero::check!().with_type::<Vec<(u8, u8)>>().for_each(|runs| {
            let (mut mark, mut set) = (Watermark::default(), BTreeSet::new());
            for &(first, length) in runs {
                let first = u64::from(first % 64);
                let run = Run { first, last: first + u64::from(length % 8) };
                let wanted: BTreeSet<u64> = (run.first.max(1)..=run.last).collect();
                let new: BTreeSet<u64> = wanted.difference(&set).copied().collect();
                match mark.take(run) {
                    Taken::New(runs) => {
                        let told: BTreeSet<u64> =
                            runs.iter().flat_map(|run| run.first..=run.last).collect();
                        assert_eq!(told, new);
                        set.extend(wanted);
                    }
                    Taken::Known => assert!(new.is_empty()),
                    Taken::TooScattered => panic!("32 runs suffice for 71 numbers with holes of 2"),
                }
                assert!((0..80).all(|seq| mark.holds(seq) == set.contains(&seq)));
            }
        });
    }
}
