//! The power fails at every write of the record, and what is found runs.

use super::*;
use crate::protocol::Place;
use crate::reconcile::bundle::recorder;
use crate::state::{StateConfig, Store};
use endcap_testing::power_cut::Disk;

fn place() -> Place {
    "acme/store-1/box-a".parse().unwrap()
}

fn open(disk: &Disk) -> Option<Store> {
    let disk = disk.clone();
    Store::on(move || disk.clone(), place(), StateConfig::default()).ok()
}

/// A box that writes its record before it acts, until the power fails.
struct Powered {
    sim: Sim,
    store: Store,
}

impl Powered {
    fn start(store: Store, placed: BTreeSet<Digest>) -> Option<Self> {
        let machine = Machine::new(recorder::load(&store).ok()?);
        let mut started = Self { sim: Sim::of(machine, placed), store };
        started.feed(Input::Started)?;
        Some(started)
    }

    /// Records what changed; `None` when the power is away.
    fn feed(&mut self, input: Input) -> Option<()> {
        self.sim.machine.handle(input, &self.sim.view);
        let Some(moved) = self.sim.machine.take_changes() else { return Some(()) };
        let record = self.sim.machine.record();
        recorder::save(&self.store, record, &moved, self.sim.memory.live, NOW).ok()
    }

    /// One act, and the record of it.
    fn act(&mut self) -> Option<bool> {
        let sim = &mut self.sim;
        // The acts of the simulation feed the machine; the record is written before the next one.
        let acted = sim.machine_act();
        let changed = sim.machine.take_changes();
        if let Some(moved) = changed {
            let record = sim.machine.record();
            recorder::save(&self.store, record, &moved, sim.memory.live, NOW).ok()?;
        }
        Some(acted)
    }

    /// Runs until the attempt is over.
    fn run(&mut self) -> Option<()> {
        for _ in 0..4000 {
            while self.act()? {}
            if self.sim.attempt().is_over() {
                return Some(());
            }
            self.sim.view.steady_ms += 50_000;
            if let Clock::Known(now) = &mut self.sim.view.clock {
                *now = now.plus(50_000);
            }
            self.feed(Input::Tick)?;
        }
        panic!("it does not end: {:?}", self.sim.machine.record());
    }
}

#[test]
fn a_power_cut_at_any_write_leaves_a_bundle_that_runs() {
    let (good, new) = (offer(1, &bundle("good")), offer(2, &bundle("new")));
    let disk = Disk::default();
    let mut first = Powered::start(open(&disk).unwrap(), BTreeSet::new()).unwrap();
    first.feed(Input::Offered(good.clone())).unwrap();
    first.run().unwrap();
    let placed = first.sim.placed.clone();
    assert_eq!(placed, [good.digest].into());
    drop(first);
    let begin = disk.images(0).remove(0);

    for fails in [false, true] {
        let live = |disk: &Disk| -> (Option<()>, BTreeSet<Digest>) {
            let mut placed = placed.clone();
            let Some(store) = open(disk) else { return (None, placed) };
            let Some(mut running) = Powered::start(store, placed.clone()) else {
                return (None, placed);
            };
            if fails {
                let wrong = Trouble::Ends { code: "x", text: String::new() };
                running.sim.faults.insert("attest", wrong);
            }
            let done = running.feed(Input::Offered(new.clone())).and_then(|()| running.run());
            placed.clone_from(&running.sim.placed);
            (done, placed)
        };
        let disk = Disk::of(begin.clone());
        assert!(live(&disk).0.is_some());
        let acts = disk.acts();
        assert!(acts > 60, "{acts}");
        let mut ends = BTreeMap::new();
        for cut in 0..acts {
            let disk = Disk::of(begin.clone());
            disk.cut_at(cut);
            let (_, placed) = live(&disk);
            for image in disk.images(cut as u64) {
                let store = open(&Disk::of(image)).unwrap();
                let mut found = Powered::start(store, placed.clone()).unwrap();
                // What answers first has its files, whatever was being done.
                let arrangement = found.sim.machine.record().arrangement();
                let answers = arrangement.live.unwrap();
                assert!(
                    placed.contains(&answers),
                    "cut at {cut}: {:?}",
                    found.sim.machine.record()
                );
                assert!(placed.contains(&good.digest), "cut at {cut}: the way back is gone");
                found.feed(Input::Offered(new.clone())).unwrap();
                if fails {
                    let wrong = Trouble::Ends { code: "x", text: String::new() };
                    found.sim.faults.insert("attest", wrong);
                }
                found.run().unwrap();
                let expected = if fails { good.digest } else { new.digest };
                assert_eq!(found.sim.memory.live, Some(expected), "cut at {cut}");
                *ends.entry(found.sim.attempt().stage as u8).or_insert(0) += 1;
            }
        }
        assert_eq!(ends.len(), 1, "{ends:?}");
    }
}
