//! Choices from the largest logits, where these decide them.

use super::draw::{Field, draw, order};
use super::{Choice, Sampler, strange, unit};
use crate::engine::{EngineError, TokenId};

/// The largest logits of a row, and what all of them weigh.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a processor gives logits"))]
pub(in crate::engine) struct Top {
    /// In their order.
    pub(in crate::engine) best: Vec<(TokenId, f32)>,
    /// Whether these are all tokens.
    pub(in crate::engine) whole: bool,
    /// Sum of `exp((logit - largest) / temperature)` of all tokens.
    pub(in crate::engine) mass: f64,
    /// The same with a temperature of 1.
    pub(in crate::engine) plain_mass: f64,
    /// What both may be off by, as a share of themselves.
    pub(in crate::engine) tolerance: f64,
}

impl Sampler {
    /// Whether the largest logits decide which token is next, and so many tokens' probabilities.
    pub(in crate::engine) fn is_decided_by(&self, top: &Top, logprobs: Option<u8>) -> bool {
        let listed = top.whole || logprobs.is_none_or(|count| usize::from(count) <= top.best.len());
        listed && self.token_of(top, unit(&mut self.random.clone())).is_some()
    }

    /// Chooses from the largest logits, which must decide it. Logarithms of probabilities are as exact
    /// as the masses.
    pub(in crate::engine) fn choose_of(
        &mut self,
        top: &Top,
        logprobs: Option<u8>,
    ) -> Result<Choice, EngineError> {
        let hot = self.sampling.temperature > 0.0;
        let unit = if hot { unit(&mut self.random) } else { 0.0 };
        let token = self.token_of(top, unit).ok_or_else(strange)?;
        *self.seen.entry(token).or_insert(0) += 1;
        let largest = top.best.first().map_or(0.0, |&(_, logit)| logit);
        let of = |logit: f32| (f64::from(logit - largest) - top.plain_mass.ln()) as f32;
        let logprobs = logprobs.map(|count| {
            let own = top.best.iter().find(|(other, _)| *other == token);
            let chosen = own.map_or(f32::NEG_INFINITY, |&(_, logit)| of(logit));
            let listed = top.best.iter().take(count.into());
            (chosen, listed.map(|&(token, logit)| (token, of(logit))).collect())
        });
        Ok(Choice { token, logprobs })
    }

    fn token_of(&self, top: &Top, unit: f64) -> Option<TokenId> {
        let field = self.field(top);
        match self.sampling.temperature > 0.0 {
            true => draw(&field, &self.sampling, unit),
            false => field.best.first().map(|&(token, _)| token),
        }
    }

    /// What is known once bias and penalties have lowered some logits. Others that they lower may be
    /// among those that nobody knows, and whatever was lowered below the last known may be behind
    /// these.
    fn field(&self, top: &Top) -> Field {
        if !self.bends() {
            return match top.whole {
                true => Field::whole(top.best.clone()),
                false => Field::of(top.best.clone(), about(top)),
            };
        }
        let lowered = |&(token, logit): &(TokenId, f32)| (token, self.bent(token, logit) + 0.0);
        let mut best: Vec<_> = top.best.iter().map(lowered).collect();
        let mass = self.mass_of(top, &best);
        best.sort_unstable_by(order);
        if top.whole {
            return Field::whole(best);
        }
        let last = top.best.last().map_or(f32::INFINITY, |&(_, logit)| logit);
        best.retain(|&(_, logit)| logit > last);
        Field::of(best, mass)
    }

    /// What all weigh after some were lowered, at least and at most.
    fn mass_of(&self, top: &Top, lowered: &[(TokenId, f32)]) -> (f64, f64) {
        let largest = |of: &[(TokenId, f32)]| {
            of.iter().map(|&(_, logit)| logit).fold(f32::NEG_INFINITY, f32::max)
        };
        let (before, after) = (largest(&top.best), largest(lowered));
        let temperature = f64::from(self.sampling.temperature);
        let weight = |logit: f32, most: f32| (f64::from(logit - most) / temperature).exp();
        let pairs = top.best.iter().zip(lowered);
        let lost: f64 =
            pairs.map(|(&(_, old), &(_, new))| weight(old, before) - weight(new, before)).sum();
        let is_bent = |token: &TokenId| {
            self.seen.contains_key(token)
                || self.sampling.logit_bias.iter().any(|(biased, _)| biased == token)
        };
        let known = top.best.iter().filter(|(token, _)| is_bent(token)).count();
        let unknown = (self.seen.len() + self.sampling.logit_bias.len()).saturating_sub(known);
        // Each of them weighs at most as much as the last that is known.
        let last = top.best.last().map_or(0.0, |&(_, logit)| weight(logit, before));
        let (least, most) = about(top);
        let scale = weight(before, after);
        let least = (least - lost - unknown as f64 * last) * scale;
        let most = (most - lost) * scale;
        if least.is_finite() && most.is_finite() { (least, most) } else { (0.0, f64::INFINITY) }
    }

    fn bent(&self, token: TokenId, mut logit: f32) -> f32 {
        for (_, bias) in self.sampling.logit_bias.iter().filter(|(biased, _)| *biased == token) {
            logit += bias;
        }
        self.seen.get(&token).map_or(logit, |&count| self.penalised(logit, count))
    }
}

fn about(top: &Top) -> (f64, f64) {
    (top.mass * (1.0 - top.tolerance), top.mass * (1.0 + top.tolerance))
}
