//! Choices from logits, and from the largest of them.

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
fn no_more_is_asked_for_than_the_choice_may_take() {
    let d = Sampling::default;
    let warm = Ask::Top { temperature: 1.0 };
    for (sampling, logprobs, want) in [
        (d(), None, Ask::Best),
        (d(), Some(0), warm),
        (Sampling { top_k: Some(3), top_p: 0.5, min_p: 0.1, seed: 9, ..d() }, None, Ask::Best),
        (Sampling { temperature: 0.1, ..d() }, Some(3), Ask::Top { temperature: 0.1 }),
        (Sampling { repetition_penalty: 1.1, ..d() }, None, warm),
        (Sampling { repetition_penalty: 0.9, ..d() }, None, Ask::Logits),
        (Sampling { presence_penalty: -0.5, ..d() }, None, Ask::Logits),
        (Sampling { presence_penalty: 0.5, ..d() }, None, warm),
        (Sampling { frequency_penalty: 0.5, ..d() }, None, warm),
        (Sampling { frequency_penalty: -0.5, ..d() }, None, Ask::Logits),
        (Sampling { logit_bias: vec![(1, -2.0)], ..d() }, None, warm),
        (Sampling { logit_bias: vec![(1, -2.0), (2, 2.0)], ..d() }, None, Ask::Logits),
    ] {
        let mut sampler = Sampler::new(sampling.clone(), &[1], None);
        assert_eq!(sampler.ask(logprobs), want, "{sampling:?}");
        if want == Ask::Best {
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
    check(Sampling { temperature: 0.5, ..hot.clone() }, &w, &[16. / 30., 0.3, 4. / 30., 1. / 30.]);
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
    for (top_k, left) in [(None, 2_500), (Some(1_000), 500)] {
        let sampling = Sampling { temperature: 1.0, top_p: 0.5, top_k, ..Default::default() };
        let mut sampler = Sampler::new(sampling, &[], None);
        let mut draw = || sampler.choose(&mut [1.0; 5_000], None).unwrap().token;
        let last = (0..2_000).map(|_| draw()).max().unwrap();
        assert!(last < left && last > left * 49 / 50, "{last} of {left}");
    }
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
    let chosen = Sampler::new(Sampling::default(), &[], None).choose(&mut [f32::NAN, 0.0], None);
    assert!(matches!(chosen, Err(EngineError::Internal(_))));
}

/// Numbers that look like chance, the same each time.
struct Chance(ChaCha8Rng);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.next_u64() as usize % end
    }

    fn unit(&mut self) -> f32 {
        unit(&mut self.0) as f32
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// Like a model's, or all alike, with equal ones and with some that nothing reaches.
    fn logits(&mut self, vocabulary: usize) -> Vec<f32> {
        let spread = self.one(&[0.0, 0.3, 2.0, 8.0]);
        let steps = self.one(&[2.0f32, 64.0, 1e6]);
        let mut logits: Vec<f32> = (0..vocabulary)
            .map(|_| (0..4).map(|_| self.unit() - 0.5).sum::<f32>() * spread)
            .map(|logit| (logit * steps).round() / steps)
            .collect();
        for _ in 0..self.below(4) {
            logits[self.below(vocabulary)] += self.unit() * 9.0;
        }
        for _ in 0..self.one(&[0, 0, vocabulary / 2, vocabulary * 3]) {
            logits[self.below(vocabulary)] = f32::NEG_INFINITY;
        }
        logits
    }

    fn sampling(&mut self) -> Sampling {
        Sampling {
            temperature: self.one(&[0.0, 0.02, 0.7, 1.0, 3.0]),
            top_k: self.one(&[None, None, Some(0), Some(1), Some(40), Some(64), Some(400)]),
            top_p: self.one(&[1.0, 1.0, 0.99, 0.9, 0.3]),
            min_p: self.one(&[0.0, 0.0, 0.0, 0.001, 0.2]),
            repetition_penalty: self.one(&[1.0, 1.0, 1.0, 1.05, 1.3]),
            presence_penalty: self.one(&[0.0, 0.0, 0.0, 0.4]),
            frequency_penalty: self.one(&[0.0, 0.0, 0.0, 0.1]),
            logit_bias: (0..self.one(&[0, 0, 3]))
                .map(|_| (self.below(200) as TokenId, -self.unit() * 3.0))
                .collect(),
            seed: self.0.next_u64(),
        }
    }
}

/// The `count` largest of logits, as a device gives them: what they weigh is off by its tolerance.
fn largest_of(chance: &mut Chance, logits: &[f32], count: usize, temperature: f32) -> Top {
    const TOLERANCE: f64 = 3e-5;
    let most = super::largest(logits);
    let mut weigh = |temperature: f32| {
        let weight = |logit: &f32| (f64::from(logit - most) / f64::from(temperature)).exp();
        let off = (f64::from(chance.unit()) * 2.0 - 1.0) * TOLERANCE * 0.8;
        logits.iter().map(weight).sum::<f64>() * (1.0 + off)
    };
    Top {
        mass: weigh(if temperature > 0.0 { temperature } else { 1.0 }),
        plain_mass: weigh(1.0),
        best: super::most(logits, count),
        whole: count >= logits.len(),
        tolerance: TOLERANCE,
    }
}

#[test]
fn the_largest_logits_choose_what_all_choose_wherever_they_decide() {
    let mut decided = 0;
    for seed in 0..4_000 {
        let mut chance = Chance::new(seed);
        let vocabulary = chance.one(&[1, 7, 100, 700, 3_000]);
        let (sampling, count) = (chance.sampling(), chance.one(&[1, 32, 64, 128]));
        let logprobs = chance.one(&[None, Some(0), Some(5), Some(40)]);
        let prompt: Vec<TokenId> = (0..chance.below(30)).map(|_| chance.below(200) as _).collect();
        let mut of_all = Sampler::new(sampling.clone(), &prompt, None);
        let mut of_largest = Sampler::new(sampling.clone(), &prompt, None);
        for round in 0..4 {
            let logits = chance.logits(vocabulary);
            let top = largest_of(&mut chance, &logits, count, sampling.temperature);
            let want = of_all.choose(&mut logits.clone(), logprobs).unwrap();
            let have = if of_largest.is_decided_by(&top, logprobs) {
                decided += 1;
                of_largest.choose_of(&top, logprobs).unwrap()
            } else {
                assert!(!top.whole, "seed {seed}, round {round}: all are known");
                of_largest.choose(&mut logits.clone(), logprobs).unwrap()
            };
            let what = format!("seed {seed}, round {round}, {count} of {vocabulary}: {sampling:?}");
            assert_eq!(have.token, want.token, "{what}");
            assert_eq!(have.logprobs.is_some(), want.logprobs.is_some(), "{what}");
            let (have, want) = (have.logprobs.into_iter(), want.logprobs.into_iter());
            for ((own, listed), (own_wanted, listed_wanted)) in have.zip(want) {
                let near =
                    |a: f32, b: f32| a == b || (a - b).abs() < 1e-4 || a.is_nan() && b.is_nan();
                assert!(near(own, own_wanted), "{what}");
                assert_eq!(listed.len(), listed_wanted.len(), "{what}");
                for (have, want) in listed.iter().zip(&listed_wanted) {
                    assert!(have.0 == want.0 && near(have.1, want.1), "{what}");
                }
            }
        }
    }
    assert!(decided > 8_000, "only {decided} of 16,000 were decided");
}

#[test]
fn what_is_usual_is_decided_by_the_largest_logits() {
    let warm = Sampling { temperature: 0.7, ..Default::default() };
    for sampling in [
        Sampling { top_k: Some(40), ..warm.clone() },
        Sampling { top_k: Some(64), top_p: 0.9, presence_penalty: 0.5, ..warm.clone() },
        Sampling { min_p: 0.05, repetition_penalty: 1.1, ..warm.clone() },
        Sampling { top_p: 0.9, ..warm.clone() },
        Sampling { frequency_penalty: 0.3, ..Sampling::default() },
    ] {
        let (mut chance, mut decided) = (Chance::new(5), 0);
        let mut sampler = Sampler::new(sampling.clone(), &[3, 4], None);
        for _ in 0..200 {
            // A few thousand tokens with little between them, and some that stand out.
            let mut logits: Vec<f32> = (0..4_000).map(|_| chance.unit() * 4.0).collect();
            (0..20).for_each(|_| logits[chance.below(4_000)] = 10.0 + chance.unit() * 4.0);
            let top = largest_of(&mut chance, &logits, 128, sampling.temperature);
            decided += usize::from(sampler.is_decided_by(&top, None));
            sampler.choose(&mut logits, None).unwrap();
        }
        assert!(decided >= 190, "{decided} of 200: {sampling:?}");
    }
}
