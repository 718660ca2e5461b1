//! How long an encoder takes, to compare a device with the processor.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::cpu::{NetworkState, Side};
use super::super::network::InferError;
use super::trial::Measured;

/// Tokens of a text that is timed by itself: a question.
const ALONE_TOKENS: usize = 16;
/// Texts that are timed together, and tokens of each.
const TOGETHER: (usize, usize) = (8, 64);
/// Each is timed so often, and the shortest time counts.
const ROUNDS: usize = 3;

/// What a trial took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TextTimes {
    /// A short text by itself.
    pub(super) alone: Duration,
    /// Several longer ones.
    pub(super) together: Duration,
}

impl Measured for TextTimes {
    /// A text that comes alone counts as much as one among others.
    fn usual(&self) -> Duration {
        self.alone * TOGETHER.0 as u32 + self.together
    }
}

impl TextTimes {
    /// Runs an encoder for a moment. A graph whose texts do not join is given one at a time.
    pub(super) fn of(state: &mut NetworkState, side: Side) -> Result<Self, InferError> {
        let texts = if state.joins() { TOGETHER.0 } else { 1 };
        let times = (TOGETHER.0 / texts) as u32;
        let alone = shortest(state, side, 1, ALONE_TOKENS)?;
        let together = shortest(state, side, texts, TOGETHER.1)? * times;
        Ok(Self { alone, together })
    }
}

fn shortest(
    state: &mut NetworkState,
    side: Side,
    texts: usize,
    tokens: usize,
) -> Result<Duration, InferError> {
    let unknown = || InferError::Internal("it takes no texts of tokens".to_owned());
    let inputs = state.sample(texts, tokens).ok_or_else(unknown)?;
    let outputs: Vec<usize> = (0..state.plan().outputs().len()).collect();
    // The first time pays for what is done once.
    state.run(&inputs, &outputs, side)?;
    let mut shortest = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        state.run(&inputs, &outputs, side)?;
        shortest = shortest.min(start.elapsed());
    }
    Ok(shortest)
}
