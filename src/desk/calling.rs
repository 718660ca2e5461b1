//! A person is called, and rung for until somebody comes.

use std::time::Duration;

use tokio::sync::broadcast::error::TryRecvError;

use super::error::DeskError;
use super::handoff::{Call, Handoff, HandoffId, Outcome, Ringing, Stage};
use super::phrases::{Say, say};
use super::room::{Desk, Open, now_ms};
use super::routing::{Candidate, Deed, plan};
use super::rows;
use super::shoppers::{self, Conversation, Event, NewTurn, Speaker};
use super::told::Told;

/// How soon something that is due is seen.
const LOOK: Duration = Duration::from_millis(200);
/// How soon it is seen who has left, while nobody waits.
const COUNT: Duration = Duration::from_secs(5);
/// Of so many devices each may have as much open as any other, whatever one of them does.
const DEVICES_AT_LEAST: usize = 8;
/// What one device may have open, however little may be.
const MIN_OF_A_DEVICE: usize = 2;

impl Desk {
    /// Calls a person for a conversation; where one was called already, that one stays called.
    pub fn hand_off(&self, about: &Conversation, call: Call) -> Result<HandoffId, DeskError> {
        self.hand_off_at(about, call, now_ms())
    }

    pub(super) fn hand_off_at(
        &self,
        about: &Conversation,
        call: Call,
        now_ms: u64,
    ) -> Result<HandoffId, DeskError> {
        let events = self.0.shoppers.events(&about.id);
        if let Some(same) = self.of_conversation(about) {
            return Ok(same);
        }
        self.make_room(&about.owner.device, now_ms)?;
        let mut open = self.opened();
        let same = open.values().find(|open| open.handoff.conversation == about.id);
        if let Some(same) = same {
            return Ok(same.handoff.id);
        }
        if open.len() >= self.0.config.max_open {
            return Err(DeskError::Full { open: open.len() });
        }
        let handoff = Handoff {
            id: HandoffId::new()?,
            conversation: about.id,
            subject: about.subject,
            language: about.language.clone(),
            device: about.owner.device.clone(),
            class: about.owner.class.clone(),
            zone: about.owner.zone.clone(),
            call,
            stage: Stage::Waiting,
            waiting_ms: now_ms,
            with: None,
            ringing: Ringing::default(),
        };
        self.write(|transaction| rows::put(transaction, &self.0.shoppers, &handoff))?;
        let id = handoff.id;
        tracing::info!(%id, reason = handoff.call.reason, "a person is called for a shopper");
        self.0.metrics.called(&handoff.call.reason);
        open.insert(id, Open { handoff, events });
        drop(open);
        self.0.called.notify_one();
        Ok(id)
    }

    fn of_conversation(&self, about: &Conversation) -> Option<HandoffId> {
        let open = self.opened();
        let same = open.values().find(|open| open.handoff.conversation == about.id);
        same.map(|same| same.handoff.id)
    }

    /// One device has a part of what may be open. Where it has that, whoever waits there for longest has
    /// left it to another, and goes on with the assistant.
    fn make_room(&self, device: &str, now_ms: u64) -> Result<(), DeskError> {
        let mut own = self.handoffs();
        own.retain(|handoff| handoff.device == device);
        if own.len() < (self.0.config.max_open / DEVICES_AT_LEAST).max(MIN_OF_A_DEVICE) {
            return Ok(());
        }
        let waits = own.iter().find(|handoff| handoff.stage != Stage::Claimed);
        let waits = waits.ok_or(DeskError::Full { open: own.len() })?;
        let told = self.passes_to(waits, shoppers::Stage::Assistant, now_ms);
        let told = told.and_then(|()| self.say(waits, Say::Back, now_ms));
        match told {
            Ok(()) | Err(DeskError::Left) => self.over(waits.id, Outcome::Left).map(drop),
            Err(error) => Err(error),
        }
    }

    /// Rings, tells and closes whatever is due, until it is dropped.
    pub async fn run(self) {
        loop {
            self.count();
            if self.opened().is_empty() {
                let _ = tokio::time::timeout(COUNT, self.0.called.notified()).await;
            }
            let desk = self.clone();
            // A panic in there was told by its thread.
            let _ = tokio::task::spawn_blocking(move || desk.tick(now_ms())).await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Shows how many wait and who is there.
    fn count(&self) {
        let super::Figures { waiting, claimed, present } = self.figures();
        self.0.metrics.standing(waiting, claimed, present);
    }

    /// Does what is due at this moment, milliseconds since 1970.
    pub fn tick(&self, now_ms: u64) {
        for id in self.handoffs().into_iter().map(|handoff| handoff.id) {
            self.hear(id);
            if let Err(error) = self.look_after(id, now_ms) {
                match error {
                    DeskError::NotFound | DeskError::Left => {}
                    error => tracing::error!(%error, %id, "a handoff cannot be looked after"),
                }
            }
        }
    }

    /// Passes on what was said in its conversation; closes it where that is over.
    fn hear(&self, id: HandoffId) {
        loop {
            let (event, to, handoff) = {
                let mut all = self.opened();
                let Some(open) = all.get_mut(&id) else { return };
                let event = open.events.try_recv();
                (event, open.handoff.with.as_ref().map(|it| it.id.clone()), open.handoff.id)
            };
            match event {
                Ok(Event::Turn(turn)) => self.0.board.tell(Told::Turn { handoff, to, turn }),
                Ok(Event::Stage(_)) | Err(TryRecvError::Lagged(_)) => {}
                Ok(Event::Ended) | Err(TryRecvError::Closed) => {
                    if let Err(error) = self.over(id, Outcome::Left) {
                        tracing::error!(%error, %id, "a handoff whose shopper left stays open");
                    }
                    return;
                }
                Err(TryRecvError::Empty) => return,
            }
        }
    }

    fn look_after(&self, id: HandoffId, now_ms: u64) -> Result<(), DeskError> {
        let handoff = self.handoff(id)?;
        let present = self.candidates(now_ms);
        let gone_ms = handoff.with.as_ref().map(|with| self.0.people.gone_ms(&with.id, now_ms));
        for deed in plan(&handoff, &present, gone_ms, &self.0.config, now_ms) {
            match deed {
                Deed::Forget => self.forget(id, now_ms)?,
                Deed::Ring(_) if !self.may_ring(&handoff, now_ms) => {}
                Deed::Ring(who) => self.ring(id, Some(who), present.len(), now_ms)?,
                Deed::RingAll => self.ring(id, None, present.len(), now_ms)?,
                Deed::Tell => {
                    let told = self.change(id, |handoff| handoff.ringing.told = true)?;
                    self.say(&told, Say::NobodyFree, now_ms)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the first ring for this shopper is not one of many from the same device.
    fn may_ring(&self, handoff: &Handoff, now_ms: u64) -> bool {
        let pause_ms = u64::try_from(self.0.config.ring_again.as_millis()).unwrap_or(u64::MAX);
        handoff.ringing.last_ms.is_some() || self.0.pace.allows(&handoff.device, pause_ms, now_ms)
    }

    /// Whoever was on the way did not come, or answered and is gone.
    fn forget(&self, id: HandoffId, now_ms: u64) -> Result<(), DeskError> {
        let mut answered = false;
        let waits = self.change(id, |handoff| {
            answered = handoff.stage == Stage::Claimed;
            handoff.stage = Stage::Waiting;
            handoff.with = None;
            handoff.ringing.acknowledged_ms = None;
        })?;
        if answered {
            self.passes_to(&waits, shoppers::Stage::Waiting, now_ms)?;
            self.say(&waits, Say::Again, now_ms)?;
        }
        Ok(())
    }

    fn ring(
        &self,
        id: HandoffId,
        who: Option<String>,
        present: usize,
        now_ms: u64,
    ) -> Result<(), DeskError> {
        let mut first = false;
        let handoff = self.change(id, |handoff| {
            let ringing = &mut handoff.ringing;
            ringing.last_ms = Some(now_ms);
            match &who {
                None => first = !std::mem::replace(&mut ringing.escalated, true),
                Some(_) if ringing.rung.len() >= present => ringing.rung.clear(),
                Some(_) => {}
            }
            ringing.rung.extend(who.clone());
        })?;
        match &who {
            Some(who) => self.0.people.rung(who, now_ms),
            None => {
                for (associate, _) in self.0.people.present(now_ms) {
                    self.0.people.rung(&associate.id, now_ms);
                }
            }
        }
        if first {
            self.0.metrics.escalated();
            self.0.board.tell(Told::Escalated(handoff.clone()));
        }
        self.0.board.tell(Told::Ring { handoff, to: who });
        Ok(())
    }

    /// Whoever may be rung, with how much each has to do.
    fn candidates(&self, now_ms: u64) -> Vec<Candidate> {
        let present = self.0.people.present(now_ms);
        let open = self.opened();
        let has = |id: &str| {
            open.values()
                .filter(|it| it.handoff.with.as_ref().is_some_and(|with| with.id == id))
                .count()
        };
        let candidate = |(who, rung_ms): (super::Associate, u64)| Candidate {
            open: has(&who.id),
            id: who.id,
            zone: who.zone,
            rung_ms,
        };
        present.into_iter().map(candidate).collect()
    }

    /// Changes one that is open, in memory and on the disk.
    pub(super) fn change(
        &self,
        id: HandoffId,
        change: impl FnOnce(&mut Handoff),
    ) -> Result<Handoff, DeskError> {
        let mut all = self.opened();
        let open = all.get_mut(&id).ok_or(DeskError::NotFound)?;
        let mut changed = open.handoff.clone();
        change(&mut changed);
        self.write(|transaction| rows::put(transaction, &self.0.shoppers, &changed))?;
        open.handoff = changed.clone();
        Ok(changed)
    }

    /// It is over, however.
    pub(super) fn over(&self, id: HandoffId, how: Outcome) -> Result<Handoff, DeskError> {
        let mut all = self.opened();
        let open = all.get(&id).ok_or(DeskError::NotFound)?;
        let handoff = Handoff { stage: Stage::Closed, ..open.handoff.clone() };
        self.write(|transaction| rows::remove(transaction, id))?;
        all.remove(&id);
        drop(all);
        tracing::info!(%id, outcome = how.name(), "a handoff is over");
        self.0.metrics.over(how.name());
        self.0.board.tell(Told::Closed(handoff.clone(), how));
        Ok(handoff)
    }

    /// Tells the shopper something of the desk.
    pub(super) fn say(&self, to: &Handoff, what: Say, now_ms: u64) -> Result<(), DeskError> {
        let (text, language) = say(what, to.language.as_deref());
        let turn = NewTurn {
            speaker: Speaker::Notice,
            text: text.to_owned(),
            language: language.to_owned(),
            details: None,
        };
        self.0.shoppers.append(&to.conversation, turn, now_ms / 1000)?;
        Ok(())
    }

    /// Sets who answers the shopper next.
    pub(super) fn passes_to(
        &self,
        handoff: &Handoff,
        stage: shoppers::Stage,
        now_ms: u64,
    ) -> Result<(), DeskError> {
        self.0.shoppers.update(&handoff.conversation, |it| it.stage = stage, now_ms / 1000)?;
        Ok(())
    }
}
