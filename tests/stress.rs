//! Twice what the engine takes, with readers that leave, for as long as is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use endcap::engine::{Config, EngineError, Model, Request, Sampling, Scope};
use rand::{RngExt, SeedableRng};

use crate::engine::{Counts, load, source, tokens, wait_until};
use crate::support::alone;

/// How requests ended.
#[derive(Debug, Default)]
struct Ends {
    answered: AtomicU64,
    left: AtomicU64,
    refused: AtomicU64,
}

/// Asks one thing after another until `until`.
fn ask(model: &Model, seed: u64, until: Instant, ends: &Ends) {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    while Instant::now() < until {
        let shared = tokens(rng.random_range(0..4), rng.random_range(0..150));
        let own = tokens(rng.random_range(0..u32::MAX) % 9_999, rng.random_range(1..150));
        let scopes = [Scope::Public, Scope::Named(1), Scope::Named(2), Scope::Alone];
        let request = Request {
            prompt: [shared, own].concat(),
            sampling: Sampling { temperature: 0.8, seed: rng.random(), ..Default::default() },
            max_tokens: rng.random_range(1..80),
            stop: vec![],
            logprobs: None,
            deadline: Some(Instant::now() + Duration::from_secs(120)),
            scope: scopes[rng.random_range(0..4)],
            constraint: None,
        };
        let leaves_after = rng.random_bool(0.3).then(|| rng.random_range(0..20));
        match model.generate(request) {
            Ok(generation) => read(generation, leaves_after, ends),
            Err(EngineError::QueueFull { retry_after, .. }) => {
                assert!(retry_after >= Duration::from_secs(1));
                ends.refused.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(rng.random_range(1..30)));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn read(mut generation: endcap::engine::Generation, leaves_after: Option<usize>, ends: &Ends) {
    let mut chunks = 0;
    while leaves_after.is_none_or(|after| chunks < after) {
        match generation.blocking_next() {
            Some(Ok(chunk)) if chunk.finish.is_some() => {
                ends.answered.fetch_add(1, Ordering::SeqCst);
                return;
            }
            Some(Ok(_)) => chunks += 1,
            Some(Err(error)) => panic!("an accepted request failed: {error}"),
            None => panic!("an answer without an end"),
        }
    }
    ends.left.fetch_add(1, Ordering::SeqCst);
}

/// Memory of this process.
fn resident_bytes() -> u64 {
    let pid = sysinfo::get_current_pid().unwrap();
    let mut system = sysinfo::System::new();
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
    system.process(pid).unwrap().memory()
}

/// Twice as many readers as can run and wait, and a third of what their pages would take.
fn stress(duration: Duration) {
    let page = 16 * Model::check(&source("q4_1")).unwrap().kv_bytes_per_token;
    let config = Config {
        kv_budget_bytes: Some(40 * page),
        max_sequences: 8,
        max_queue: 8,
        threads: 2,
        ..Config::default()
    };
    let (model, counts): (Model, Arc<Counts>) = load(&config);
    let ends = Ends::default();
    let until = Instant::now() + duration;
    let mut resident = Vec::new();
    std::thread::scope(|scope| {
        for reader in 0..32 {
            let (model, ends) = (&model, &ends);
            scope.spawn(move || ask(model, reader, until, ends));
        }
        while Instant::now() < until {
            std::thread::sleep(duration / 40);
            resident.push(resident_bytes());
        }
    });
    wait_until("all pages are back", || counts.kv_used.load(Ordering::SeqCst) == 0);
    assert!(counts.kv_peak.load(Ordering::SeqCst) <= 40 * page);
    let [answered, left, refused] =
        [&ends.answered, &ends.left, &ends.refused].map(|n| n.load(Ordering::SeqCst));
    let set_aside = counts.set_aside.load(Ordering::SeqCst);
    let mean = |part: &[u64]| part.iter().sum::<u64>() / part.len() as u64 / 1024;
    let (early, late) = (mean(&resident[10..20]), mean(&resident[30..]));
    eprintln!(
        "{duration:?}: {answered} answered, {left} left, {refused} refused, {set_aside} set aside, \
         {early} KiB then {late} KiB"
    );
    assert!(answered > 0 && left > 0 && refused > 0 && set_aside > 0);
    assert!(late < early + early / 10 + 4096, "memory grows: {early} KiB, then {late} KiB");
}

/// For how many seconds, as a process of its own is told.
const SECONDS: &str = "ENDCAP_STRESS_SECONDS";

#[test]
#[ignore = "the other tests give it a process of its own"]
fn in_a_process_of_its_own() {
    let seconds = std::env::var_os(SECONDS).unwrap();
    stress(Duration::from_secs_f64(seconds.to_str().unwrap().parse().unwrap()));
}

#[test]
fn twice_the_capacity_with_readers_that_leave() {
    alone(module_path!(), &[(SECONDS, "20")]);
}

/// `ENDCAP_STRESS_MINUTES` says for how long; 10 without it.
#[test]
#[ignore = "takes ten minutes: tests/run --full"]
fn twice_the_capacity_with_readers_that_leave_for_long() {
    let minutes = std::env::var_os("ENDCAP_STRESS_MINUTES");
    let minutes = minutes.map_or(10.0, |m| m.to_str().unwrap().parse::<f64>().unwrap());
    alone(module_path!(), &[(SECONDS, &(minutes * 60.0).to_string())]);
}
