//! A device: two slots, a session, and what joins them.

use embedded_storage::nor_flash::NorFlash;

use crate::limits::MAX_BLOCK_BYTES;
use crate::link::{Act, Message, Session};
use crate::slots::Buffer;
use crate::{Identity, Refusal, Running, Settings, Slots, SlotsError, Verify};

/// Ticks in which the box must be heard of a block on trial.
const MAX_TRIAL_TICKS: u16 = 120;

/// What a device should do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Say [`Device::say`], and again each second until there is an answer.
    Say,
    /// Nothing until its settings have it ask again.
    Rest,
    /// Start anew as soon as that disturbs nobody: another block runs then.
    Restart,
}

/// The device's side of everything: a start, and messages of the box.
#[derive(Debug, Clone)]
pub struct Device<F, V> {
    identity: Identity,
    keys: V,
    slots: Slots<F>,
    session: Session,
    buffer: Buffer,
    trial_ticks: u16,
}

impl<F: NorFlash, V: Verify> Device<F, V> {
    /// Starts with what the flash has. A block on trial has one start less afterwards. What it says
    /// goes to `settings`; where there is no block, they stay as they are.
    pub fn start(
        flash: F,
        identity: Identity,
        keys: V,
        settings: &mut Option<Settings>,
    ) -> Result<Self, SlotsError<F::Error>> {
        let mut slots = Slots::new(flash)?;
        let mut buffer = [0; MAX_BLOCK_BYTES];
        let started = slots.start(&identity, &keys, &mut buffer, settings)?;
        let session = Session::new(identity, &started);
        Ok(Self { identity, keys, slots, session, buffer, trial_ticks: 0 })
    }

    /// What it runs.
    #[must_use]
    pub const fn running(&self) -> Running {
        self.session.status().running
    }

    /// What its conversation with the box is about.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// What its flash holds.
    #[must_use]
    pub const fn slots(&self) -> &Slots<F> {
        &self.slots
    }

    /// What it says now.
    #[must_use]
    pub fn say(&self) -> Message<'static> {
        self.session.say()
    }

    /// Its flash, with which it starts anew.
    pub fn into_flash(self) -> F {
        self.slots.into_flash()
    }

    /// A second passed, or the time after which its settings have it ask.
    pub fn tick(&mut self) -> Next {
        self.session.tick();
        let on_trial = matches!(self.running(), Running::Trial(_));
        self.trial_ticks = if on_trial { self.trial_ticks.saturating_add(1) } else { 0 };
        if self.trial_ticks > MAX_TRIAL_TICKS { Next::Restart } else { self.next() }
    }

    /// Takes a message of the box and does what follows.
    pub fn hear(&mut self, message: &Message<'_>) -> Next {
        match self.session.hear(message) {
            Act::Nothing => {}
            Act::Begin(offer) => {
                if self.slots.begin().is_err() {
                    self.session.refuse(offer.version, Refusal::Unwritable);
                }
            }
            Act::Write { version, offset, data, last_of } => {
                let written = self.write(version, offset, data, last_of);
                match (written, last_of) {
                    (Err(refusal), _) => self.session.refuse(version, refusal),
                    (Ok(()), Some(_)) => self.session.complete(version),
                    (Ok(()), None) => {}
                }
            }
            Act::Confirm(version) => {
                if self.slots.confirm(version).is_ok() {
                    self.session.confirm(version);
                }
            }
        }
        self.next()
    }

    fn write(
        &mut self,
        version: u32,
        offset: u16,
        data: &[u8],
        last_of: Option<u16>,
    ) -> Result<(), Refusal> {
        self.slots.write(u32::from(offset), data).map_err(|_| Refusal::Unwritable)?;
        let Some(bytes) = last_of else { return Ok(()) };
        let Self { slots, identity, keys, buffer, .. } = self;
        let finished = slots.finish(version, u32::from(bytes), identity, keys, buffer);
        finished.map_err(|_| Refusal::Unwritable)?
    }

    fn next(&self) -> Next {
        if self.session.status().complete.is_some() && self.session.is_settled() {
            Next::Restart
        } else if self.session.is_settled() {
            Next::Rest
        } else {
            Next::Say
        }
    }
}
