//! Six packages in room for some of them, asked, loaded, unloaded and pinned at random.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};

use super::{ON_DEMAND, TIGHT, act, question};
use crate::support::{Ask, SHELF, Server, shelf};

/// How long the server is looked at before its memory is expected to stay as it is.
const WARM: f64 = 0.3;

fn storm(duration: Duration) {
    let server = Server::start_in(shelf(), &[ON_DEMAND, TIGHT]);
    let (until, asked) = (Instant::now() + duration, AtomicUsize::new(0));
    let seed: u64 = rand::random::<u32>().into();
    eprintln!("seed {seed}");
    let mut resident = Vec::new();
    std::thread::scope(|scope| {
        for asker in 0..6 {
            let (server, asked) = (&server, &asked);
            scope.spawn(move || {
                let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed + asker);
                while Instant::now() < until {
                    let name = SHELF[rng.random_range(0..SHELF.len())].0;
                    let answer = server.ask(question(name));
                    assert_eq!(answer.status, 200, "{name}: {}\n{}", answer.text(), server.log());
                    asked.fetch_add(1, Ordering::SeqCst);
                    if rng.random_bool(0.2) {
                        let name = SHELF[rng.random_range(0..SHELF.len())].0;
                        let verb = ["load", "unload"][rng.random_range(0..2)];
                        let status = act(server, name, verb).status;
                        assert!([200, 409].contains(&status), "{verb} {name}: {status}");
                    }
                }
            });
        }
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
            resident.push(server.memory_bytes());
        }
    });
    let loads = server.metric("endcap_model_loads_total", "");
    let evictions = server.metric("endcap_model_evictions_total", "");
    let asked = asked.load(Ordering::SeqCst);
    eprintln!("{duration:?}: {asked} answers, {loads} loads, {evictions} evictions");
    assert!(loads > 50.0 && evictions > 10.0 && asked > 100);
    assert_eq!(server.metric("endcap_model_load_failures_total", ""), 0.0);
    flat(&resident);
    assert_eq!(server.ask(Ask::get("/health/ready")).status, 200);
}

/// Panics where memory grew from the second third to the last.
fn flat(resident: &[u64]) {
    let warm = (resident.len() as f64 * WARM) as usize;
    let middle = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part[part.len() / 2] >> 10
    };
    let late = resident.len() - warm;
    let (early, late) = (middle(&resident[warm..2 * warm]), middle(&resident[late..]));
    let most = resident.iter().max().unwrap() >> 10;
    eprintln!("memory: {early} KiB then {late} KiB, {most} KiB at most");
    assert!(late < early + early / 20 + 2048, "memory grows: {early} KiB, then {late} KiB");
}

/// How long a long storm takes: `ENDCAP_STRESS_MINUTES`; 10 without it.
pub(super) fn minutes() -> Duration {
    let minutes = std::env::var_os("ENDCAP_STRESS_MINUTES");
    let minutes = minutes.map_or(10.0, |m| m.to_str().unwrap().parse::<f64>().unwrap());
    Duration::from_secs_f64(minutes * 60.0)
}

#[test]
fn in_a_storm_of_loads_every_request_is_answered_and_memory_stays_flat() {
    storm(Duration::from_secs(20));
}

#[test]
#[ignore = "takes ten minutes: tests/run --full"]
fn in_a_long_storm_of_loads_every_request_is_answered_and_memory_stays_flat() {
    storm(minutes());
}
