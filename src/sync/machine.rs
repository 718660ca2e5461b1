//! What to do next on the line, decided without touching it.

use super::backoff::{Backoff, doubled};
use super::config::LineConfig;
use super::lane::Lane;
use crate::protocol::{MessageId, Run, Stream};

/// Within such a time HQ is asked once it was started anew, so that not all boxes ask at once.
const SOON_MS: u64 = 30_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Time has passed.
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
    /// HQ's answer to the question was applied; where each stream stands.
    Answered {
        /// The question.
        question: MessageId,
        /// Every stream that is sent.
        streams: Vec<Standing>,
    },
    /// The outbox counts under a new ledger: what HQ said of the old one is void.
    Renumbered,
    /// HQ has stored more of a stream.
    Acked {
        /// Which.
        stream: Stream,
        /// All up to this number.
        through: u64,
        /// And these.
        above: Vec<Run>,
    },
    /// The number that comes next in a stream.
    Grown {
        /// Which.
        stream: Stream,
        /// The number.
        next: u64,
    },
    /// What was asked for by [`Action::Send`] was given to the broker.
    Sent {
        /// Which stream.
        stream: Stream,
        /// The numbers; none where there was nothing.
        run: Option<Run>,
        /// So many messages.
        count: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// The broker took one of the messages that were sent.
    Taken,
    /// HQ was started anew: it may know less, or want other things, than when it last answered.
    Restarted,
}

/// Where a stream stands at both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which stream.
    pub stream: Stream,
    /// The number that comes next.
    pub next: u64,
    /// HQ has stored all up to this number.
    pub through: u64,
    /// And these.
    pub above: Vec<Run>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a new client, with a will of a new epoch, and connect it.
    Connect,
    /// Throw the client away.
    Drop,
    /// Subscribe to everything.
    Subscribe,
    /// Say that the node is on the line.
    Announce,
    /// Ask HQ for the snapshot.
    Ask {
        /// Names the question.
        question: MessageId,
    },
    /// Tell the reported documents and the outcomes of commands.
    Report,
    /// Read from the outbox and send, then say so by [`Input::Sent`].
    Send {
        /// Which stream.
        stream: Stream,
        /// These numbers.
        run: Run,
        /// Of so many bytes, though one at least.
        max_bytes: u64,
    },
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// None; the next is tried at `until_ms`.
    Waiting {
        /// When.
        until_ms: u64,
    },
    /// On its way to the broker.
    Connecting,
    /// Waits for the broker to grant the subscriptions.
    Subscribing,
    /// Waits for HQ's first answer. Nothing is sent before it.
    Asking,
    /// The uplink is open.
    Open,
}

/// The line as a machine: fed with what happens and the time, it says what to do.
#[derive(Debug)]
pub struct Machine {
    config: LineConfig,
    backoff: Backoff,
    phase: Phase,
    /// When the phase began, and the connection.
    since_ms: u64,
    connected_ms: Option<u64>,
    /// The question that is open, when it is asked again, and how often it was.
    question: Option<MessageId>,
    ask_ms: u64,
    asked: u32,
    lanes: Vec<Lane>,
    /// Whether a [`Action::Send`] is not answered yet.
    sending: bool,
    sending_backlog: bool,
    in_flight: usize,
    taken_ms: u64,
    /// Bytes of backlog that may be sent by now (below 0 where too many were), and when that was.
    allowance: i64,
    allowance_ms: u64,
}

impl Machine {
    /// A machine that connects at its first tick. The seed decides how it waits.
    #[must_use]
    pub fn new(config: LineConfig, seed: u64) -> Self {
        Self {
            backoff: Backoff::new(config.first_retry_ms, config.max_retry_ms, seed),
            config,
            phase: Phase::Waiting { until_ms: 0 },
            since_ms: 0,
            connected_ms: None,
            question: None,
            ask_ms: 0,
            asked: 0,
            lanes: Vec::new(),
            sending: false,
            sending_backlog: false,
            in_flight: 0,
            taken_ms: 0,
            allowance: 0,
            allowance_ms: 0,
        }
    }

    /// How far the connection is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The question that is open.
    #[must_use]
    pub fn question(&self) -> Option<MessageId> {
        self.question
    }

    /// What to do now that this has happened. `now_ms` never goes back.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        self.take(input, now_ms, &mut actions);
        self.run_out(now_ms, &mut actions);
        self.send(now_ms, &mut actions);
        actions
    }

    fn take(&mut self, input: Input, now_ms: u64, actions: &mut Vec<Action>) {
        match (input, self.phase) {
            (Input::Connected, Phase::Connecting) => {
                self.connected_ms = Some(now_ms);
                self.enter(Phase::Subscribing, now_ms);
                actions.push(Action::Subscribe);
            }
            (Input::Subscribed { all: true }, Phase::Subscribing) => {
                self.enter(Phase::Asking, now_ms);
                self.asked = 0;
                self.ask(now_ms, actions);
            }
            (Input::Subscribed { all: false }, Phase::Subscribing) => self.fail(now_ms, actions),
            (Input::Lost, Phase::Waiting { .. }) => {}
            (Input::Lost, _) => self.fail(now_ms, actions),
            (Input::Answered { question, streams }, Phase::Asking | Phase::Open)
                if self.question == Some(question) =>
            {
                self.answered(streams, now_ms, actions);
            }
            (Input::Renumbered, Phase::Asking | Phase::Open) => self.ask_anew(now_ms, actions),
            (Input::Acked { stream, through, above }, Phase::Open) => {
                if let Some(lane) = self.lane(stream) {
                    lane.acknowledge(through, &above, now_ms);
                }
            }
            (Input::Grown { stream, next }, Phase::Open) => {
                if let Some(lane) = self.lane(stream) {
                    lane.grow(next);
                }
            }
            // What this machine believes to wait is not there: ask where everything stands.
            (Input::Sent { run: None, .. }, Phase::Open) => self.ask_anew(now_ms, actions),
            (Input::Sent { stream, run: Some(run), count, bytes }, Phase::Open) => {
                self.sent(stream, run, count, bytes, now_ms);
            }
            (Input::Restarted, Phase::Open) if self.question.is_none() => {
                let soon = now_ms + self.backoff.within(SOON_MS);
                self.ask_ms = self.ask_ms.min(soon);
            }
            (Input::Taken, _) => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.taken_ms = now_ms;
            }
            _ => {} // Late news of a connection that is gone.
        }
    }

    fn lane(&mut self, stream: Stream) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.stream == stream)
    }

    fn enter(&mut self, phase: Phase, now_ms: u64) {
        self.phase = phase;
        self.since_ms = now_ms;
    }

    fn answered(&mut self, streams: Vec<Standing>, now_ms: u64, actions: &mut Vec<Action>) {
        self.question = None;
        self.asked = 0;
        let refresh = self.config.refresh_ms;
        self.ask_ms = now_ms + refresh / 2 + self.backoff.within(refresh);
        if self.phase == Phase::Open {
            for standing in streams {
                if let Some(lane) = self.lane(standing.stream) {
                    lane.grow(standing.next);
                    lane.acknowledge(standing.through, &standing.above, now_ms);
                }
            }
        } else {
            self.enter(Phase::Open, now_ms);
            let lane = |s: Standing| Lane::new(s.stream, s.next, s.through, s.above, now_ms);
            self.lanes = streams.into_iter().map(lane).collect();
            (self.allowance, self.allowance_ms) = (0, now_ms);
        }
        actions.push(Action::Report);
    }

    /// Closes the uplink until HQ has said anew where each stream stands.
    fn ask_anew(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        self.enter(Phase::Asking, now_ms);
        self.lanes.clear();
        self.sending = false;
        self.ask(now_ms, actions);
    }

    fn sent(&mut self, stream: Stream, run: Run, count: usize, bytes: u64, now_ms: u64) {
        if self.in_flight == 0 {
            self.taken_ms = now_ms;
        }
        self.in_flight += count;
        if self.sending_backlog {
            self.allowance = self.allowance.saturating_sub_unsigned(bytes);
        }
        self.sending = false;
        if let Some(lane) = self.lane(stream) {
            lane.sent(run, now_ms);
        }
    }

    /// What must not wait any longer.
    fn run_out(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::Waiting { until_ms } if now_ms >= until_ms => {
                self.enter(Phase::Connecting, now_ms);
                actions.push(Action::Connect);
            }
            Phase::Waiting { .. } => {}
            Phase::Connecting | Phase::Subscribing => {
                if now_ms >= self.since_ms + self.config.step_ms {
                    self.fail(now_ms, actions);
                }
            }
            Phase::Asking | Phase::Open => {
                if self.in_flight > 0 && now_ms >= self.taken_ms + self.config.stall_ms {
                    self.fail(now_ms, actions);
                } else if now_ms >= self.ask_ms {
                    self.ask(now_ms, actions);
                }
            }
        }
        if self.phase == Phase::Open {
            let config = self.config;
            let due = |lane: &&mut Lane| lane.repeat_at(&config).is_some_and(|at| now_ms >= at);
            self.lanes.iter_mut().filter(due).for_each(|lane| lane.repeat(now_ms));
        }
    }

    /// Says that the node is there, as that may have been lost too, and asks.
    fn ask(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        actions.push(Action::Announce);
        let question = MessageId(self.backoff.id());
        self.question = Some(question);
        let wait = doubled(self.config.ask_again_ms, self.asked, self.config.max_retry_ms);
        self.asked = self.asked.saturating_add(1);
        self.ask_ms = now_ms + wait / 2 + self.backoff.within(wait);
        actions.push(Action::Ask { question });
    }

    /// The connection is over, as a failure unless it held for long.
    fn fail(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let held = self.connected_ms.map_or(0, |connected| now_ms - connected);
        if held >= self.config.stable_ms {
            self.backoff.forget();
        }
        let until_ms = now_ms + self.backoff.fail();
        self.enter(Phase::Waiting { until_ms }, now_ms);
        (self.connected_ms, self.question) = (None, None);
        (self.sending, self.in_flight) = (false, 0);
        self.lanes.clear();
        actions.push(Action::Drop);
    }

    /// One piece of what waits: live before backlog, audit before events, events before the rest.
    fn send(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if self.phase != Phase::Open || self.sending {
            return;
        }
        self.earn(now_ms);
        if self.in_flight >= self.config.max_in_flight {
            return;
        }
        let config = &self.config;
        let live = self.lanes.iter().find_map(|lane| Some((lane.stream, lane.live(config)?)));
        let backlog =
            || self.lanes.iter().find_map(|lane| Some((lane.stream, lane.backlog(config)?)));
        let next = live.or_else(|| (self.allowance > 0).then(backlog).flatten());
        let Some((stream, run)) = next else { return };
        self.sending = true;
        self.sending_backlog = live.is_none();
        let room = (self.config.max_in_flight - self.in_flight) as u64;
        let run = Run { first: run.first, last: run.last.min(run.first + room - 1) };
        let most = self.config.read_bytes;
        let max_bytes = if live.is_some() { most } else { most.min(self.allowance.unsigned_abs()) };
        actions.push(Action::Send { stream, run, max_bytes });
    }

    /// Backlog may be sent as time passes; what is not used within a second is gone.
    fn earn(&mut self, now_ms: u64) {
        let rate = self.config.backlog_bytes_per_s;
        let passed = now_ms.saturating_sub(self.allowance_ms).min(1000);
        let earned = rate * passed / 1000;
        if earned > 0 {
            self.allowance = self.allowance.saturating_add_unsigned(earned).min(rate.cast_signed());
            self.allowance_ms = now_ms;
        }
    }

    /// When something is to be done although nothing happens.
    #[must_use]
    pub fn wake_ms(&self) -> u64 {
        match self.phase {
            Phase::Waiting { until_ms } => until_ms,
            Phase::Connecting | Phase::Subscribing => self.since_ms + self.config.step_ms,
            Phase::Asking | Phase::Open => {
                let stall = (self.in_flight > 0).then_some(self.taken_ms + self.config.stall_ms);
                let repeats = self.lanes.iter().filter_map(|lane| lane.repeat_at(&self.config));
                let wakes = repeats.chain(stall).chain(self.earning());
                wakes.fold(self.ask_ms, u64::min)
            }
        }
    }

    /// When there is an allowance for waiting backlog again.
    fn earning(&self) -> Option<u64> {
        let waits = self.lanes.iter().any(|lane| lane.backlog(&self.config).is_some());
        let room = !self.sending && self.in_flight < self.config.max_in_flight;
        (waits && room && self.phase == Phase::Open).then_some(self.allowance_ms + 100)
    }
}
