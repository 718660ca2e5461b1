//! What a node says of itself: its question, its documents, what became of commands.

use std::collections::BTreeMap;

use super::error::LineError;
use super::session::{Do, Now, Session};
use crate::protocol::{
    Ask, CommandState, Digest, Document, Fields, Have, List, Message, MessageId, NodeTopic,
    Outcome, Sending, Stream,
};

/// What has been said since HQ last answered, so that only what changes is said again.
#[derive(Debug, Default)]
pub(super) struct Told {
    reports: BTreeMap<Document, Digest>,
    outcomes: BTreeMap<MessageId, Outcome>,
}

impl Told {
    /// What became of this command is to be said again.
    pub(super) fn forget(&mut self, command: MessageId) {
        self.outcomes.remove(&command);
    }
}

impl Session {
    pub(super) fn ask(&mut self, question: MessageId, now: Now) -> Result<Do, LineError> {
        let floors = self.store.floors()?;
        let have = floors
            .iter()
            .map(|(document, floor)| Have { document: *document, version: floor.version });
        let mut sending = Vec::new();
        for stream in Stream::UP {
            let at = self.store.position(stream)?;
            sending.push(Sending { stream, first: at.first, next: at.next });
        }
        let ask = Ask {
            ledger: self.store.ledger()?,
            have: List::new(have.collect())?,
            sending: List::new(sending)?,
        };
        let message = Message::Ask(ask);
        Ok(Do::Publish(self.say_as(question, NodeTopic::Get, &message, now)?))
    }

    /// Says what has changed of documents and commands.
    pub(super) fn tell_changes(&mut self, now: Now, todo: &mut Vec<Do>) -> Result<(), LineError> {
        for reported in self.store.reported()? {
            let document = reported.document;
            let message = Message::Reported(reported);
            let digest = Digest::of(&message.body()?);
            if self.told.reports.insert(document, digest) != Some(digest) {
                todo.push(Do::Publish(self.say(NodeTopic::Reported(document), &message, now)?));
            }
        }
        let mut outcomes = BTreeMap::new();
        for recorded in self.store.commands()? {
            let Ok(command) = recorded.command.unverified() else { continue };
            let accepted = || CommandState {
                id: command.id,
                outcome: Outcome::Accepted,
                at: now.wall,
                details: Fields::default(),
            };
            let state = recorded.state.unwrap_or_else(accepted);
            outcomes.insert(state.id, state.outcome);
            if self.told.outcomes.get(&state.id) != Some(&state.outcome) {
                let topic = NodeTopic::Result(state.id);
                let message = Message::CommandState(state);
                todo.push(Do::Publish(self.say(topic, &message, now)?));
            }
        }
        self.told.outcomes = outcomes;
        Ok(())
    }
}
