//! What a model's answers were like, for whoever decides whether it stays.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Spans of time, each 2^(1/2) times as long as the one before, from one millisecond to half a day.
const SPANS: usize = 52;

/// Answers of one model that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelFigures {
    /// All of them; those that nobody waited for are not among them.
    pub ended: u64,
    /// Those that failed.
    pub failed: u64,
    /// Texts that a check refused, or that were ended before a blocked term, and requests that the
    /// package's template turned down.
    pub refused: u64,
    spans: [u64; SPANS],
}

impl Default for ModelFigures {
    fn default() -> Self {
        Self { ended: 0, failed: 0, refused: 0, spans: [0; SPANS] }
    }
}

impl ModelFigures {
    /// What came since earlier figures of the same model.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut spans = self.spans;
        spans.iter_mut().zip(earlier.spans).for_each(|(now, then)| *now = now.saturating_sub(then));
        Self {
            ended: self.ended.saturating_sub(earlier.ended),
            failed: self.failed.saturating_sub(earlier.failed),
            refused: self.refused.saturating_sub(earlier.refused),
            spans,
        }
    }

    /// The time within which 95 of 100 answers were whole, to a factor of 2^(1/2); none where there
    /// are fewer than 20.
    #[must_use]
    pub fn p95_ms(&self) -> Option<u32> {
        let count: u64 = self.spans.iter().sum();
        if count < 20 {
            return None;
        }
        let mut within = 0;
        let span = self.spans.iter().position(|span| {
            within += span;
            within * 100 >= count * 95
        });
        span.map(|span| 2f64.powf(span as f64 / 2.0).ceil() as u32)
    }
}

/// Figures in the making.
#[derive(Debug)]
pub(super) struct Tally {
    failed: AtomicU64,
    refused: AtomicU64,
    turned_down: AtomicU64,
    spans: [AtomicU64; SPANS],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            failed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            turned_down: AtomicU64::new(0),
            spans: [const { AtomicU64::new(0) }; SPANS],
        }
    }
}

impl Tally {
    pub(super) fn completed(&self, total: Duration) {
        let ms = total.as_secs_f64() * 1000.0;
        let span = (ms.max(1.0).log2() * 2.0).ceil() as usize;
        if let Some(span) = self.spans.get(span.min(SPANS - 1)) {
            span.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    fn figures(&self) -> ModelFigures {
        let mut spans = [0; SPANS];
        spans.iter_mut().zip(&self.spans).for_each(|(to, from)| *to = from.load(Ordering::Relaxed));
        let failed = self.failed.load(Ordering::Relaxed);
        let turned_down = self.turned_down.load(Ordering::Relaxed);
        let refused = self.refused.load(Ordering::Relaxed) + turned_down;
        let ended = spans.iter().sum::<u64>() + failed + turned_down;
        ModelFigures { ended, failed, refused, spans }
    }
}

/// By which whoever asks a model tells what its engine cannot see. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Conduct(Arc<Tally>);

impl Conduct {
    pub(super) fn of(tally: Arc<Tally>) -> Self {
        Self(tally)
    }

    /// A request failed before the engine had it, by the package's fault.
    pub fn failed(&self) {
        self.0.failed();
    }

    /// Its template does not take what was asked.
    pub fn turned_down(&self) {
        self.0.turned_down.fetch_add(1, Ordering::Relaxed);
    }

    /// A text of it was not said, or not to its end.
    pub fn refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// The tally of every model; there are as many as packages were loaded.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<BTreeMap<String, Arc<Tally>>>);

impl Tallies {
    pub(super) fn of(&self, model: &str) -> Arc<Tally> {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tallies.entry(model.to_owned()).or_default())
    }

    pub(super) fn figures(&self, model: &str) -> ModelFigures {
        let tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.get(model).map(|tally| tally.figures()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_what_came_since() {
        let tallies = Tallies::default();
        let tally = tallies.of("m");
        (0..100).for_each(|_| tally.completed(Duration::from_millis(900)));
        let before = tallies.figures("m");
        assert_eq!(before.p95_ms(), Some(1024));
        (0..19).for_each(|_| tally.completed(Duration::from_millis(10)));
        tally.failed();
        let since = tallies.figures("m").since(&before);
        assert_eq!((since.ended, since.failed, since.p95_ms()), (20, 1, None));
        let conduct = Conduct::of(tallies.of("m"));
        conduct.refused();
        conduct.turned_down();
        let since = tallies.figures("m").since(&before);
        assert_eq!((since.ended, since.failed, since.refused), (21, 1, 2));
        tally.completed(Duration::from_millis(1));
        let since = tallies.figures("m").since(&before);
        assert_eq!(since.p95_ms(), Some(12));
        for odd in [Duration::ZERO, Duration::MAX] {
            tally.completed(odd);
        }
        assert_eq!(tallies.figures("other"), ModelFigures::default());
    }
}
