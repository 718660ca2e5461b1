//! How many prompt rows a step may have, learnt from how long steps take.

use std::collections::BTreeMap;
use std::time::Duration;

/// A step with prompt rows may take so many times what it takes without them.
const SLOWER: f64 = 1.75;

/// Prompts get so many rows beside answers however slow that is, or they would wait for ever.
const FEWEST_ROWS: usize = 4;

/// A step without answers is no longer than this, so that whoever comes or goes is seen in time.
const LONGEST_STEP_S: f64 = 0.25;

/// Rows of a step without answers, however slow.
const FEWEST_ROWS_ALONE: usize = 32;

/// Part of the way that an average goes to a new value.
const WEIGHT: f64 = 0.25;

/// What steps were measured to take.
#[derive(Debug)]
pub(super) struct Pace {
    most_rows: usize,
    /// Seconds of a step by the number of answers in it, without prompt rows.
    quiet_s: BTreeMap<usize, f64>,
    /// Seconds that one more prompt row takes beside answers.
    beside_s: Option<f64>,
    /// Seconds of a prompt row in a step without answers.
    alone_s: Option<f64>,
}

impl Pace {
    /// Steps are to have at most `most_rows` prompt rows.
    pub(super) fn new(most_rows: usize) -> Self {
        let most_rows = most_rows.max(1);
        Self { most_rows, quiet_s: BTreeMap::new(), beside_s: None, alone_s: None }
    }

    /// Prompt rows for a step in which so many sequences answer.
    pub(super) fn rows(&self, answers: usize) -> usize {
        let (seconds, each, fewest) = if answers == 0 {
            (Some(LONGEST_STEP_S), self.alone_s, FEWEST_ROWS_ALONE)
        } else {
            let seconds = self.quiet(answers).map(|quiet| quiet * (SLOWER - 1.0));
            (seconds, self.beside_s.or(self.alone_s), FEWEST_ROWS)
        };
        let rows = match (seconds, each) {
            (Some(seconds), Some(each)) => (seconds / each) as usize,
            // Nothing is known yet: a first prompt alone may be large, beside answers it may not.
            _ if answers == 0 => self.most_rows,
            _ => fewest,
        };
        rows.max(fewest).min(self.most_rows)
    }

    /// What a step without prompt rows takes, for the nearest number of answers that is known.
    fn quiet(&self, answers: usize) -> Option<f64> {
        let below = self.quiet_s.range(..=answers).next_back();
        below.or_else(|| self.quiet_s.range(answers..).next()).map(|(_, &seconds)| seconds)
    }

    /// Takes in what a step took.
    pub(super) fn learn(&mut self, answers: usize, prompt_rows: usize, took: Duration) {
        let took = took.as_secs_f64();
        let rows = prompt_rows.max(1) as f64;
        match (answers, prompt_rows) {
            (_, 0) => {
                let quiet = self.quiet_s.entry(answers).or_insert(took);
                *quiet = blended(*quiet, took);
            }
            (0, _) => blend(&mut self.alone_s, took / rows),
            _ => match self.quiet(answers) {
                Some(quiet) => blend(&mut self.beside_s, (took - quiet).max(quiet / 100.0) / rows),
                None => {
                    let prompts = self.alone_s.unwrap_or(0.0) * rows;
                    self.quiet_s.insert(answers, (took - prompts).max(took / 10.0));
                }
            },
        }
    }
}

/// Moves an average, and no further for a step that the system held up than for one that was a little
/// slower, so that it stays near the middle of what steps take.
fn blended(average: f64, value: f64) -> f64 {
    average + (value.clamp(average / 2.0, average * 1.5) - average) * WEIGHT
}

/// [`blended`], or the first value.
fn blend(average: &mut Option<f64>, value: f64) {
    *average = Some(average.map_or(value, |average| blended(average, value)));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box on which answers take 1 ms and each row 0.1 ms, after 100 steps of `prompt` rows wanted.
    fn settled(answer_ms: f64, row_ms: f64, answers: usize) -> (Pace, f64) {
        let mut pace = Pace::new(512);
        let took = |answers: usize, rows: usize| {
            let ms = answer_ms * answers as f64 + row_ms * rows as f64;
            Duration::from_secs_f64(ms / 1e3)
        };
        for _ in 0..20 {
            pace.learn(answers, 0, took(answers, 0));
        }
        for _ in 0..100 {
            let rows = pace.rows(answers);
            pace.learn(answers, rows, took(answers, rows));
        }
        let slower =
            took(answers, pace.rows(answers)).as_secs_f64() / took(answers, 0).as_secs_f64();
        (pace, slower)
    }

    #[test]
    fn running_answers_are_slowed_as_far_as_is_allowed_and_no_further() {
        for (answer_ms, row_ms, answers) in [(1.0, 0.05, 4), (5.0, 0.4, 1), (2.0, 0.1, 16)] {
            let (_, slower) = settled(answer_ms, row_ms, answers);
            assert!((1.3..=1.8).contains(&slower), "{answer_ms} {row_ms} {answers}: {slower}");
        }
    }

    #[test]
    fn a_prompt_is_never_starved_and_never_exceeds_the_cap() {
        let (slow, _) = settled(1.0, 50.0, 1);
        assert_eq!(slow.rows(1), FEWEST_ROWS);
        let (fast, _) = settled(100.0, 0.001, 4);
        assert_eq!(fast.rows(4), 512);
        assert_eq!(Pace::new(3).rows(1), 3);
    }

    #[test]
    fn alone_a_prompt_goes_in_large_pieces_of_bounded_time() {
        let mut pace = Pace::new(512);
        assert_eq!(pace.rows(0), 512);
        pace.learn(0, 512, Duration::from_millis(5_120));
        assert_eq!(pace.rows(0), FEWEST_ROWS_ALONE);
        let mut pace = Pace::new(512);
        pace.learn(0, 100, Duration::from_millis(100));
        assert_eq!(pace.rows(0), 250);
    }

    #[test]
    fn one_step_that_was_held_up_does_not_throw_the_pace_off() {
        let (mut pace, _) = settled(1.0, 0.05, 4);
        let before = pace.rows(4);
        pace.learn(4, before, Duration::from_secs(3));
        assert!(pace.rows(4) >= before / 3, "{before} then {}", pace.rows(4));
    }
}
