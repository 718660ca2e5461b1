//! Chooses the next token from logits, or from the largest of them where these are enough.
//!
//! In this order: bias, repetition penalty (Keskar et al. 2019), presence and frequency penalties,
//! the form that was asked for, temperature, top-k, top-p (Holtzman et al. 2020), min-p (Nguyen et
//! al. 2024), draw. Tokens stand in the order of their logits, the largest first, the first of equals
//! first; each filter leaves the beginning of what the one before left.

mod draw;
#[cfg(test)]
mod tests;
mod top;

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use self::draw::{Field, draw, order};
pub(super) use self::top::Top;
use super::backend::Ask;
use super::{Constraint, EngineError, Sampling, TokenId};

/// The sampling state of one sequence.
pub(super) struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
    /// Tokens of the prompt, and how often each is in the answer.
    seen: HashMap<TokenId, u32>,
    constraint: Option<Constraint>,
}

/// A chosen token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) token: TokenId,
    /// Natural logarithm of its probability before anything was changed, and the best tokens' ones.
    pub(super) logprobs: Option<(f32, Vec<(TokenId, f32)>)>,
}

/// The largest logits that are looked at first.
const FIRST_LOOK: usize = 256;

impl Sampler {
    pub(super) fn new(
        sampling: Sampling,
        prompt: &[TokenId],
        constraint: Option<Constraint>,
    ) -> Self {
        let random = ChaCha8Rng::seed_from_u64(sampling.seed);
        // Only the repetition penalty looks at the prompt.
        let prompt = if sampling.repetition_penalty == 1.0 { &[] } else { prompt };
        let seen = prompt.iter().map(|&token| (token, 0)).collect();
        Self { sampling, random, seen, constraint }
    }

    /// What it needs to choose, with so many of the best tokens' probabilities.
    pub(super) fn ask(&self, logprobs: Option<u8>) -> Ask {
        let s = &self.sampling;
        // Where nothing is lifted, what is not among the largest stays behind them.
        let lifts = s.logit_bias.iter().any(|(_, bias)| *bias > 0.0)
            || s.repetition_penalty < 1.0
            || s.presence_penalty < 0.0
            || s.frequency_penalty < 0.0;
        if self.constraint.is_some() || lifts {
            return Ask::Logits;
        }
        match logprobs {
            None if s.temperature <= 0.0 && !self.bends() => Ask::Best,
            _ if s.temperature <= 0.0 => Ask::Top { temperature: 1.0 },
            _ => Ask::Top { temperature: s.temperature },
        }
    }

    /// Chooses from all `logits`, which it changes.
    pub(super) fn choose(
        &mut self,
        logits: &mut [f32],
        top: Option<u8>,
    ) -> Result<Choice, EngineError> {
        if logits.iter().any(|logit| logit.is_nan()) {
            return Err(strange());
        }
        let before = top.map(|_| logits.to_vec());
        self.adjust(logits);
        if let Some(constraint) = &mut self.constraint {
            constraint.narrow(logits).map_err(EngineError::Constraint)?;
        }
        let hot = self.sampling.temperature > 0.0;
        let token = if hot { self.draw(logits) } else { best(logits) }.ok_or_else(strange)?;
        if let Some(constraint) = &mut self.constraint {
            constraint.accept(token).map_err(EngineError::Constraint)?;
        }
        *self.seen.entry(token).or_insert(0) += 1;
        let logprobs = before.zip(top).map(|(logits, top)| logprobs(&logits, token, top.into()));
        Ok(Choice { token, logprobs })
    }

    fn adjust(&self, logits: &mut [f32]) {
        for (token, bias) in &self.sampling.logit_bias {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit += bias;
            }
        }
        for (token, count) in &self.seen {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit = self.penalised(*logit, *count);
            }
        }
    }

    /// The logit of a token that is so often in the answer, or not at all but in the prompt.
    fn penalised(&self, mut logit: f32, count: u32) -> f32 {
        let s = &self.sampling;
        if s.repetition_penalty != 1.0 {
            let up = logit > 0.0;
            logit *= if up { 1.0 / s.repetition_penalty } else { s.repetition_penalty };
        }
        if count > 0 {
            logit -= s.presence_penalty + s.frequency_penalty * count as f32;
        }
        logit
    }

    /// Whether penalties or a bias change logits.
    fn bends(&self) -> bool {
        let s = &self.sampling;
        let penalties = [s.presence_penalty, s.frequency_penalty];
        let bent = s.repetition_penalty != 1.0 || penalties.iter().any(|penalty| *penalty != 0.0);
        bent || !s.logit_bias.is_empty()
    }

    fn draw(&mut self, logits: &[f32]) -> Option<TokenId> {
        let s = &self.sampling;
        let unit = unit(&mut self.random);
        let largest = largest(logits);
        let mass = || -> f64 {
            let weight = |&logit: &f32| f64::from(((logit - largest) / s.temperature).exp());
            logits.iter().map(weight).sum()
        };
        let mut known = None;
        let mut take = logits.len().min(FIRST_LOOK);
        loop {
            let best = most(logits, take);
            // What all weigh matters only where top-k does not leave some of these.
            let field = match s.top_k.is_some_and(|k| (1..=take).contains(&(k as usize))) {
                true => Field::of(best, (0.0, f64::INFINITY)),
                false if take == logits.len() => Field::whole(best),
                false => Field::about(best, *known.get_or_insert_with(mass)),
            };
            match draw(&field, s, unit) {
                None if take < logits.len() => take = (take * 8).min(logits.len()),
                drawn => return drawn,
            }
        }
    }
}

fn strange() -> EngineError {
    EngineError::Internal("the model's logits are not numbers".to_owned())
}

/// A number in 0..1.
fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// The largest logit's token; the first of equals.
fn best(logits: &[f32]) -> Option<TokenId> {
    let largest = largest(logits);
    logits.iter().position(|&logit| logit == largest).map(|at| at as TokenId)
}

/// The largest of numbers, several side by side, as a processor compares them.
fn largest(logits: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (chunks, rest) = logits.as_chunks::<16>();
    for chunk in chunks {
        for (lane, &logit) in lanes.iter_mut().zip(chunk) {
            *lane = if logit > *lane { logit } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The `count` largest in their order.
fn most(logits: &[f32], count: usize) -> Vec<(TokenId, f32)> {
    // Both zeros are equal.
    let pair = |(token, &logit): (usize, &f32)| (token as TokenId, logit + 0.0);
    let mut all: Vec<_> = logits.iter().enumerate().map(pair).collect();
    if count == 0 {
        return Vec::new();
    }
    if count < all.len() {
        all.select_nth_unstable_by(count - 1, order);
        all.truncate(count);
    }
    all.sort_unstable_by(order);
    all
}

fn logprobs(logits: &[f32], token: TokenId, top: usize) -> (f32, Vec<(TokenId, f32)>) {
    let largest = largest(logits);
    let sum: f64 = logits.iter().map(|&l| f64::from(l - largest).exp()).sum();
    let of = |logit: f32| (f64::from(logit - largest) - sum.ln()) as f32;
    let chosen = logits.get(token as usize).map_or(f32::NEG_INFINITY, |&logit| of(logit));
    (chosen, most(logits, top).into_iter().map(|(t, logit)| (t, of(logit))).collect())
}
