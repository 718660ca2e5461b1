//! All short histories of a line that loses, doubles and reorders messages, and of a device whose
//! power fails: nothing else is ever run than what was signed, and when the line is good again the
//! device is soon in step.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use firmware_config::link::{Frame, Standing};
use firmware_config::*;

use crate::link::Counterpart;
use crate::support::{Flash, blank, start};

/// Messages under way in one direction, at most.
const MAX_UNDER_WAY: usize = 2;

/// What may happen next.
#[derive(Debug, Clone, Copy)]
enum Happening {
    DeviceSpeaks,
    BoxHears,
    DeviceHears,
    LosesToBox,
    LosesToDevice,
    DoublesToBox,
    DoublesToDevice,
    SwapsToDevice,
    SwapsToBox,
    DeviceStarts,
    BoxStarts,
    BoxWantsMore,
}

const HAPPENINGS: [Happening; 12] = {
    use Happening::*;
    [
        DeviceSpeaks,
        BoxHears,
        DeviceHears,
        LosesToBox,
        LosesToDevice,
        DoublesToBox,
        DoublesToDevice,
        SwapsToDevice,
        SwapsToBox,
        DeviceStarts,
        BoxStarts,
        BoxWantsMore,
    ]
};

#[derive(Clone)]
struct World {
    device: Device<Flash, Keys>,
    counterpart: Counterpart,
    to_box: Vec<Vec<u8>>,
    to_device: Vec<Vec<u8>>,
    wanted: u32,
}

fn bytes_of(message: &firmware_config::link::Message<'_>) -> Vec<u8> {
    Frame::new(message).unwrap().bytes().to_vec()
}

impl World {
    fn new() -> Self {
        let mut counterpart = Counterpart::new();
        counterpart.want(1);
        let (device, _) = start(blank());
        Self { device, counterpart, to_box: vec![], to_device: vec![], wanted: 1 }
    }

    /// What it becomes. None where this cannot happen now.
    fn after(&self, happening: Happening) -> Option<Self> {
        let mut world = self.clone();
        match happening {
            Happening::DeviceSpeaks if self.to_box.len() < MAX_UNDER_WAY => {
                world.device.tick();
                world.to_box.push(bytes_of(&world.device.say()));
            }
            Happening::BoxHears if !self.to_box.is_empty() => world.box_hears(),
            Happening::DeviceHears if !self.to_device.is_empty() => world.device_hears(),
            Happening::LosesToBox if !self.to_box.is_empty() => drop(world.to_box.remove(0)),
            Happening::LosesToDevice if !self.to_device.is_empty() => {
                drop(world.to_device.remove(0));
            }
            Happening::DoublesToBox if self.to_box.len() == 1 => {
                world.to_box.push(self.to_box[0].clone());
            }
            Happening::DoublesToDevice if self.to_device.len() == 1 => {
                world.to_device.push(self.to_device[0].clone());
            }
            Happening::SwapsToBox if self.to_box.len() == 2 => world.to_box.swap(0, 1),
            Happening::SwapsToDevice if self.to_device.len() == 2 => world.to_device.swap(0, 1),
            Happening::DeviceStarts => world.device_starts(),
            Happening::BoxStarts => {
                world.counterpart = Counterpart::new();
                world.counterpart.want(world.wanted);
            }
            Happening::BoxWantsMore if self.wanted < 3 => {
                world.wanted += 1;
                world.counterpart.want(world.wanted);
            }
            _ => return None,
        }
        Some(world)
    }

    fn box_hears(&mut self) {
        let heard = self.to_box.remove(0);
        if let Some(answer) = self.counterpart.hear(&Frame::parse(&heard).unwrap())
            && self.to_device.len() < MAX_UNDER_WAY
        {
            let answer = bytes_of(&answer);
            self.to_device.push(answer);
        }
    }

    fn device_hears(&mut self) {
        let heard = self.to_device.remove(0);
        if self.device.hear(&Frame::parse(&heard).unwrap()) == Next::Restart {
            self.device_starts();
        }
    }

    /// After a power cut, or because it wants to.
    fn device_starts(&mut self) {
        let flash = self.device.clone().into_flash();
        let (device, settings) = start(flash);
        self.device = device;
        let says = settings.map_or(0, |settings| settings.common.ask_every_s);
        assert_eq!(says, self.device.running().version(), "settings of another block");
    }

    fn check(&self, history: &[Happening]) {
        let version = self.device.running().version();
        assert!(version <= self.wanted, "{version} runs after {history:?}");
        let status = self.device.session().status();
        let (floor, running) = (status.floor, status.running);
        assert!(floor <= version || running == Running::Nothing, "{status:?} after {history:?}");
    }

    /// From now on the line is good, and nobody's power fails.
    fn settles(mut self) -> Standing {
        let mut trials = 0;
        for _ in 0..60 {
            while !self.to_box.is_empty() || !self.to_device.is_empty() {
                if !self.to_box.is_empty() {
                    self.box_hears();
                }
                if !self.to_device.is_empty() {
                    self.device_hears();
                }
                trials += 1;
                assert!(trials < 400, "talks for ever");
            }
            if self.counterpart.host.standing() == Standing::InStep
                && self.device.running() == Running::Confirmed(self.wanted)
            {
                return Standing::InStep;
            }
            self.device.tick();
            self.to_box.push(bytes_of(&self.device.say()));
        }
        self.counterpart.host.standing()
    }

    /// Equal states go on equally.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.device.slots().hash(&mut hasher);
        self.device.session().hash(&mut hasher);
        self.counterpart.host.hash(&mut hasher);
        (&self.to_box, &self.to_device, self.wanted).hash(&mut hasher);
        hasher.finish()
    }
}

/// What may become of a history's last state within its limits: in step, or given up where the
/// device was started too often before it was confirmed, which a newer block mends.
fn check_that_it_settles(world: &World, history: &[Happening]) {
    match world.clone().settles() {
        Standing::InStep => {}
        Standing::Refused(Refusal::Failed) => {
            let mut world = world.clone();
            world.wanted += 1;
            world.counterpart.want(world.wanted);
            assert_eq!(world.settles(), Standing::InStep, "not mended after {history:?}");
        }
        other => panic!("{other:?} after {history:?}"),
    }
}

/// All histories of so many happenings, each state once. Returns how many states there were.
fn explore(depth: usize) -> usize {
    let mut seen = HashSet::new();
    let mut edge = vec![(World::new(), Vec::new())];
    for _ in 0..depth {
        let mut beyond = Vec::new();
        for (world, history) in &edge {
            for happening in HAPPENINGS {
                let Some(after) = world.after(happening) else { continue };
                if !seen.insert(after.digest()) {
                    continue;
                }
                let mut history = history.clone();
                history.push(happening);
                after.check(&history);
                check_that_it_settles(&after, &history);
                beyond.push((after, history));
            }
        }
        edge = beyond;
    }
    seen.len()
}

#[test]
fn every_short_history_runs_nothing_else_and_ends_in_step() {
    assert!(explore(9) > 1000);
}

#[test]
#[ignore = "takes minutes"]
fn every_longer_history_runs_nothing_else_and_ends_in_step() {
    assert!(explore(13) > 10_000);
}
