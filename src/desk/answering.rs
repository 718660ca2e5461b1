//! What associates do with a handoff.

use std::time::Duration;

use super::error::DeskError;
use super::handoff::{Associate, Handoff, HandoffId, Outcome, Stage};
use super::phrases::Say;
use super::room::{Desk, now_ms};
use super::shoppers::{self, NewTurn, Speaker, Turn};
use super::told::Told;

/// Bytes of a reply and of a note.
const MAX_TEXT: usize = 2_000;

impl Desk {
    /// Somebody is on the way: others are not rung for a while.
    pub fn acknowledge(&self, id: HandoffId, who: &Associate) -> Result<Handoff, DeskError> {
        let before = self.handoff(id)?;
        match (before.stage, &before.with) {
            (Stage::Claimed, Some(with)) if with.id != who.id => return Err(DeskError::Taken),
            (Stage::Claimed, _) => return Ok(before),
            _ => {}
        }
        let now_ms = now_ms();
        self.0.people.acted(who, now_ms);
        let handoff = self.change(id, |handoff| {
            handoff.stage = Stage::Acknowledged;
            handoff.with = Some(who.clone());
            handoff.ringing.acknowledged_ms = Some(now_ms);
        })?;
        self.0.board.tell(Told::Claimed(handoff.clone()));
        Ok(handoff)
    }

    /// Somebody answers from now on, whoever was on the way. The first one has it.
    pub fn claim(&self, id: HandoffId, who: &Associate) -> Result<Handoff, DeskError> {
        let now_ms = now_ms();
        self.0.people.acted(who, now_ms);
        let mut other = false;
        let mut again = false;
        let handoff = self.change(id, |handoff| {
            let with = handoff.with.as_ref().filter(|_| handoff.stage == Stage::Claimed);
            other = with.is_some_and(|with| with.id != who.id);
            again = with.is_some_and(|with| with.id == who.id);
            if !other {
                handoff.stage = Stage::Claimed;
                handoff.with = Some(who.clone());
            }
        })?;
        if other {
            return Err(DeskError::Taken);
        }
        if !again {
            let waited = Duration::from_millis(now_ms.saturating_sub(handoff.waiting_ms));
            self.0.metrics.claimed(waited);
            self.or_left(id, self.passes_to(&handoff, shoppers::Stage::Associate, now_ms))?;
            self.or_left(id, self.say(&handoff, Say::Here, now_ms))?;
            self.0.board.tell(Told::Claimed(handoff.clone()));
        }
        Ok(handoff)
    }

    /// Something is said to the shopper.
    pub fn reply(
        &self,
        id: HandoffId,
        who: &Associate,
        text: &str,
        language: Option<&str>,
    ) -> Result<Turn, DeskError> {
        let text = checked("text", text)?;
        let handoff = self.own(id, who)?;
        self.0.people.acted(who, now_ms());
        let language = language.or(handoff.language.as_deref()).unwrap_or("en").to_owned();
        let turn = NewTurn { speaker: Speaker::Associate, text, language, details: None };
        let said = self.0.shoppers.append(&handoff.conversation, turn, now_ms() / 1000);
        self.or_left(id, said.map_err(DeskError::from))
    }

    /// The assistant goes on. A note is said to the shopper first.
    pub fn hand_back(
        &self,
        id: HandoffId,
        who: &Associate,
        note: Option<&str>,
    ) -> Result<Handoff, DeskError> {
        let note = note.map(|note| checked("note", note)).transpose()?;
        if let Some(note) = note {
            self.reply(id, who, &note, None)?;
        }
        let handoff = self.own(id, who)?;
        let now_ms = now_ms();
        self.or_left(id, self.passes_to(&handoff, shoppers::Stage::Assistant, now_ms))?;
        self.or_left(id, self.say(&handoff, Say::Back, now_ms))?;
        self.over(id, Outcome::HandedBack)
    }

    /// It is finished, and so is the shopper's conversation.
    pub fn close(
        &self,
        id: HandoffId,
        who: &Associate,
        outcome: Outcome,
    ) -> Result<Handoff, DeskError> {
        let handoff = self.own(id, who)?;
        let now_ms = now_ms();
        let told = self.say(&handoff, Say::Closed, now_ms);
        let told = told.and_then(|()| self.passes_to(&handoff, shoppers::Stage::Closed, now_ms));
        match told {
            Ok(()) | Err(DeskError::Left) => self.over(id, outcome),
            Err(error) => Err(error),
        }
    }

    /// One that this associate answers.
    fn own(&self, id: HandoffId, who: &Associate) -> Result<Handoff, DeskError> {
        let handoff = self.handoff(id)?;
        match (handoff.stage, &handoff.with) {
            (Stage::Claimed, Some(with)) if with.id == who.id => Ok(handoff),
            (Stage::Claimed, _) => Err(DeskError::Taken),
            _ => Err(DeskError::Unclaimed),
        }
    }

    /// A shopper who left closes the handoff.
    fn or_left<T>(&self, id: HandoffId, done: Result<T, DeskError>) -> Result<T, DeskError> {
        if matches!(done, Err(DeskError::Left)) {
            self.over(id, Outcome::Left)?;
        }
        done
    }
}

fn checked(field: &'static str, text: &str) -> Result<String, DeskError> {
    let text = text.trim();
    if (1..=MAX_TEXT).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(DeskError::Text { field, most: MAX_TEXT })
}
