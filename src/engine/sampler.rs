//! Chooses the next token from logits.
//!
//! In this order: bias, repetition penalty (Keskar et al. 2019), presence and frequency penalties,
//! the form that was asked for, temperature, top-k, top-p (Holtzman et al. 2020), min-p (Nguyen et
//! al. 2024), draw.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

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

    /// Whether it takes the token with the largest logit, whatever the others are.
    pub(super) fn takes_the_best(&self) -> bool {
        let s = &self.sampling;
        let bent = s.repetition_penalty != 1.0 || s.presence_penalty != 0.0;
        let free = s.logit_bias.is_empty() && self.constraint.is_none();
        s.temperature <= 0.0 && !bent && s.frequency_penalty == 0.0 && free
    }

    /// Chooses from `logits`, which it changes.
    pub(super) fn choose(
        &mut self,
        logits: &mut [f32],
        top: Option<u8>,
    ) -> Result<Choice, EngineError> {
        let strange = || EngineError::Internal("the model's logits are not numbers".to_owned());
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
        let s = &self.sampling;
        for (token, bias) in &s.logit_bias {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit += bias;
            }
        }
        for (token, count) in &self.seen {
            let Some(logit) = logits.get_mut(*token as usize) else { continue };
            if s.repetition_penalty != 1.0 {
                let up = *logit > 0.0;
                *logit *= if up { 1.0 / s.repetition_penalty } else { s.repetition_penalty };
            }
            if *count > 0 {
                *logit -= s.presence_penalty + s.frequency_penalty * *count as f32;
            }
        }
    }

    fn draw(&mut self, logits: &mut [f32]) -> Option<TokenId> {
        let s = &self.sampling;
        let largest = largest(logits);
        if !largest.is_finite() {
            return best(logits);
        }
        for logit in logits.iter_mut() {
            *logit = ((*logit - largest) / s.temperature).exp();
        }
        let weights = logits;
        let filtered = s.top_k.is_some_and(|k| k > 0) || s.top_p < 1.0;
        let mut kept: Vec<(TokenId, f32)> = if filtered {
            self.nucleus(weights)
        } else {
            weights.iter().enumerate().map(|(i, &w)| (i as TokenId, w)).collect()
        };
        // The best token has weight 1.
        kept.retain(|&(_, weight)| weight > 0.0 && weight >= self.sampling.min_p);
        let total: f64 = kept.iter().map(|&(_, w)| f64::from(w)).sum();
        let unit = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut left = unit * total;
        let drawn = kept.iter().find(|&&(_, weight)| {
            left -= f64::from(weight);
            left < 0.0
        });
        drawn.or(kept.last()).map(|&(token, _)| token)
    }

    /// The tokens that top-k and top-p leave, best first.
    fn nucleus(&self, weights: &[f32]) -> Vec<(TokenId, f32)> {
        let s = &self.sampling;
        let top_k = s.top_k.map(|k| k as usize).filter(|k| (1..weights.len()).contains(k));
        // Probabilities are those among the k best, as top-k comes first.
        if let Some(k) = top_k {
            let mut kept = most(weights, k);
            let total: f64 = kept.iter().map(|&(_, weight)| f64::from(weight)).sum();
            kept.truncate(reach(&kept, s.top_p, total).unwrap_or(k));
            return kept;
        }
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let mut take = weights.len().min(256);
        loop {
            let mut kept = most(weights, take);
            if let Some(count) = reach(&kept, s.top_p, total) {
                kept.truncate(count);
                return kept;
            }
            if take == weights.len() {
                return kept;
            }
            take = (take * 8).min(weights.len());
        }
    }
}

/// How many of the best it takes to reach `top_p` of `total`.
fn reach(best: &[(TokenId, f32)], top_p: f32, total: f64) -> Option<usize> {
    let mut sum = 0.0;
    let last = best.iter().position(|&(_, weight)| {
        sum += f64::from(weight);
        sum >= f64::from(top_p) * total
    });
    last.filter(|_| top_p < 1.0).map(|last| last + 1)
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

/// The `count` largest, best first; the smaller number first of equals.
fn most(values: &[f32], count: usize) -> Vec<(TokenId, f32)> {
    let order = |a: &(TokenId, f32), b: &(TokenId, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let mut all: Vec<_> = values.iter().enumerate().map(|(i, &v)| (i as TokenId, v)).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of `logits`' tokens is drawn in 20,000 draws from fresh states.
    fn shares(sampling: &Sampling, logits: &[f32]) -> Vec<f64> {
        let mut sampler = Sampler::new(sampling.clone(), &[], None);
        let mut counts = vec![0.0; logits.len()];
        for _ in 0..20_000 {
            sampler.seen.clear();
            let choice = sampler.choose(&mut logits.to_vec(), None).unwrap();
            counts[choice.token as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    fn check(sampling: Sampling, weights: &[f32], want: &[f64]) {
        let logits: Vec<f32> = weights.iter().map(|w| w.ln()).collect();
        let got = shares(&sampling, &logits);
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 0.015, "{sampling:?}: {got} for {want}");
        }
    }

    #[test]
    fn the_best_is_enough_only_where_nothing_bends_the_logits() {
        let d = Sampling::default;
        for (sampling, want) in [
            (d(), true),
            (Sampling { top_k: Some(3), top_p: 0.5, min_p: 0.1, seed: 9, ..d() }, true),
            (Sampling { temperature: 0.1, ..d() }, false),
            (Sampling { repetition_penalty: 1.1, ..d() }, false),
            (Sampling { presence_penalty: -0.5, ..d() }, false),
            (Sampling { frequency_penalty: 0.5, ..d() }, false),
            (Sampling { logit_bias: vec![(1, 2.0)], ..d() }, false),
        ] {
            let mut sampler = Sampler::new(sampling.clone(), &[1], None);
            assert_eq!(sampler.takes_the_best(), want, "{sampling:?}");
            if want {
                let logits = [0.5, 2.0, -1.0, 2.0];
                assert_eq!(sampler.choose(&mut logits.to_vec(), None).unwrap().token, 1);
            }
        }
    }

    #[test]
    fn draws_follow_the_distribution_that_the_filters_leave() {
        let hot = Sampling { temperature: 1.0, ..Default::default() };
        let w = [4.0, 3.0, 2.0, 1.0];
        check(hot.clone(), &w, &[0.4, 0.3, 0.2, 0.1]);
        check(
            Sampling { temperature: 0.5, ..hot.clone() },
            &w,
            &[16. / 30., 0.3, 4. / 30., 1. / 30.],
        );
        check(Sampling { top_k: Some(2), ..hot.clone() }, &w, &[4. / 7., 3. / 7., 0., 0.]);
        check(Sampling { top_p: 0.7, ..hot.clone() }, &w, &[4. / 7., 3. / 7., 0., 0.]);
        check(Sampling { top_p: 0.71, ..hot.clone() }, &w, &[4. / 9., 3. / 9., 2. / 9., 0.]);
        check(Sampling { min_p: 0.5, ..hot.clone() }, &w, &[4. / 9., 3. / 9., 2. / 9., 0.]);
        let biased = Sampling { logit_bias: vec![(3, 100.0)], ..hot.clone() };
        check(biased, &w, &[0., 0., 0., 1.]);
        let banned = Sampling { logit_bias: vec![(0, -100.0)], ..Default::default() };
        check(banned, &w, &[0., 1., 0., 0.]);
    }

    #[test]
    fn a_nucleus_wider_than_the_first_look_is_found() {
        let weights = vec![1.0f32; 5_000];
        let sampler = Sampler::new(Sampling { top_p: 0.5, ..Default::default() }, &[], None);
        assert_eq!(sampler.nucleus(&weights).len(), 2_500);
        let sampler = Sampler::new(
            Sampling { top_p: 0.5, top_k: Some(1_000), ..Default::default() },
            &[],
            None,
        );
        assert_eq!(sampler.nucleus(&weights).len(), 500);
    }

    #[test]
    fn penalties_push_down_what_was_said() {
        let greedy = |sampling: Sampling, prompt: &[TokenId], rounds: usize| -> Vec<TokenId> {
            let mut sampler = Sampler::new(sampling, prompt, None);
            let logits = [2.0, 1.9, 1.0];
            (0..rounds).map(|_| sampler.choose(&mut logits.to_vec(), None).unwrap().token).collect()
        };
        assert_eq!(greedy(Sampling::default(), &[], 2), [0, 0]);
        let presence = Sampling { presence_penalty: 0.5, ..Default::default() };
        assert_eq!(greedy(presence, &[0], 4), [0, 1, 0, 0]);
        let frequency = Sampling { frequency_penalty: 0.5, ..Default::default() };
        assert_eq!(greedy(frequency, &[], 5), [0, 1, 0, 1, 0]);
        let repetition = Sampling { repetition_penalty: 1.5, ..Default::default() };
        assert_eq!(greedy(repetition, &[0], 1), [1]);
    }

    #[test]
    fn the_seed_decides() {
        let run = |seed| -> Vec<TokenId> {
            let sampling = Sampling { temperature: 1.0, seed, ..Default::default() };
            let mut sampler = Sampler::new(sampling, &[], None);
            (0..32).map(|_| sampler.choose(&mut [0.0; 100], None).unwrap().token).collect()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn logprobs_are_of_the_model_not_of_the_filters() {
        let sampling = Sampling {
            temperature: 2.0,
            top_k: Some(1),
            logit_bias: vec![(1, 9.0)],
            ..Default::default()
        };
        let mut logits = [0.6f32.ln(), 0.3f32.ln(), 0.1f32.ln()];
        let choice = Sampler::new(sampling, &[], None).choose(&mut logits, Some(2)).unwrap();
        assert_eq!(choice.token, 1);
        let (chosen, top) = choice.logprobs.unwrap();
        assert!((chosen - 0.3f32.ln()).abs() < 1e-6);
        assert_eq!(top.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 1]);
        assert!((top[0].1 - 0.6f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn logits_that_are_no_numbers_choose_nothing() {
        let chosen =
            Sampler::new(Sampling::default(), &[], None).choose(&mut [f32::NAN, 0.0], None);
        assert!(matches!(chosen, Err(EngineError::Internal(_))));
    }
}
