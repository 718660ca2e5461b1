//! Commands as they were recorded, and what became of them.

use redb::{ReadableTable, ReadableTableMetadata};

use super::error::{During, StateError};
use super::store::Store;
use super::tables::COMMANDS;
use super::writing::Writing;
use crate::protocol::{Command, CommandState, Message, MessageId, Signed, UnixMillis};

const READING: &str = "reading the commands";
const WRITING: &str = "writing the commands";

const COMMAND_SCHEMA: u16 = 9;
const STATE_SCHEMA: u16 = 10;

/// A command and where it stands; without a state it is still to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// As HQ signed it.
    pub command: Signed<Command>,
    /// Where it stands.
    pub state: Option<CommandState>,
}

impl Writing<'_> {
    /// Records a command whose signature was verified; `false` where it is recorded already, under
    /// whatever number it came: the envelope around a command is not signed, so its number says
    /// nothing of whether it was done. Those that are done and expired make room.
    pub fn record_command(
        &self,
        now: UnixMillis,
        signed: &Signed<Command>,
        command: &Command,
    ) -> Result<bool, StateError> {
        let most = self.store().config().max_commands;
        let mut commands = self.transaction().open_table(COMMANDS).during(WRITING)?;
        if commands.get(command.id.0).during(READING)?.is_some() {
            return Ok(false);
        }
        if commands.len().during(READING)? >= most {
            let over = |_: [u8; 16], row: (u64, &[u8], Option<&[u8]>)| {
                !(row.0 <= now.0 && row.2.is_some())
            };
            commands.retain(over).during(WRITING)?;
        }
        if commands.len().during(READING)? >= most {
            return Err(StateError::TooMany { what: "commands", most });
        }
        let bytes = Message::Command(signed.clone()).body()?;
        commands.insert(command.id.0, (command.expires.0, &*bytes, None)).during(WRITING)?;
        Ok(true)
    }

    /// Notes where a recorded command stands; `false` where there is no such command.
    pub fn set_outcome(&self, state: &CommandState) -> Result<bool, StateError> {
        let mut commands = self.transaction().open_table(COMMANDS).during(WRITING)?;
        let found = commands.get(state.id.0).during(READING)?;
        let Some((expires, bytes)) = found.map(|row| (row.value().0, row.value().1.to_vec()))
        else {
            return Ok(false);
        };
        let outcome = Message::CommandState(state.clone()).body()?;
        commands.insert(state.id.0, (expires, &*bytes, Some(&*outcome))).during(WRITING)?;
        Ok(true)
    }
}

impl Store {
    /// Every recorded command.
    pub fn commands(&self) -> Result<Vec<Recorded>, StateError> {
        let commands = self.read()?.open_table(COMMANDS).during(READING)?;
        let rows = commands.iter().during(READING)?;
        rows.map(|row| recorded(row.during(READING)?.1.value())).collect()
    }

    /// A recorded command.
    pub fn command(&self, id: MessageId) -> Result<Option<Recorded>, StateError> {
        let commands = self.read()?.open_table(COMMANDS).during(READING)?;
        commands.get(id.0).during(READING)?.map(|row| recorded(row.value())).transpose()
    }
}

fn recorded(row: (u64, &[u8], Option<&[u8]>)) -> Result<Recorded, StateError> {
    let damaged =
        || StateError::Damaged { what: "a command", why: "it has another schema".to_owned() };
    let Message::Command(command) = Message::parse(COMMAND_SCHEMA, row.1)? else {
        return Err(damaged());
    };
    let state = match row.2.map(|bytes| Message::parse(STATE_SCHEMA, bytes)).transpose()? {
        None => None,
        Some(Message::CommandState(state)) => Some(state),
        Some(_) => return Err(damaged()),
    };
    Ok(Recorded { command, state })
}
