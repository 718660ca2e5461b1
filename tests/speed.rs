//! What sharing and pacing are for, as times of one engine against its own. They need a model of some
//! size and a machine that does nothing else: `ENDCAP_SPEED_PACKAGE` names a package.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use endcap::engine::{
    Config, KvType, Model, ModelSource, Probe, Request, Sampling, Scope, TokenId,
};

use crate::engine::{Counts, tokens};

fn source() -> ModelSource {
    let package = PathBuf::from(std::env::var_os("ENDCAP_SPEED_PACKAGE").expect("a package"));
    ModelSource {
        name: "speed".to_owned(),
        onnx: package.join("model.onnx"),
        tokenizer: package.join("tokenizer.json"),
        end_tokens: vec![],
        context_tokens: 4096,
        derived: None,
    }
}

fn load() -> Model {
    let config = Config { threads: 2, ..Config::default() };
    Model::load(&source(), &config, Arc::new(Counts::default())).unwrap()
}

fn request(prompt: Vec<TokenId>, max_tokens: usize, scope: Scope) -> Request {
    Request {
        prompt,
        sampling: Sampling::default(),
        max_tokens,
        stop: vec![],
        logprobs: Some(0),
        deadline: None,
        scope,
        constraint: None,
    }
}

/// When each token of an answer came.
fn times(model: &Model, request: Request) -> Vec<Instant> {
    let mut generation = model.generate(request).unwrap();
    let mut times = Vec::new();
    while let Some(chunk) = generation.blocking_next() {
        times.extend(chunk.unwrap().tokens.iter().map(|_| Instant::now()));
    }
    times
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn percentile_99(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() * 99 / 100]
}

#[test]
#[ignore = "measures: needs ENDCAP_SPEED_PACKAGE and a quiet machine"]
fn a_cached_beginning_saves_three_quarters_of_the_first_token_s_time() {
    let model = load();
    let first_token = |prompt: Vec<TokenId>, scope| {
        let start = Instant::now();
        times(&model, request(prompt, 1, scope))[0] - start
    };
    let prompt = |seed: u32| [tokens(3, 500), tokens(seed, 100)].concat();
    first_token(prompt(0), Scope::Public);
    let (mut fresh, mut cached) = (Vec::new(), Vec::new());
    for seed in 1..8 {
        fresh.push(first_token(prompt(seed), Scope::Alone));
        cached.push(first_token(prompt(seed), Scope::Public));
    }
    let (fresh, cached) = (median(fresh), median(cached));
    eprintln!("600 tokens {fresh:?}, 500 of them cached {cached:?}");
    assert!(cached <= fresh / 4);
}

#[test]
#[ignore = "measures: needs ENDCAP_SPEED_PACKAGE and a quiet machine"]
fn a_long_prompt_at_most_doubles_the_gaps_of_running_answers() {
    let model = load();
    let long = |seed| request(tokens(seed, 1500), 1, Scope::Alone);
    let (mut quiet, mut beside) = (Vec::new(), Vec::new());
    let mut arrivals = Vec::new();
    std::thread::scope(|scope| {
        let streams: Vec<_> = (0..4)
            .map(|seed| {
                let model = &model;
                let asked = request(tokens(seed, 100), 1600, Scope::Alone);
                scope.spawn(move || times(model, asked))
            })
            .collect();
        std::thread::sleep(Duration::from_secs(2));
        for seed in 10..13 {
            let start = Instant::now();
            times(&model, long(seed));
            arrivals.push((start, Instant::now()));
            std::thread::sleep(Duration::from_millis(700));
        }
        for stream in streams {
            for pair in stream.join().unwrap().windows(2).skip(20) {
                let inside = |(from, to): &(Instant, Instant)| pair[1] > *from && pair[0] < *to;
                let gaps = if arrivals.iter().any(inside) { &mut beside } else { &mut quiet };
                gaps.push(pair[1] - pair[0]);
            }
        }
    });
    let took: Vec<_> = arrivals.iter().map(|(from, to)| *to - *from).collect();
    eprintln!("1,500 tokens beside 4 answers took {took:?}; {} gaps", beside.len());
    eprintln!("median {:?} then {:?}", median(quiet.clone()), median(beside.clone()));
    let (quiet, beside) = (percentile_99(quiet), percentile_99(beside));
    eprintln!("p99 {quiet:?} then {beside:?}");
    assert!(beside <= 2 * quiet);
}

#[test]
#[ignore = "measures: needs ENDCAP_SPEED_PACKAGE and a quiet machine"]
fn contexts_of_all_lengths() {
    for kv_type in [KvType::F16, KvType::Int8] {
        for threads in [1, 2] {
            let config = Config { threads, kv_type, ..Config::default() };
            let mut probe = Probe::load(&source(), "", &config).unwrap();
            for context in [128, 512, 2000] {
                let (prefill, decode) = probe.time(context, 1, 64).unwrap();
                eprintln!(
                    "{kv_type:?} {threads} threads, {context} tokens: prefill {:.0} tok/s, decode \
                     {:.3} ms a token",
                    context as f64 / prefill.as_secs_f64(),
                    decode.as_secs_f64() * 1e3 / 64.0
                );
            }
        }
    }
}
