//! A node, a broker that loses, doubles, delays and cuts, and HQ, which comes and goes.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::hq::Hq;
use super::node::{START, happens, session, store};
use super::*;

#[derive(Debug)]
enum Later {
    Node(u32, Happening),
    Hq(String, Vec<u8>),
    Cut(u32),
}

/// How bad things are, in percent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    pub(super) lost: u32,
    pub(super) doubled: u32,
    pub(super) refused: u32,
    /// Seconds between cuts, about.
    pub(super) cut_every_s: u64,
}

pub(super) const NONE: Faults = Faults { lost: 0, doubled: 0, refused: 0, cut_every_s: 1_000_000 };

pub(super) struct World {
    chance: ChaCha8Rng,
    pub(super) now_ms: u64,
    /// How wrong the box's clock is.
    pub(super) skew_ms: i64,
    serial: u64,
    later: BTreeMap<(u64, u64), Later>,
    pub(super) store: Store,
    session: Session,
    pub(super) hq: Hq,
    pub(super) hq_is_up: bool,
    pub(super) faults: Faults,
    /// Which connection there is, and the will that was left with the broker.
    connection: Option<u32>,
    pub(super) connections: u32,
    /// Messages that the node gave to its broker.
    pub(super) published: u64,
    will: Option<Outgoing>,
    pub(super) produced: i64,
    /// What was sent to the broker and not yet taken; the most there ever was.
    in_flight: usize,
    most_in_flight: usize,
}

fn config() -> LineConfig {
    LineConfig { window: 40, max_in_flight: 16, ..LineConfig::default() }
}

impl World {
    pub(super) fn new(seed: u64, max_events: u64, faults: Faults) -> Self {
        let store = store(max_events);
        Self {
            chance: ChaCha8Rng::seed_from_u64(seed),
            now_ms: 0,
            skew_ms: 0,
            serial: 0,
            later: BTreeMap::new(),
            session: session(&store, config(), seed),
            store,
            hq: Hq::default(),
            hq_is_up: true,
            faults,
            connection: None,
            connections: 0,
            published: 0,
            will: None,
            produced: 0,
            in_flight: 0,
            most_in_flight: 0,
        }
    }

    fn wall(&self) -> UnixMillis {
        START.plus(self.now_ms)
    }

    /// What the box's clock says.
    fn box_clock(&self) -> UnixMillis {
        UnixMillis(self.wall().0.saturating_add_signed(self.skew_ms))
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.chance.random_range(0..100) < percent
    }

    fn after(&mut self, delay_ms: u64, later: Later) {
        self.serial += 1;
        self.later.insert((self.now_ms + delay_ms, self.serial), later);
    }

    /// Some of it never, some of it twice, all of it late and in another order.
    fn carry(&mut self, mut make: impl FnMut() -> Later) {
        if self.percent(self.faults.lost) {
            return;
        }
        let times = if self.percent(self.faults.doubled) { 2 } else { 1 };
        for _ in 0..times {
            let delay = self.chance.random_range(5..400);
            self.after(delay, make());
        }
    }

    fn node(&mut self, happening: Happening) {
        let now = Now { wall: self.box_clock(), steady_ms: self.now_ms };
        for act in self.session.handle(happening, now).unwrap() {
            self.act(act);
        }
    }

    fn act(&mut self, act: Do) {
        match act {
            Do::Connect { will } => {
                self.connections += 1;
                let (this, refused) = (self.connections, self.percent(self.faults.refused));
                self.connection = Some(this);
                self.will = Some(will);
                self.in_flight = 0;
                let happening = if refused { Happening::Lost } else { Happening::Connected };
                self.after(50, Later::Node(this, happening));
                let mean = self.faults.cut_every_s * 1000;
                let cut = self.chance.random_range(1..2 * mean);
                self.after(cut, Later::Cut(this));
            }
            Do::Drop => self.gone(),
            Do::Subscribe(filters) => {
                assert!(filters.len() >= 4);
                if let Some(this) = self.connection {
                    let all = !self.percent(self.faults.refused);
                    self.after(30, Later::Node(this, Happening::Subscribed { all }));
                }
            }
            Do::Publish(outgoing) => self.publish(outgoing),
        }
    }

    fn publish(&mut self, outgoing: Outgoing) {
        let Some(this) = self.connection else { return };
        self.published += 1;
        if outgoing.counted {
            assert!(self.hq.asked, "the uplink was open before HQ answered");
            self.in_flight += 1;
            self.most_in_flight = self.most_in_flight.max(self.in_flight);
            // The broker took it, and may lose it all the same.
            self.after(20, Later::Node(this, Happening::Taken));
        }
        self.carry(|| Later::Hq(outgoing.topic.clone(), outgoing.payload.clone()));
    }

    /// The connection is over; the broker speaks in the node's name, perhaps much later.
    fn gone(&mut self) {
        if self.connection.take().is_some()
            && let Some(will) = self.will.take()
        {
            let late = self.chance.random_range(0..60_000);
            self.after(late, Later::Hq(will.topic, will.payload));
        }
    }

    fn tell_node(&mut self, messages: Vec<(String, Vec<u8>)>) {
        let Some(this) = self.connection else { return };
        for (topic, payload) in messages {
            self.carry(|| {
                let (topic, payload) = (topic.clone(), payload.clone());
                Later::Node(this, Happening::Message { topic, payload })
            });
        }
    }

    /// When something happens next.
    fn next_ms(&self) -> u64 {
        let due = self.later.first_key_value().map_or(u64::MAX, |(key, _)| key.0);
        due.min(self.session.wake_ms()).max(self.now_ms)
    }

    fn step(&mut self) {
        let due = self.later.first_key_value().map_or(u64::MAX, |(key, _)| key.0);
        let wake = self.session.wake_ms().max(self.now_ms);
        if wake < due {
            self.now_ms = wake;
            return self.node(Happening::Tick);
        }
        let Some(((at, _), later)) = self.later.pop_first() else { return };
        self.now_ms = self.now_ms.max(at);
        match later {
            Later::Node(connection, happening) => {
                if self.connection == Some(connection) {
                    if happening == Happening::Taken {
                        self.in_flight -= 1;
                    }
                    self.node(happening);
                }
            }
            Later::Hq(topic, payload) => {
                if self.hq_is_up {
                    let answers = self.hq.receive(&topic, &payload, self.wall());
                    self.tell_node(answers);
                }
            }
            Later::Cut(connection) => {
                if self.connection == Some(connection) {
                    self.gone();
                    self.node(Happening::Lost);
                }
            }
        }
    }

    pub(super) fn run(&mut self, for_ms: u64) {
        let end = self.now_ms + for_ms;
        while self.next_ms() <= end {
            self.step();
        }
        self.now_ms = self.now_ms.max(end);
    }

    pub(super) fn happens(&mut self) {
        self.produced += 1;
        happens(&self.store, self.produced, self.box_clock());
        self.node(Happening::Tick);
    }

    /// The connection there is ends now.
    pub(super) fn cut(&mut self) {
        self.gone();
        self.node(Happening::Lost);
    }

    /// The program ends anywhere and begins again on the same state.
    fn restart(&mut self) {
        self.gone();
        self.session = session(&self.store, config(), self.now_ms);
        // Its steady clock goes on here, as the world has one only.
    }

    /// An hour or two of trouble.
    pub(super) fn trouble(&mut self) {
        let mut version = 0;
        for _ in 0..150 {
            let pause = self.chance.random_range(100..30_000);
            self.run(pause);
            match self.chance.random_range(0..20) {
                0 => self.hq_is_up = !self.hq_is_up,
                1 => self.restart(),
                2 => {
                    version += 1;
                    let wanted = self.hq.want(version, self.wall());
                    self.tell_node(vec![wanted]);
                }
                3 => self.hq.command(self.wall()),
                4 => {
                    let unheard = self.hq.unheard();
                    self.tell_node(unheard);
                }
                _ => {
                    for _ in 0..self.chance.random_range(1..8) {
                        self.happens();
                    }
                }
            }
        }
    }

    /// All is well again, for long enough.
    pub(super) fn calm(&mut self) {
        self.faults = NONE;
        self.hq_is_up = true;
        self.later.retain(|_, later| !matches!(later, Later::Cut(_)));
        for _ in 0..60 {
            self.run(60_000);
            let unheard = self.hq.unheard();
            self.tell_node(unheard);
        }
    }

    pub(super) fn check(&self) {
        for stream in [Stream::Evt, Stream::Audit] {
            let empty = BTreeSet::new();
            let stored = self.hq.stored.get(&stream).unwrap_or(&empty);
            let gaps = self.hq.gaps.get(&stream).unwrap_or(&empty);
            let known: BTreeSet<u64> = stored.union(gaps).copied().collect();
            let produced: BTreeSet<u64> = (1..=self.produced as u64).collect();
            assert_eq!(known, produced, "{stream}: lost and not declared");
            assert!(stream == Stream::Evt || gaps.is_empty(), "{stream}: dropped");
            assert_eq!(self.store.position(stream).unwrap().count(), 0, "{stream}: still waits");
        }
        let twice: Vec<_> = self.hq.effects.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty(), "took effect more than once: {twice:?}");
        assert_eq!(self.hq.presence.unwrap().state, PresenceState::Online);
        let wanted = self.hq.desired.as_ref().map(|signed| signed.unverified().unwrap().version);
        let recorded = self.store.floors().unwrap().get(&Document::Config).map(|f| f.version);
        assert_eq!(recorded, wanted);
        assert_eq!(self.hq.outcomes.len(), self.hq.commands.len());
        assert_eq!(self.store.commands().unwrap().len(), self.hq.commands.len());
        assert!(self.most_in_flight <= config().max_in_flight, "{}", self.most_in_flight);
    }
}

pub(super) fn survive(seed: u64, max_events: u64, faults: Faults) -> World {
    let mut world = World::new(seed, max_events, faults);
    world.trouble();
    world.calm();
    world.check();
    world
}

#[test]
fn nothing_is_lost_undeclared_and_nothing_counts_twice_whatever_the_broker_does() {
    let faults = Faults { lost: 10, doubled: 10, refused: 10, cut_every_s: 120 };
    let mut dropped = 0;
    for seed in 0..30 {
        let world = std::panic::catch_unwind(|| survive(seed, 60, faults));
        let world = world.unwrap_or_else(|_| panic!("seed {seed}"));
        dropped += world.hq.gaps.get(&Stream::Evt).map_or(0, BTreeSet::len);
    }
    assert!(dropped > 0, "no event was ever dropped, so no gap was ever declared");
}

#[test]
fn a_line_that_hardly_holds_still_gets_everything_through() {
    let faults = Faults { lost: 40, doubled: 30, refused: 30, cut_every_s: 20 };
    for seed in 100..115 {
        let world = std::panic::catch_unwind(|| survive(seed, 100_000, faults));
        let world = world.unwrap_or_else(|_| panic!("seed {seed}"));
        assert!(world.hq.gaps.is_empty(), "there was room for all");
    }
}

#[test]
fn live_messages_do_not_wait_behind_a_backlog() {
    let mut world = World::new(1, 100_000, NONE);
    for _ in 0..3000 {
        world.produced += 1;
        happens(&world.store, world.produced, world.wall());
    }
    while world.session.phase() != Phase::Open {
        world.step();
    }
    world.run(1000);
    let before = world.now_ms;
    world.happens();
    let newest = (Stream::Evt, world.produced);
    while !world.hq.effects.contains_key(&newest) {
        world.step();
    }
    assert!(world.now_ms - before < 2000, "{} ms", world.now_ms - before);
    let stored = world.hq.effects.len();
    assert!(stored < 3000, "the backlog of 6000 is not through yet, and {stored} are");
    world.calm();
    world.check();
}

#[test]
fn a_backlog_goes_no_faster_than_it_may() {
    let mut world = World::new(2, 100_000, NONE);
    for _ in 0..3000 {
        world.produced += 1;
        happens(&world.store, world.produced, world.wall());
    }
    while world.session.phase() != Phase::Open {
        world.step();
    }
    let waits = |world: &World| -> u64 {
        Stream::UP.iter().map(|s| world.store.position(*s).unwrap().bytes).sum()
    };
    let (before, start) = (waits(&world), world.now_ms);
    world.run(5000);
    let rate = (before - waits(&world)) * 1000 / (world.now_ms - start);
    assert!(rate <= config().backlog_bytes_per_s * 11 / 10, "{rate} bytes/s");
    assert!(rate > 5000, "{rate} bytes/s");
}

#[test]
fn a_box_that_lost_its_disk_is_not_taken_for_its_old_self() {
    let mut world = World::new(3, 1000, NONE);
    for _ in 0..20 {
        world.happens();
    }
    world.calm();
    assert_eq!(world.hq.effects.len(), 40);
    world.gone();
    world.store = store(1000);
    world.session = session(&world.store, config(), 4);
    for number in 1001..=1005 {
        happens(&world.store, number, world.wall());
    }
    world.calm();
    assert_eq!(world.hq.effects.len(), 50, "what the new box told was taken for old");
}
