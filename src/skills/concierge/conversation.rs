//! A conversation: how it begins, and how a message in it is answered.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;

use super::Concierge;
use super::auditor::Answered;
use super::memory::Memory;
use super::reply::{Heard, Reply, Who};
use super::trail::Trail;
use super::turn::{Details, Telling};
use super::wording;
use crate::cache::{Failure, Scope, ScopeId};
use crate::facts::UnixSeconds;
use crate::shoppers::{
    Conversation, ConversationId, NewTurn, Owner, ProfileId, ShoppersError, Speaker, Stage, Turn,
};
use crate::skills::language::Language;
use crate::skills::screen::Screened;

/// Turns of the conversation that a model may be told of.
const MAX_HISTORY: usize = 12;

/// What a shopper says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// As it was typed.
    pub text: String,
    /// The language that it is in; told from its words where it is left out.
    pub language: Option<Language>,
    /// It is answered by then.
    pub deadline: Instant,
}

/// Why a message is not answered.
#[derive(Debug, thiserror::Error)]
pub enum ConciergeError {
    /// The conversation is not there, or it cannot be kept.
    #[error(transparent)]
    Shoppers(#[from] ShoppersError),
    /// Another message of the conversation is being answered.
    #[error("another message of this conversation is being answered")]
    Busy,
    /// The conversation has ended.
    #[error("the conversation is closed")]
    Closed,
    /// A model, or the facts, failed meanwhile.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A conversation that is being answered, until this is dropped.
struct Busy<'a>(&'a Mutex<BTreeSet<String>>, String);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl Concierge {
    /// Begins a conversation and greets. Waits for the disk.
    pub fn begin(
        &self,
        owner: Owner,
        language: Option<Language>,
        profile: Option<&ProfileId>,
    ) -> Result<(Conversation, Turn), ConciergeError> {
        let now = now();
        let code = language.map(|language| language.code().to_owned());
        let begun = self.shoppers.begin(owner, code, profile, now)?;
        let language = self.language_of(&begun, language);
        let disclosure = wording::speaks(language).to_owned();
        let details = Details { disclosure, ..Details::default() };
        let greeting = NewTurn {
            speaker: Speaker::Assistant,
            text: self.greeting(language),
            language: language.code().to_owned(),
            details: serde_json::to_value(details).ok(),
        };
        let greeting = self.shoppers.append(&begun.id, greeting, now)?;
        let begun = self.shoppers.conversation(&begun.id, now)?;
        Ok((begun, greeting))
    }

    /// Answers a message. `listener` is told of the work while it is done. While an associate has the
    /// conversation the message is kept for them, and is itself what comes back.
    pub async fn hear(
        &self,
        id: &ConversationId,
        message: Message,
        listener: Option<mpsc::Sender<Telling>>,
    ) -> Result<Turn, ConciergeError> {
        let _busy = self.busy(id)?;
        let conversation = self.shoppers.conversation(id, now())?;
        let screened = self.clerk.screen(&message.text, message.deadline).await;
        match conversation.stage {
            Stage::Closed => return Err(ConciergeError::Closed),
            Stage::Associate => {
                let spoken = self.language_of(&conversation, message.language);
                return Ok(self.shoppers.append(
                    id,
                    said(&message.text, &screened, spoken),
                    now(),
                )?);
            }
            Stage::Assistant | Stage::Waiting => {}
        }
        self.answer(&conversation, (message, &screened), listener).await
    }

    async fn answer(
        &self,
        conversation: &Conversation,
        (message, screened): (Message, &Screened),
        listener: Option<mpsc::Sender<Telling>>,
    ) -> Result<Turn, ConciergeError> {
        let (id, now) = (&conversation.id, now());
        let spoken = self.language_of(conversation, message.language);
        let history = history(conversation);
        let mut memory: Memory =
            serde_json::from_value(conversation.memory.clone()).unwrap_or_default();
        memory.called = conversation.stage == Stage::Waiting;
        let fields = conversation.profile.as_ref().map(|profile| &profile.fields);
        let key = format!("{:x}-{}", seed_of(conversation), conversation.turns.len());
        let heard = Heard {
            text: &message.text,
            screened,
            language: message.language,
            spoken,
            diets: fields.map_or(&[], |fields| &fields.diet),
            avoided: fields.map_or(&[], |fields| &fields.avoid_allergens),
            size: fields.and_then(|fields| fields.size.as_deref()),
            style: fields.and_then(|fields| fields.style.as_deref()),
            history: &history,
            key,
            scope: scope(&conversation.owner),
            conversation: Some(conversation),
            deadline: message.deadline,
        };
        // The shopper's words are there before the answer, for whoever reads along.
        if !super::reply::has_card_number(&message.text) {
            self.shoppers.append(id, said(&message.text, screened, spoken), now)?;
        }
        let mut trail = Trail::new(listener);
        let reply = self.reply(heard, &mut memory, &mut trail).await?;
        self.keep(conversation, screened, reply, &memory)
    }

    /// Keeps what was answered and what the conversation has in mind.
    fn keep(
        &self,
        conversation: &Conversation,
        screened: &Screened,
        reply: Reply,
        memory: &Memory,
    ) -> Result<Turn, ConciergeError> {
        let (id, now) = (&conversation.id, now());
        let Reply { text, code, language, mut details, answer, prompt, forget } = reply;
        details.answer_id = match (&self.auditor, &answer) {
            (Some(auditor), Some(answer)) => auditor.answered(
                conversation,
                Answered {
                    question: screened.text(),
                    text: &text,
                    answer,
                    prompt: prompt.as_ref(),
                    route: &details.route,
                },
            ),
            _ => None,
        };
        let called = details.handoff.is_some();
        let speaker = if forget { Speaker::Notice } else { Speaker::Assistant };
        let turn =
            NewTurn { speaker, text, language: code, details: serde_json::to_value(&details).ok() };
        let turn = self.shoppers.append(id, turn, now)?;
        let memory = serde_json::to_value(memory).unwrap_or_default();
        let change = |conversation: &mut Conversation| {
            conversation.memory = memory;
            conversation.language = Some(language.code().to_owned());
            if called && conversation.stage == Stage::Assistant {
                conversation.stage = Stage::Waiting;
            }
        };
        self.shoppers.update(id, change, now)?;
        Ok(turn)
    }

    /// The language of a conversation so far.
    fn language_of(&self, conversation: &Conversation, stated: Option<Language>) -> Language {
        let profile = conversation.profile.as_ref();
        let of_profile = profile.and_then(|profile| profile.fields.language.as_deref());
        let known = conversation.language.as_deref().or(of_profile).and_then(named);
        let house = self.house();
        let usual = self.clerk.settings.now().language;
        let first = house.spoken().first().copied().unwrap_or(usual);
        let usual = if house.speaks(usual) { usual } else { first };
        stated.or(known).filter(|language| house.speaks(*language)).unwrap_or(usual)
    }

    fn busy(&self, id: &ConversationId) -> Result<Busy<'_>, ConciergeError> {
        let id = id.to_string();
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if !busy.insert(id.clone()) {
            return Err(ConciergeError::Busy);
        }
        Ok(Busy(&self.busy, id))
    }
}

/// The time as conversations have it.
fn now() -> u64 {
    UnixSeconds::now().0.unsigned_abs()
}

/// The language of a code such as `de` or `de-AT`.
fn named(code: &str) -> Option<Language> {
    let short = code.split('-').next().unwrap_or(code);
    Language::ALL.into_iter().find(|language| language.code() == short)
}

/// What a shopper said, as it may be kept. One with the number of a card is refused by who keeps it.
fn said(text: &str, screened: &Screened, language: Language) -> NewTurn {
    let kept = if crate::privacy::has_card(text) { text } else { screened.text() };
    NewTurn {
        speaker: Speaker::Shopper,
        text: kept.to_owned(),
        language: language.code().to_owned(),
        details: None,
    }
}

fn history(conversation: &Conversation) -> Vec<(Who, String)> {
    let turns = conversation.turns.iter().filter(|turn| turn.speaker != Speaker::Notice);
    let told = turns.map(|turn| {
        let who = if turn.speaker == Speaker::Shopper { Who::Shopper } else { Who::Shop };
        (who, turn.text.clone())
    });
    let mut told: Vec<_> = told.collect();
    told.drain(..told.len().saturating_sub(MAX_HISTORY));
    told
}

/// Answers that are nobody's own are shared with devices of the same class.
fn scope(owner: &Owner) -> Scope {
    Scope::DeviceClass(ScopeId::of(&owner.class))
}

/// A number that is the conversation's, and tells nothing of it.
fn seed_of(conversation: &Conversation) -> u64 {
    crate::skills::wanted::seed(&["conversation", &conversation.id.to_string()])
}
