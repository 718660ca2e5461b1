//! The line with its state: messages in, messages out, and still no socket.

use std::collections::{BTreeMap, BTreeSet};

use super::config::LineConfig;
use super::error::LineError;
use super::machine::{Action, Input, Machine, Phase};
use super::outgoing::Told;
use crate::protocol::{
    BootId, Clock, Envelope, HybridTime, Identity, Keys, Label, Message, MessageId, NodeTopic,
    Place, Presence, PresenceState, Run, Sender, Stream, TimeFloor, Topic, UnixMillis,
};
use crate::state::{StateError, Store};

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// By the box's clock, whatever it is worth.
    pub wall: UnixMillis,
    /// By a clock that only counts on.
    pub steady_ms: u64,
}

/// Something that happened at the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Time has passed, or the state has changed; see [`Store::commits`].
    Tick,
    /// The broker took the connection.
    Connected,
    /// The connection could not be made, or is gone.
    Lost,
    /// The broker answered the subscriptions; whether all were granted.
    Subscribed {
        /// Whether every one was.
        all: bool,
    },
    /// The broker took a message that was counted.
    Taken,
    /// A message came.
    Message {
        /// Where.
        topic: String,
        /// What.
        payload: Vec<u8>,
    },
}

/// A message for the broker, at QoS 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: String,
    /// The envelope.
    pub payload: Vec<u8>,
    /// Whether the broker is to keep it for those who come later.
    pub retain: bool,
    /// Whether [`Happening::Taken`] is to be told.
    pub counted: bool,
}

/// Something to do at the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do {
    /// Make a new client and connect it.
    Connect {
        /// What the broker says in our name when the line breaks.
        will: Outgoing,
    },
    /// Throw the client away.
    Drop,
    /// Subscribe to all of these, at QoS 1.
    Subscribe(Vec<String>),
    /// Send.
    Publish(Outgoing),
}

/// Who we are and whom we believe.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Our name and groups.
    pub who: Identity,
    /// The catalogues of facts that we follow.
    pub catalogues: Vec<Label>,
    /// The keys that we believe.
    pub keys: Keys,
}

/// One node on the line. Blocks on the disk.
#[derive(Debug)]
pub struct Session {
    pub(super) store: Store,
    pub(super) trust: Trust,
    pub(super) machine: Machine,
    pub(super) floor: TimeFloor,
    pub(super) told: Told,
    pub(super) refused: BTreeMap<&'static str, u64>,
    pub(super) hq_time: Option<UnixMillis>,
    /// When HQ last answered, by the steady clock.
    pub(super) heard_ms: Option<u64>,
    pub(super) offered: BTreeSet<Label>,
    /// Starts of HQ of which this program knows, the newest last.
    pub(super) starts: Vec<BootId>,
    epoch: u64,
    /// When the last message without a place in a stream was said.
    said: HybridTime,
}

impl Session {
    /// A node that connects at its first tick. `built` is when the program was made, and `seed`
    /// decides how it waits.
    pub fn new(
        store: Store,
        trust: Trust,
        config: LineConfig,
        built: UnixMillis,
        seed: u64,
    ) -> Result<Self, LineError> {
        let floor = TimeFloor::new(built, store.floor()?);
        let machine = Machine::new(config, seed);
        let (told, refused) = (Told::default(), BTreeMap::new());
        let (hq_time, heard_ms, epoch, said) = (None, None, 0, HybridTime::default());
        let (offered, starts) = (BTreeSet::new(), Vec::new());
        Ok(Self {
            store,
            trust,
            machine,
            floor,
            told,
            refused,
            hq_time,
            heard_ms,
            offered,
            starts,
            epoch,
            said,
        })
    }

    /// How far the connection is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.machine.phase()
    }

    /// What the time is known to be.
    pub fn clock(&mut self, now: Now) -> Clock {
        self.floor.judge(now.wall, now.steady_ms)
    }

    /// HQ's clock as it was last told in answer to a question.
    #[must_use]
    pub fn hq_time(&self) -> Option<UnixMillis> {
        self.hq_time
    }

    /// Catalogues of our tenant that HQ named in its answers, and that we do not follow.
    #[must_use]
    pub fn offered(&self) -> &BTreeSet<Label> {
        &self.offered
    }

    /// Messages that were not taken, by the reason.
    #[must_use]
    pub fn refused(&self) -> &BTreeMap<&'static str, u64> {
        &self.refused
    }

    /// When [`Happening::Tick`] is due, by the steady clock.
    #[must_use]
    pub fn wake_ms(&self) -> u64 {
        self.machine.wake_ms()
    }

    /// What to do at the broker now that this has happened.
    pub fn handle(&mut self, happening: Happening, now: Now) -> Result<Vec<Do>, LineError> {
        let mut todo = Vec::new();
        let ticks = happening == Happening::Tick;
        let mut inputs = match happening {
            Happening::Tick => self.grown()?,
            Happening::Connected => vec![Input::Connected],
            Happening::Lost => vec![Input::Lost],
            Happening::Subscribed { all } => vec![Input::Subscribed { all }],
            Happening::Taken => vec![Input::Taken],
            Happening::Message { topic, payload } => self.receive(&topic, &payload, now)?,
        };
        if inputs.is_empty() {
            inputs.push(Input::Tick);
        }
        for input in inputs {
            self.feed(input, now, &mut todo)?;
        }
        if ticks && self.phase() == Phase::Open {
            self.tell_changes(now, &mut todo)?;
        }
        Ok(todo)
    }

    /// What to say before leaving, where the node is on the line.
    pub fn leave(&mut self, now: Now) -> Result<Option<Outgoing>, LineError> {
        match self.phase() {
            Phase::Asking | Phase::Open => self.presence(PresenceState::Left, now).map(Some),
            _ => Ok(None),
        }
    }

    /// Where the outbox has come to.
    fn grown(&self) -> Result<Vec<Input>, LineError> {
        if self.phase() != Phase::Open {
            return Ok(Vec::new());
        }
        let mut inputs = Vec::new();
        for stream in Stream::UP {
            inputs.push(Input::Grown { stream, next: self.store.position(stream)?.next });
        }
        Ok(inputs)
    }

    /// Feeds the machine and does what it says, until it has nothing more to say.
    fn feed(&mut self, input: Input, now: Now, todo: &mut Vec<Do>) -> Result<(), LineError> {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for action in self.machine.handle(input, now.steady_ms) {
                match action {
                    Action::Connect => todo.push(self.connect(now)?),
                    Action::Drop => todo.push(Do::Drop),
                    Action::Subscribe => {
                        let Identity { place, groups } = &self.trust.who;
                        let filters = Topic::subscriptions(place, groups);
                        todo.push(Do::Subscribe(filters));
                    }
                    Action::Announce => {
                        todo.push(Do::Publish(self.presence(PresenceState::Online, now)?));
                    }
                    Action::Ask { question } => todo.push(self.ask(question, now)?),
                    Action::Report => self.told = Told::default(),
                    Action::Send { stream, run, max_bytes } => {
                        inputs.push(self.send(stream, run, max_bytes, todo)?);
                    }
                }
            }
        }
        Ok(())
    }

    fn connect(&mut self, now: Now) -> Result<Do, LineError> {
        self.epoch = self.store.write(|writing| writing.next_epoch())?;
        Ok(Do::Connect { will: self.presence(PresenceState::Lost, now)? })
    }

    fn presence(&mut self, state: PresenceState, now: Now) -> Result<Outgoing, LineError> {
        let message = Message::Presence(Presence { epoch: self.epoch, state });
        let mut outgoing = self.say(NodeTopic::Presence, &message, now)?;
        outgoing.retain = true;
        Ok(outgoing)
    }

    fn send(
        &self,
        stream: Stream,
        run: Run,
        max_bytes: u64,
        todo: &mut Vec<Do>,
    ) -> Result<Input, LineError> {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let items = self.store.waiting(stream, run, max_bytes)?;
        let topic = Topic::Node(self.place().clone(), NodeTopic::Up(stream)).to_string();
        let count = items.len();
        let bytes = items.iter().map(|item| item.bytes.len() as u64).sum();
        let ends = items.first().zip(items.last());
        let run = ends.map(|(first, last)| Run { first: first.run.first, last: last.run.last });
        todo.extend(items.into_iter().map(|item| {
            let topic = topic.clone();
            Do::Publish(Outgoing { topic, payload: item.bytes, retain: false, counted: true })
        }));
        Ok(Input::Sent { stream, run, count, bytes })
    }

    pub(super) fn place(&self) -> &Place {
        &self.trust.who.place
    }

    /// A message of ours without a place in a stream.
    pub(super) fn say(
        &mut self,
        topic: NodeTopic,
        message: &Message,
        now: Now,
    ) -> Result<Outgoing, LineError> {
        let id = MessageId(random()?);
        self.say_as(id, topic, message, now)
    }

    pub(super) fn say_as(
        &mut self,
        id: MessageId,
        topic: NodeTopic,
        message: &Message,
        now: Now,
    ) -> Result<Outgoing, LineError> {
        // HQ takes what is later for newer: two of one millisecond must not be of one time.
        let stored = self.store.hybrid_time()?;
        let time = HybridTime::at(now.wall).max(stored.next()).max(self.said.next());
        self.said = time;
        self.say_at(time, id, topic, message)
    }

    pub(super) fn say_at(
        &self,
        time: HybridTime,
        id: MessageId,
        topic: NodeTopic,
        message: &Message,
    ) -> Result<Outgoing, LineError> {
        let sender: &Sender = self.store.sender();
        let envelope = Envelope::new(sender, id, time, message)?;
        Ok(Outgoing {
            topic: Topic::Node(self.place().clone(), topic).to_string(),
            payload: envelope.to_bytes()?,
            retain: false,
            counted: false,
        })
    }
}

pub(super) fn random() -> Result<[u8; 16], LineError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(StateError::Random)?;
    Ok(bytes)
}
