//! Who listens to a conversation.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

use super::conversation::{Stage, Turn};
use super::id::Row;

/// Events that a slow listener may be behind; then it is told that it missed some.
const BEHIND: usize = 64;

/// What happened in a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Something was said.
    Turn(Turn),
    /// Somebody else answers from now on.
    Stage(Stage),
    /// It is over and gone.
    Ended,
}

/// Events as they come. `Lagged` means: read the conversation anew. `Closed` after [`Event::Ended`].
pub type Events = broadcast::Receiver<Event>;

/// The listeners of each conversation that has some.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<HashMap<Row, broadcast::Sender<Event>>>);

impl Listeners {
    pub(super) fn listen(&self, to: Row) -> Events {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, sender| sender.receiver_count() > 0);
        all.entry(to).or_insert_with(|| broadcast::channel(BEHIND).0).subscribe()
    }

    pub(super) fn tell(&self, of: Row, event: Event) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = event == Event::Ended;
        if let Some(sender) = all.get(&of) {
            sender.send(event).ok();
        }
        if ended {
            all.remove(&of);
        }
    }
}
