//! Bundles seen from outside: walks through the states, power cuts, and the loop over a real line.

mod power;
mod running;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use endcap_testing::bundles;

use super::machine::{Input, Machine, Trouble, Want};
use super::record::{Attempt, Installed, Offer, Record};
use super::stage::{Arrangement, Figures, Health, StageError};
use super::view::{Lack, View};
use crate::protocol::documents::*;
use crate::protocol::{Blob, Clock, Contents, Digest, List, Stage as State, Text, UnixMillis};

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn check() -> Check {
    let (contains, lacks) = (List::new(vec![Text::cut("yes")]).unwrap(), List::default());
    Check { prompt: Text::cut("ready?"), max_tokens: 4, contains, lacks }
}

fn rules() -> TrialRules {
    TrialRules {
        shadow_s: 60,
        trial_s: 600,
        probation_s: 1200,
        min_requests: 10,
        max_errors_per_mille: 100,
        max_latency_percent: 200,
        checks: List::new(vec![check()]).unwrap(),
    }
}

/// A bundle of one file, told from others by its name.
fn bundle(name: &str) -> Bundle {
    bundles::bundle(name, "shop", vec![bundles::model("m", name.as_bytes())], rules())
}

fn offer(version: u64, bundle: &Bundle) -> Offer {
    let bytes = bundle.to_bytes().unwrap();
    Offer {
        version,
        digest: Digest::of(&bytes),
        size_bytes: bytes.len() as u64,
        contents: Contents::Inline(Blob::new(bytes).unwrap()),
        expires: None,
    }
}

/// A box: what survives a power cut, and what does not.
struct Sim {
    machine: Machine,
    view: View,
    /// Bundles whose files are in their place.
    placed: BTreeSet<Digest>,
    memory: Arrangement,
    /// What goes wrong with a bundle, by the word of what is done.
    faults: BTreeMap<&'static str, Trouble>,
    seen: Health,
    /// Every state that was recorded, in order.
    walked: Vec<State>,
    /// Requests to the artefact store.
    fetches: u32,
}

impl Sim {
    fn new() -> Self {
        Self::of(Machine::new(Record::default()), BTreeSet::new())
    }

    fn of(machine: Machine, placed: BTreeSet<Digest>) -> Self {
        let view = View {
            clock: Clock::Known(NOW),
            steady_ms: 0,
            in_hours: true,
            free_bytes: 1 << 40,
            missing_bytes: 1,
            facts_epoch: None,
            program: "0.1.0".parse().unwrap(),
        };
        let memory = Arrangement::default();
        let (faults, seen) = (BTreeMap::new(), Health::default());
        Self { machine, view, placed, memory, faults, seen, walked: Vec::new(), fetches: 0 }
    }

    /// A box on which a bundle has proved itself.
    fn with_good(name: &str) -> (Self, Digest) {
        let good = offer(1, &bundle(name));
        let mut sim = Self::new();
        sim.feed(Input::Offered(good.clone()));
        sim.run_until(State::Committed);
        sim.walked.clear();
        (sim, good.digest)
    }

    fn feed(&mut self, input: Input) {
        self.machine.handle(input, &self.view);
        self.look();
    }

    /// What holds at every moment.
    fn look(&mut self) {
        if let Some(moved) = self.machine.take_changes() {
            self.walked.extend(moved.iter().map(|moved| moved.to));
        }
        let record = self.machine.record();
        for digest in [record.good, record.previous].into_iter().flatten().map(|i| i.digest) {
            assert!(self.placed.contains(&digest), "a good bundle is gone: {record:?}");
        }
        for digest in [self.memory.live, self.memory.beside].into_iter().flatten() {
            assert!(self.placed.contains(&digest), "what is in memory has no files");
        }
    }

    fn stage(&self) -> Option<State> {
        self.machine.record().attempt.as_ref().map(|attempt| attempt.stage)
    }

    fn attempt(&self) -> &Attempt {
        self.machine.record().attempt.as_ref().unwrap()
    }

    fn code(&self) -> String {
        self.attempt().failure.as_ref().map_or(String::new(), |failure| failure.code.to_string())
    }

    fn fault(&self, act: &str) -> Result<(), Trouble> {
        self.faults.get(act).cloned().map_or(Ok(()), Err)
    }

    /// Does what is wanted, once.
    fn act(&mut self) -> bool {
        let acted = self.machine_act();
        self.look();
        acted
    }

    fn machine_act(&mut self) -> bool {
        let input = match self.machine.wants() {
            Want::Nothing => return false,
            Want::Document(offer) => Input::Document(self.fault("document").and_then(|()| {
                let Contents::Inline(bytes) = &offer.contents else { panic!() };
                let ends = |error: crate::protocol::ProtocolError| Trouble::Ends {
                    code: "document",
                    text: error.to_string(),
                };
                Bundle::parse(bytes).map(Arc::new).map_err(ends)
            })),
            Want::Fetch(offer, _) => {
                self.fetches += 1;
                let fetched = self.fault("fetch");
                if fetched.is_ok() {
                    self.placed.insert(offer.digest);
                }
                Input::Fetched(fetched)
            }
            Want::Arrange(wanted) => {
                let good = self.machine.record().good.map(|good| good.digest);
                let mut bundles = [wanted.live, wanted.beside].into_iter().flatten();
                let fails = self.fault("load").is_err() && bundles.any(|one| Some(one) != good);
                if fails {
                    Input::Arranged(wanted, Err(StageError("it cannot be loaded".into())))
                } else {
                    self.memory = wanted;
                    Input::Arranged(wanted, Ok(()))
                }
            }
            Want::Check(..) => {
                Input::Checked(self.fault("check").map_err(|_| "answered wrongly".to_owned()))
            }
            Want::Attest => Input::Running(Ok(match self.fault("attest") {
                Ok(()) => self.memory.live,
                Err(_) => Some(Digest([0xee; 32])),
            })),
            Want::Tidy(wanted) => {
                assert!(
                    self.view.now().is_some(),
                    "something is removed, and the time is not known"
                );
                self.placed.retain(|digest| wanted.contains(digest));
                Input::Tidied
            }
        };
        self.machine.handle(input, &self.view);
        true
    }

    /// Ten seconds, and whatever is to be done in them.
    fn pass(&mut self) {
        (0..20).all(|_| self.act());
        self.view.steady_ms += 10_000;
        if let Clock::Known(now) = &mut self.view.clock {
            *now = now.plus(10_000);
        }
        self.feed(Input::Tick);
        self.feed(Input::Seen(self.seen));
    }

    /// Lets time pass until a state is reached.
    #[track_caller]
    fn run_until(&mut self, state: State) {
        for _ in 0..20_000 {
            if self.stage() == Some(state) {
                (0..20).all(|_| self.act());
                return;
            }
            self.pass();
        }
        panic!("{state:?} was not reached: {:?} {:?}", self.walked, self.machine.record());
    }

    fn run_for(&mut self, seconds: u64) {
        (0..seconds / 10).for_each(|_| self.pass());
    }

    /// The program starts anew with what was recorded.
    fn restart(&mut self) {
        self.machine = Machine::new(self.machine.record().clone());
        self.memory = Arrangement::default();
        self.view.steady_ms = 5;
        self.feed(Input::Started);
    }
}
