//! A conversation, from its first turn on.

use std::collections::BTreeMap;

use redb::{Durability, ReadableTable, ReadableTableMetadata, WriteTransaction};
use sha2::{Digest, Sha256};

use super::conversation::{Conversation, NewTurn, Owner, Stage, Turn, json, name};
use super::error::{During, ShoppersError};
use super::events::{Event, Events};
use super::id::{ConversationId, ProfileId, Row, SubjectId};
use super::keys::Use;
use super::rows::{self, CONVERSATIONS, Head, Place, TURNS};
use super::seal::Key;
use super::store::Shoppers;

pub(super) const READING: &str = "reading a conversation";
pub(super) const WRITING: &str = "writing a conversation";
/// Bytes of a conversation's turns that are kept; the oldest leave.
const MAX_BYTES: u64 = 256 << 10;

/// A conversation's row, opened.
pub(super) struct Found {
    pub(super) subject: SubjectId,
    pub(super) heard: u64,
    pub(super) head: Head,
    pub(super) key: Key,
}

impl Shoppers {
    /// Begins a conversation. Where there are as many as may be, one is ended: of the device that has the
    /// most, the one that was silent for longest. [`ShoppersError::Full`] where each device has but one.
    pub fn begin(
        &self,
        owner: Owner,
        language: Option<String>,
        profile: Option<&ProfileId>,
        now: u64,
    ) -> Result<Conversation, ShoppersError> {
        owner.check()?;
        language.as_deref().map_or(Ok(()), |language| name("language", language))?;
        if let Some(profile) = profile {
            self.profile(profile, now)?;
        }
        self.make_room(device(&owner), now)?;
        let (id, subject) = (ConversationId::new()?, SubjectId::new()?);
        let head = Head {
            owner,
            began: now,
            language,
            stage: Stage::Assistant,
            profile: profile.copied(),
            memory: serde_json::Value::Null,
            first: 1,
            next: 1,
            bytes: 0,
        };
        self.write(Durability::None, |transaction| {
            // Within the change, so that a sweep does not take the key for one of nobody.
            self.0.keys.make(&subject, None)?;
            let key = self.0.keys.key(&subject, Use::Own)?;
            put(transaction, id.row(), &Found { subject, heard: now, head, key })
        })?;
        self.conversation(&id, now)
    }

    fn make_room(&self, device: Row, now: u64) -> Result<(), ShoppersError> {
        let most = self.0.config.max_conversations;
        let count =
            || self.read()?.open_table(CONVERSATIONS).during(READING)?.len().during(READING);
        if count()? < most {
            return Ok(());
        }
        self.sweep(now)?;
        if count()? < most {
            return Ok(());
        }
        // By device: how many it has, and which of them was silent for longest.
        let mut held: BTreeMap<Row, (usize, u64, Row)> = BTreeMap::new();
        for row in self.read()?.open_table(CONVERSATIONS).during(READING)?.iter().during(READING)? {
            let (row, value) = row.during(READING)?;
            let (_, heard, of, _) = value.value();
            let (count, oldest, silent) = held.entry(of).or_insert((0, heard, row.value()));
            *count += 1;
            if heard < *oldest {
                (*oldest, *silent) = (heard, row.value());
            }
        }
        let most_held = held.iter().max_by_key(|(of, (count, ..))| (*count, **of == device));
        let gives = most_held.filter(|(of, (count, ..))| **of == device || *count > 1);
        let (_, (_, _, row)) = gives.ok_or(ShoppersError::Full { what: "conversations", most })?;
        self.close(*row, now)
    }

    /// A conversation as it is now.
    pub fn conversation(
        &self,
        id: &ConversationId,
        now: u64,
    ) -> Result<Conversation, ShoppersError> {
        let transaction = self.read()?;
        let heads = transaction.open_table(CONVERSATIONS).during(READING)?;
        let found = self.found(&heads, id.row(), now)?;
        self.whole(*id, &found, &transaction.open_table(TURNS).during(READING)?)
    }

    /// Adds a turn and tells who listens.
    pub fn append(
        &self,
        id: &ConversationId,
        turn: NewTurn,
        now: u64,
    ) -> Result<Turn, ShoppersError> {
        let NewTurn { speaker, text, language, details } = turn.checked()?;
        let row = id.row();
        let turn = self.write(Durability::None, |transaction| {
            let mut found = {
                let heads = transaction.open_table(CONVERSATIONS).during(READING)?;
                self.found(&heads, row, now)?
            };
            let turn = Turn { number: found.head.next, speaker, at: now, text, language, details };
            found.heard = found.heard.max(now);
            self.add(transaction, row, &mut found, &turn)?;
            put(transaction, row, &found)?;
            Ok(turn)
        })?;
        self.0.listeners.tell(row, Event::Turn(turn.clone()));
        Ok(turn)
    }

    /// Writes a turn, and lets the oldest leave that are beyond a limit.
    fn add(
        &self,
        transaction: &WriteTransaction,
        row: Row,
        found: &mut Found,
        turn: &Turn,
    ) -> Result<(), ShoppersError> {
        let head = &mut found.head;
        let sealed = rows::seal(&found.key, &Place::turn(row, turn.number), turn)?;
        let mut turns = transaction.open_table(TURNS).during(WRITING)?;
        turns.insert((row, turn.number), &*sealed).during(WRITING)?;
        head.next = turn.number + 1;
        head.bytes += sealed.len() as u64;
        while head.next - head.first > self.0.config.max_turns
            || (head.bytes > MAX_BYTES && head.first < turn.number)
        {
            let gone = turns.remove((row, head.first)).during(WRITING)?;
            head.bytes -= gone.map_or(0, |gone| gone.value().len() as u64).min(head.bytes);
            head.first += 1;
        }
        Ok(())
    }

    /// Changes language, stage and memory of a conversation; what else `change` does has no effect.
    /// Tells who listens where somebody else is to answer.
    pub fn update(
        &self,
        id: &ConversationId,
        change: impl FnOnce(&mut Conversation),
        now: u64,
    ) -> Result<Conversation, ShoppersError> {
        let row = id.row();
        let mut told = None;
        let changed = self.write(Durability::None, |transaction| {
            let mut found = {
                let heads = transaction.open_table(CONVERSATIONS).during(READING)?;
                self.found(&heads, row, now)?
            };
            found.heard = found.heard.max(now);
            let before = {
                let turns = transaction.open_table(TURNS).during(READING)?;
                self.whole(*id, &found, &turns)?
            };
            let mut after = before.clone();
            change(&mut after);
            json("memory", &after.memory)?;
            after.language.as_deref().map_or(Ok(()), |it| name("language", it))?;
            told = (after.stage != before.stage).then_some(after.stage);
            let Conversation { language, stage, memory, .. } = after;
            found.head.language.clone_from(&language);
            found.head.stage = stage;
            found.head.memory.clone_from(&memory);
            put(transaction, row, &found)?;
            Ok(Conversation { language, stage, memory, ..before })
        })?;
        if let Some(stage) = told {
            self.0.listeners.tell(row, Event::Stage(stage));
        }
        Ok(changed)
    }

    /// What happens in a conversation from now on. Read the conversation after this, not before.
    pub fn events(&self, id: &ConversationId) -> Events {
        self.0.listeners.listen(id.row())
    }

    /// The row of a conversation that is not over.
    pub(super) fn found(
        &self,
        heads: &impl ReadableTable<Row, ([u8; 16], u64, Row, &'static [u8])>,
        row: Row,
        now: u64,
    ) -> Result<Found, ShoppersError> {
        let gone = || ShoppersError::NotFound { what: "conversation" };
        let value = heads.get(row).during(READING)?.ok_or_else(gone)?;
        let (subject, heard, _, sealed) = value.value();
        let idle_s = self.0.config.idle.as_secs();
        if now.saturating_sub(heard) > idle_s {
            return Err(ShoppersError::Expired { idle_s });
        }
        let subject = SubjectId::of_bytes(subject);
        // Without a key it is being erased.
        let key = self.0.keys.key(&subject, Use::Own).map_err(|error| match error {
            ShoppersError::Erased => gone(),
            error => error,
        })?;
        let head = rows::open(&key, &Place::head(row), sealed)?;
        Ok(Found { subject, heard, head, key })
    }

    fn whole(
        &self,
        id: ConversationId,
        found: &Found,
        turns: &impl ReadableTable<(Row, u32), &'static [u8]>,
    ) -> Result<Conversation, ShoppersError> {
        let (row, head) = (id.row(), &found.head);
        let mut said = Vec::new();
        for turn in turns.range((row, head.first)..(row, head.next)).during(READING)? {
            let (key, sealed) = turn.during(READING)?;
            said.push(rows::open(&found.key, &Place::turn(row, key.value().1), sealed.value())?);
        }
        let profile = match &head.profile {
            Some(profile) => self.known(profile)?,
            None => None,
        };
        Ok(Conversation {
            id,
            subject: found.subject,
            owner: head.owner.clone(),
            began: head.began,
            heard: found.heard,
            language: head.language.clone(),
            stage: head.stage,
            profile,
            turns: said,
            memory: head.memory.clone(),
        })
    }
}

/// Writes a conversation's row.
pub(super) fn put(
    transaction: &WriteTransaction,
    row: Row,
    found: &Found,
) -> Result<(), ShoppersError> {
    let sealed = rows::seal(&found.key, &Place::head(row), &found.head)?;
    let value = (found.subject.to_bytes(), found.heard, device(&found.head.owner), &*sealed);
    transaction.open_table(CONVERSATIONS).during(WRITING)?.insert(row, value).during(WRITING)?;
    Ok(())
}

/// A device as rows have it.
fn device(owner: &Owner) -> Row {
    let digest: [u8; 32] = Sha256::digest(owner.device.as_bytes()).into();
    digest.split_at(16).0.try_into().unwrap_or_default()
}
