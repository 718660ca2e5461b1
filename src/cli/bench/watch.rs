//! The engine's events with the time they came at.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::engine::Observer;

/// What the engine did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The first token of an answer, this long after it was asked for.
    First(Duration),
    /// Another token of an answer, this long after its last.
    Next(Duration),
    /// An answer is complete, or nobody listens any more.
    Ended,
    /// An answer failed.
    Failed,
    /// An answer had to give its KV memory back.
    SetAside,
}

/// Sends every event to whoever measures.
pub(super) struct Watch(mpsc::Sender<(Instant, Event)>);

impl Watch {
    /// A watch and the place where its events arrive, in order.
    pub(super) fn new() -> (Self, mpsc::Receiver<(Instant, Event)>) {
        let (sender, receiver) = mpsc::channel();
        (Self(sender), receiver)
    }

    fn tell(&self, event: Event) {
        let _nobody_measures_any_more = self.0.send((Instant::now(), event));
    }
}

impl Observer for Watch {
    fn first_token(&self, after: Duration) {
        self.tell(Event::First(after));
    }

    fn token_gap(&self, gap: Duration) {
        self.tell(Event::Next(gap));
    }

    fn prompt_tokens(&self, _tokens: u64) {}

    fn completed(&self, _total: Duration) {
        self.tell(Event::Ended);
    }

    fn cancelled(&self) {
        self.tell(Event::Ended);
    }

    fn failed(&self) {
        self.tell(Event::Failed);
    }

    fn set_aside(&self) {
        self.tell(Event::SetAside);
    }

    fn queue(&self, _waiting: usize, _running: usize) {}

    fn kv_bytes(&self, _used: u64, _budget: u64) {}
}
