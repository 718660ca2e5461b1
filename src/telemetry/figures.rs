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
    spans: [u64; SPANS],
}

impl Default for ModelFigures {
    fn default() -> Self {
        Self { ended: 0, failed: 0, spans: [0; SPANS] }
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
    spans: [AtomicU64; SPANS],
}

impl Default for Tally {
    fn default() -> Self {
        Self { failed: AtomicU64::new(0), spans: [const { AtomicU64::new(0) }; SPANS] }
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
        ModelFigures { ended: spans.iter().sum::<u64>() + failed, failed, spans }
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
        tally.completed(Duration::from_millis(1));
        let since = tallies.figures("m").since(&before);
        assert_eq!(since.p95_ms(), Some(12));
        for odd in [Duration::ZERO, Duration::MAX] {
            tally.completed(odd);
        }
        assert_eq!(tallies.figures("other"), ModelFigures::default());
    }
}
