//! The box's end of the link: what a device says decides what it is answered.

use super::message::{Hello, Message, Offer, Status};
use crate::limits::MAX_CHUNK_BYTES;
use crate::{Identity, Refusal, Running};

/// Offers of a block that arrives damaged or cannot be written, before it is left at that.
const MAX_OFFERS: u8 = 8;

/// What a device should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Desired {
    /// Whose block this is.
    pub identity: Identity,
    /// Its form.
    pub schema: u8,
    /// Its version, bytes and check sum.
    pub offer: Offer,
}

/// What a device is answered. Who sends it adds the bytes of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: this was no message of a device.
    Nothing,
    /// The device should say who it is.
    Who,
    /// There is this block.
    Offer(Offer),
    /// So many bytes of the block, from this one on.
    Chunk {
        /// Which block.
        version: u32,
        /// The first byte's place.
        offset: u16,
        /// How many.
        bytes: u16,
    },
    /// What is on trial is good.
    Confirm(u32),
    /// Nothing is to be done.
    Settled(u32),
}

/// How a device stands to what it should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It was not heard yet.
    Unheard,
    /// There is nothing that it should run.
    Unwanted,
    /// It runs what it should.
    InStep,
    /// It runs it on trial, or has it whole.
    OnTrial,
    /// It runs something else and is being told.
    Behind,
    /// It would not take it, and is not told again.
    Refused(Refusal),
    /// It takes no version up to this one: the block must be made under a higher one.
    BelowFloor(u32),
}

/// What the box knows of its conversation with one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Host {
    desired: Option<Desired>,
    hello: Option<Hello>,
    offers: u8,
}

impl Host {
    /// From now on the device should run this.
    pub fn want(&mut self, desired: Option<Desired>) {
        if self.desired != desired {
            self.offers = 0;
        }
        self.desired = desired;
    }

    /// What the device said last.
    #[must_use]
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// Takes a message of the device.
    pub fn hear(&mut self, message: &Message<'_>) -> Answer {
        match (message, &mut self.hello) {
            (Message::Hello(hello), known) => {
                *known = Some(*hello);
                self.decide()
            }
            (Message::Report(_) | Message::Have { .. }, None) => Answer::Who,
            (Message::Report(status), Some(hello)) => {
                hello.status = *status;
                self.decide()
            }
            (Message::Have { version, bytes }, Some(_)) => self.go_on(*version, *bytes),
            _ => Answer::Nothing,
        }
    }

    /// How the device stands to what it should run, by what it said last.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let Some(hello) = &self.hello else { return Standing::Unheard };
        let Some(desired) = &self.desired else { return Standing::Unwanted };
        if let Some(refusal) = misfit(hello, desired) {
            return Standing::Refused(refusal);
        }
        let Status { running, crc, floor, complete, refused } = hello.status;
        let Offer { version, crc: wanted, .. } = desired.offer;
        match running {
            Running::Confirmed(runs) if (runs, crc) == (version, wanted) => {
                return Standing::InStep;
            }
            Running::Trial(runs) if (runs, crc) == (version, wanted) => return Standing::OnTrial,
            _ if complete == Some(version) => return Standing::OnTrial,
            _ => {}
        }
        let floor = floor.max(running.version());
        match refused {
            Some((of, why)) if of == version && self.is_over(why) => Standing::Refused(why),
            _ if version <= floor => Standing::BelowFloor(floor),
            _ => Standing::Behind,
        }
    }

    fn is_over(&self, why: Refusal) -> bool {
        self.offers >= MAX_OFFERS || !matches!(why, Refusal::Damaged | Refusal::Unwritable)
    }

    fn decide(&mut self) -> Answer {
        let desired = self.desired.map(|desired| desired.offer);
        let Some(offer) = desired else { return Answer::Settled(0) };
        let trial = Running::Trial(offer.version);
        match self.standing() {
            Standing::OnTrial if self.hello.is_some_and(|hello| hello.status.running == trial) => {
                Answer::Confirm(offer.version)
            }
            Standing::Behind => {
                self.offers = self.offers.saturating_add(1);
                Answer::Offer(offer)
            }
            _ => Answer::Settled(offer.version),
        }
    }

    fn go_on(&mut self, version: u32, have: u16) -> Answer {
        match self.desired {
            Some(Desired { offer, .. }) if offer.version == version && have < offer.bytes => {
                let bytes = (offer.bytes - have).min(MAX_CHUNK_BYTES as u16);
                Answer::Chunk { version, offset: have, bytes }
            }
            _ => self.decide(),
        }
    }
}

/// Why a device cannot run what is meant for it, whatever it has.
fn misfit(hello: &Hello, desired: &Desired) -> Option<Refusal> {
    let (is, wanted) = (&hello.identity, &desired.identity);
    if is.store != wanted.store {
        Some(Refusal::OtherStore)
    } else if is.device != wanted.device {
        Some(Refusal::OtherDevice)
    } else if is.class != wanted.class {
        Some(Refusal::OtherClass)
    } else if !(hello.min_schema..=hello.max_schema).contains(&desired.schema) {
        Some(Refusal::OtherSchema)
    } else {
        None
    }
}
