//! When to try again.

use std::time::Duration;

use super::FetchLimits;
use super::error::FetchError;

/// Why a try ended.
#[derive(Debug)]
pub(super) enum Cut {
    /// Another try may go on.
    Again {
        why: String,
        /// How long the other side wants to be left alone.
        after: Option<Duration>,
        /// Whether what came was wrong.
        wrong: bool,
    },
    /// Another try would end the same.
    Never(FetchError),
}

impl Cut {
    pub(super) fn again(why: impl Into<String>) -> Self {
        Self::Again { why: why.into(), after: None, wrong: false }
    }

    pub(super) fn wrong() -> Self {
        Self::Again { why: "it sends other bytes".to_owned(), after: None, wrong: true }
    }
}

impl From<FetchError> for Cut {
    fn from(error: FetchError) -> Self {
        Self::Never(error)
    }
}

/// Tries in a row.
#[derive(Debug)]
pub(super) struct Retry {
    limits: FetchLimits,
    idle: u32,
    wrong: u32,
}

impl Retry {
    pub(super) fn new(limits: FetchLimits) -> Self {
        Self { limits, idle: 0, wrong: 0 }
    }

    /// Waits for the next try, or says that there is none.
    pub(super) async fn pause(&mut self, cut: Cut, progressed: bool) -> Result<(), FetchError> {
        let (why, after, wrong) = match cut {
            Cut::Never(error) => return Err(error),
            Cut::Again { why, after, wrong } => (why, after, wrong),
        };
        // Wrong bytes use the line up whether some were right before or not.
        self.wrong += u32::from(wrong);
        self.idle = if progressed { 0 } else { self.idle + 1 };
        if self.wrong >= self.limits.max_idle_tries {
            return Err(FetchError::Wrong);
        }
        if self.idle >= self.limits.max_idle_tries {
            return Err(FetchError::Unreachable { why });
        }
        let most = self.limits.first_pause.saturating_mul(1 << self.idle.min(16));
        let pause = jittered(most.min(self.limits.max_pause));
        let asked = after.unwrap_or_default().min(self.limits.max_pause);
        tracing::debug!(why, "a fetch was cut; it goes on");
        tokio::time::sleep(pause.max(asked)).await;
        Ok(())
    }
}

/// Somewhere between nothing and this.
pub(crate) fn jittered(most: Duration) -> Duration {
    let mut bytes = [0; 4];
    // Without randomness all wait the longest.
    if getrandom::fill(&mut bytes).is_err() {
        return most;
    }
    most.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}
