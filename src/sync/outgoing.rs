//! What a node says of itself: its question, its documents, what became of commands.

use std::collections::BTreeMap;

use super::error::LineError;
use super::session::{Do, Now, Session, random};
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
        let changes = self.changes(now)?;
        if changes.is_empty() {
            return Ok(());
        }
        // HQ keeps what was said last by this time. It is stored, so that what is said next is later
        // even where the clock goes back or the program starts anew in between.
        let time = self.store.write(|writing| writing.tick(now.wall))?;
        for (topic, message) in changes {
            let id = MessageId(random()?);
            todo.push(Do::Publish(self.say_at(time, id, topic, &message)?));
        }
        Ok(())
    }

    /// What is otherwise than it was last said.
    fn changes(&mut self, now: Now) -> Result<Vec<(NodeTopic, Message)>, LineError> {
        let mut changes = Vec::new();
        for reported in self.store.reported()? {
            let document = reported.document;
            let message = Message::Reported(reported);
            let digest = Digest::of(&message.body()?);
            if self.told.reports.insert(document, digest) != Some(digest) {
                changes.push((NodeTopic::Reported(document), message));
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
                changes.push((NodeTopic::Result(state.id), Message::CommandState(state)));
            }
        }
        self.told.outcomes = outcomes;
        Ok(changes)
    }
}
