//! What is shared between requests and between models: beginnings of prompts, and memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use endcap::engine::{Config, KvType, LoadError, Model, Probe, Request, Sampling, Scope, TokenId};

use crate::engine::{Counts, answer, answer_and_usage, load, request, source, tokens, wait_until};

/// A request whose prompt begins with `shared` tokens that all of these have in common.
fn beginning(shared: usize, seed: u32, scope: Scope) -> Request {
    let prompt = [tokens(77, shared), tokens(seed, 11)].concat();
    Request { prompt, max_tokens: 30, scope, ..request(seed) }
}

#[test]
fn a_shared_beginning_says_what_a_fresh_one_says() {
    for kv_type in [KvType::F16, KvType::Int8] {
        let config = Config { kv_type, ..Config::default() };
        let (fresh, _) = load(&config);
        let (sharing, counts) = load(&config);
        for (seed, shared) in [(0, 100), (1, 100), (2, 96), (3, 300), (4, 299), (5, 15)] {
            let want = answer(&fresh, beginning(shared, seed, Scope::Alone));
            let before = counts.prompt.load(Ordering::SeqCst);
            let (text, logprobs, reason, usage) =
                answer_and_usage(&sharing, beginning(shared, seed, Scope::Public));
            assert_eq!((text, logprobs, reason), want, "{kv_type:?} {seed}");
            let known = [0, 96, 96, 96, 288, 0][seed as usize];
            assert_eq!(usage.cached_tokens, known, "{kv_type:?} {seed}");
            let computed = counts.prompt.load(Ordering::SeqCst) - before;
            assert_eq!(computed as usize, usage.prompt_tokens - known);
        }
        // An answer that goes on is a beginning too.
        let first = beginning(50, 9, Scope::Public);
        let (_, _, _, usage) = answer_and_usage(&sharing, first.clone());
        assert_eq!(usage.cached_tokens, 48);
        assert_eq!(answer_and_usage(&sharing, first).3.cached_tokens, 48);
    }
}

#[test]
fn no_scope_sees_what_another_computed() {
    let (model, _) = load(&Config::default());
    let cached = |scope| answer_and_usage(&model, beginning(64, 1, scope)).3.cached_tokens;
    for scope in [Scope::Public, Scope::Named(1), Scope::Named(2)] {
        assert_eq!((cached(scope), cached(scope)), (0, 64), "{scope:?}");
    }
    assert_eq!((cached(Scope::Alone), cached(Scope::Alone)), (0, 0));
}

#[test]
fn what_is_forgotten_is_computed_again_and_says_the_same() {
    let (model, _) = load(&Config::default());
    let ask = || answer_and_usage(&model, beginning(64, 1, Scope::Public));
    let (first, second) = (ask(), ask());
    assert_eq!((first.3.cached_tokens, second.3.cached_tokens), (0, 64));
    model.forget_prompts();
    let third = ask();
    assert_eq!((third.3.cached_tokens, third.0), (0, second.0));
    assert_eq!(ask().3.cached_tokens, 64);
}

#[test]
fn prompts_that_begin_the_same_at_once_are_computed_once() {
    let (model, counts) = load(&Config { prefill_chunk_tokens: 64, ..Config::default() });
    let (alone, _) = load(&Config::default());
    // The first holds the thread until the others wait behind it.
    counts.allow(Some(0));
    let holding = model.generate(request(0)).unwrap();
    wait_until("it runs", || counts.generated() == 1);
    let before = counts.prompt.load(Ordering::SeqCst);
    let asked: Vec<_> =
        (0..4).map(|seed| model.generate(beginning(200, seed, Scope::Public)).unwrap()).collect();
    counts.allow(None);
    for (seed, mut generation) in asked.into_iter().enumerate() {
        let mut text = String::new();
        while let Some(chunk) = generation.blocking_next() {
            text.push_str(&chunk.unwrap().text);
        }
        assert_eq!(text, answer(&alone, beginning(200, seed as u32, Scope::Alone)).0);
    }
    drop(holding);
    let computed = counts.prompt.load(Ordering::SeqCst) - before;
    // 12 whole pages of what is shared once; what is behind them, four times.
    assert_eq!(computed, 192 + 4 * (8 + 11));
}

/// Three times as far from 1 as a row of the tiny model's logits was measured to come.
const LEAST: f64 = 0.99;

#[test]
fn eight_bit_keys_and_values_stay_near_the_halves() {
    let prompt: Vec<TokenId> = tokens(5, 300);
    let logits = |kv_type| {
        let config = Config { kv_type, ..Config::default() };
        let mut probe = Probe::load(&source("q4_0"), "", &config).unwrap();
        probe.logits(&[&prompt], 128).unwrap().remove(0)
    };
    let (halves, bytes) = (logits(KvType::F16), logits(KvType::Int8));
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    let cosines =
        halves.iter().zip(&bytes).map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt());
    let least = cosines.fold(1.0, f64::min);
    eprintln!("least cosine of a row of logits {least:.6}");
    assert!(least > LEAST);
    assert_ne!(halves, bytes);
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_the_figures() {
    let weights = Model::check(&source("q4_1")).unwrap().weight_bytes;
    let load = |memory: u64, kv: Option<u64>| {
        let config =
            Config { memory_budget_bytes: Some(memory), kv_budget_bytes: kv, ..Config::default() };
        Model::load(&source("q4_1"), &config, Arc::new(Counts::default()))
    };
    let Err(LoadError::Memory { weight_bytes, free_bytes, budget_bytes }) = load(weights - 1, None)
    else {
        panic!("it was loaded")
    };
    assert_eq!((weight_bytes, free_bytes, budget_bytes), (weights, weights - 1, weights - 1));
    let Err(LoadError::Budget { budget_bytes, .. }) = load(weights + 3, None) else {
        panic!("it was loaded")
    };
    assert_eq!(budget_bytes, 3);
    assert!(matches!(load(weights + (1 << 20), Some(3)), Err(LoadError::Budget { .. })));
    assert!(load(weights + (1 << 20), None).is_ok());
}

#[test]
fn models_share_a_budget_and_one_gives_what_it_only_keeps() {
    let report = Model::check(&source("q4_1")).unwrap();
    let page = 16 * report.kv_bytes_per_token;
    let config = Config {
        memory_budget_bytes: Some(2 * report.weight_bytes + 24 * page),
        ..Config::default()
    };
    let budget = config.budget();
    let load = || {
        let counts = Arc::new(Counts::default());
        let observer = Arc::clone(&counts) as _;
        let model = Model::load_within(&budget, &source("q4_1"), &config, observer).unwrap();
        (model, counts)
    };
    let ((a, a_counts), (b, b_counts)) = (load(), load());
    let long = |seed| Request {
        prompt: tokens(seed, 300),
        max_tokens: 20,
        sampling: Sampling::default(),
        ..request(seed)
    };
    let want = [1, 2].map(|seed| answer(&a, long(seed)));
    wait_until("its sequences are gone", || a_counts.kv_used.load(Ordering::SeqCst) == 0);
    assert!(budget.free_bytes() < 6 * page, "what it computed is kept");
    let start = Instant::now();
    assert_eq!(answer(&b, long(1)), want[0]);
    assert!(start.elapsed() < Duration::from_secs(20));
    // Both at once want more than there is: one waits for the other, and both are answered.
    let answers = [(&a, 1), (&b, 1), (&a, 2), (&b, 2)].map(|(model, seed)| {
        let model = model.clone();
        std::thread::spawn(move || answer(&model, long(seed)))
    });
    for (at, got) in answers.into_iter().enumerate() {
        assert_eq!(got.join().unwrap(), want[at / 2]);
    }
    for counts in [&a_counts, &b_counts] {
        wait_until("all pages are back", || counts.kv_used.load(Ordering::SeqCst) == 0);
        assert!(counts.kv_peak.load(Ordering::SeqCst) <= 24 * page);
    }
    drop((a, b));
    wait_until("all memory is back", || budget.free_bytes() == budget.total_bytes());
}
