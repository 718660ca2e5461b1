//! Clocks that jump, and days that pass.

use super::node::START;
use super::world::{Faults, NONE, World};
use super::*;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const YEAR_MS: i64 = 365 * DAY_MS as i64;

#[test]
fn a_clock_that_jumps_loses_nothing_and_makes_nothing_old() {
    let faults = Faults { lost: 10, doubled: 10, refused: 5, cut_every_s: 120 };
    for seed in 0..6 {
        let mut world = World::new(seed, 100_000, faults);
        for skew_ms in [0, YEAR_MS, -YEAR_MS, 5 * YEAR_MS, -1000, -40 * YEAR_MS] {
            world.skew_ms = skew_ms;
            for _ in 0..20 {
                world.happens();
                world.run(10_000);
            }
        }
        world.skew_ms = 0;
        world.calm();
        world.check();
        assert!(world.hq.gaps.is_empty(), "seed {seed}: dropped by a wrong clock");
        let floor = world.store.floor().unwrap();
        let late = START.plus(world.now_ms);
        assert!(floor <= late, "seed {seed}: the floor is {} ms ahead", floor.since(late));
    }
}

#[test]
fn seven_days_without_a_line_are_told_when_it_is_back() {
    let mut world = World::new(5, 5000, NONE);
    world.calm();
    let (connections, before) = (world.connections, world.now_ms);
    world.faults = Faults { refused: 100, ..NONE };
    world.cut();
    // An event each two minutes: more than the outbox holds, so some must be declared lost.
    while world.now_ms - before < 7 * DAY_MS {
        world.happens();
        world.run(120_000);
        let waits = world.store.position(Stream::Evt).unwrap();
        assert!(waits.bytes <= 1 << 20, "{} bytes wait", waits.bytes);
    }
    let tries = world.connections - connections;
    // Waits of five minutes in the mean: about 2000 in a week; a box that knocked each second
    // would have tried 600,000 times.
    assert!((1000..4000).contains(&tries), "{tries} tries in seven days");
    let back = world.now_ms;
    world.calm();
    world.check();
    let produced = world.produced as usize;
    assert_eq!(produced, 7 * 24 * 30);
    let gaps = world.hq.gaps.get(&Stream::Evt).map_or(0, |gaps| gaps.len());
    let stored = world.hq.stored.get(&Stream::Evt).map_or(0, |stored| stored.len());
    assert!((1..=100).contains(&gaps), "{gaps} events of {produced} were dropped");
    assert_eq!(stored + gaps, produced);
    let audited = world.hq.stored.get(&Stream::Audit).map_or(0, |stored| stored.len());
    assert_eq!(audited, produced, "audit drops nothing");
    let hours = (world.now_ms - back) / HOUR_MS;
    assert!(hours <= 1, "{hours} hours until all was told");
}

#[test]
fn seven_days_of_a_broker_without_hq_are_told_when_hq_is_back() {
    let mut world = World::new(6, 100_000, NONE);
    world.calm();
    world.hq_is_up = false;
    let (before, asked) = (world.now_ms, world.published);
    while world.now_ms - before < 7 * DAY_MS {
        world.happens();
        world.run(600_000);
    }
    // About once in ten minutes a question with its presence, and one message of each stream: some
    // thousands. All that may be under way each time would be a hundred thousand.
    let asked = world.published - asked;
    assert!(asked < 8_000, "{asked} messages in seven days that nobody heard");
    world.hq_is_up = true;
    let back = world.now_ms;
    world.calm();
    world.check();
    assert!(world.hq.gaps.is_empty());
    let minutes = (world.now_ms - back) / 60_000;
    assert!(minutes <= 60, "{minutes} minutes until all was told");
}
