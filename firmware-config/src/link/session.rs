//! The device's end of the link: what is said decides what is to be done, and nothing is done here.

use super::message::{Hello, Message, Offer, Status};
use crate::block::{MIN_SCHEMA, SCHEMA};
use crate::limits::{MAX_BLOCK_BYTES, MAX_WORD_BYTES};
use crate::{Identity, Refusal, Running, Started};

/// Ticks without a new piece after which a block is not waited for any longer.
const MAX_SILENT_TICKS: u8 = 30;

/// What is to be done about a message. Whoever does it tells the session what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act<'m> {
    /// Nothing.
    Nothing,
    /// Make room for a block. Where that fails: [`Session::refuse`].
    Begin(Offer),
    /// Write a piece. Where that fails: [`Session::refuse`].
    Write {
        /// Which block.
        version: u32,
        /// Its first byte's place.
        offset: u16,
        /// The bytes.
        data: &'m [u8],
        /// The whole block's bytes where this is its last piece: it is to be verified, and then
        /// [`Session::complete`] or [`Session::refuse`] is called.
        last_of: Option<u16>,
    },
    /// Note that what is on trial is good. When that is done: [`Session::confirm`].
    Confirm(u32),
}

/// What a device knows of its conversation with the box.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Session {
    identity: Identity,
    status: Status,
    receiving: Option<Receiving>,
    /// A block that was received and is not wanted a second time.
    refused: Option<Offer>,
    is_known: bool,
    is_settled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Receiving {
    offer: Offer,
    have: u16,
    silent_ticks: u8,
}

impl Session {
    /// After a start that found this.
    #[must_use]
    pub fn new(identity: Identity, started: &Started) -> Self {
        let Started { running, crc, floor, failed } = *started;
        let refused = failed.map(|version| (version, Refusal::Failed));
        let status = Status { running, crc, floor, complete: None, refused };
        let (is_known, is_settled) = (false, false);
        Self { identity, status, receiving: None, refused: None, is_known, is_settled }
    }

    /// What the device has.
    #[must_use]
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// Whether the box said that nothing is to be done, and nothing changed since: there is no
    /// hurry to say anything.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// What the device says now, and again until it hears something.
    #[must_use]
    pub fn say(&self) -> Message<'static> {
        let status = self.status;
        match self.receiving {
            Some(Receiving { offer, have, .. }) => {
                Message::Have { version: offer.version, bytes: have }
            }
            None if self.is_known => Message::Report(status),
            None => Message::Hello(Hello {
                identity: self.identity,
                min_schema: MIN_SCHEMA,
                max_schema: SCHEMA,
                status,
            }),
        }
    }

    /// Some time passed, about a second while something is under way.
    pub fn tick(&mut self) {
        self.is_settled = false;
        if let Some(receiving) = &mut self.receiving {
            receiving.silent_ticks += 1;
            if receiving.silent_ticks > MAX_SILENT_TICKS {
                self.receiving = None;
                self.is_known = false;
            }
        }
    }

    /// Takes a message of the box.
    pub fn hear<'m>(&mut self, message: &Message<'m>) -> Act<'m> {
        self.is_known = !matches!(message, Message::Who);
        self.is_settled = matches!(message, Message::Settled { .. });
        match *message {
            Message::Offer(offer) => self.consider(offer),
            Message::Chunk { version, offset, data } => self.receive(version, offset, data),
            Message::Confirm { version } if self.status.running == Running::Trial(version) => {
                Act::Confirm(version)
            }
            _ => Act::Nothing,
        }
    }

    fn consider<'m>(&mut self, offer: Offer) -> Act<'m> {
        let Offer { version, bytes, .. } = offer;
        let has_it = self.status.running.version() == version
            || self.status.complete == Some(version)
            || self.receiving.is_some_and(|receiving| receiving.offer == offer);
        if has_it || self.refused == Some(offer) {
            return Act::Nothing;
        }
        let newest = self.receiving.map_or(0, |receiving| receiving.offer.version);
        let newest = newest.max(self.status.complete.unwrap_or(0));
        if version <= self.status.floor || version < newest {
            self.refuse(version, Refusal::Old);
            return Act::Nothing;
        }
        if usize::from(bytes) > MAX_BLOCK_BYTES || bytes == 0 {
            self.refuse(version, Refusal::TooLarge);
            return Act::Nothing;
        }
        self.receiving = Some(Receiving { offer, have: 0, silent_ticks: 0 });
        self.status.complete = None;
        Act::Begin(offer)
    }

    fn receive<'m>(&mut self, version: u32, offset: u16, data: &'m [u8]) -> Act<'m> {
        let Some(receiving) = &mut self.receiving else { return Act::Nothing };
        let Offer { bytes, version: wanted, .. } = receiving.offer;
        let end = usize::from(offset) + data.len();
        let (is_last, fits) = (end == usize::from(bytes), end <= usize::from(bytes));
        // Words are written once, so only the last piece may end within one.
        let is_whole = is_last || data.len().is_multiple_of(MAX_WORD_BYTES);
        if version != wanted || offset != receiving.have || data.is_empty() || !fits || !is_whole {
            return Act::Nothing;
        }
        receiving.have = u16::try_from(end).unwrap_or(bytes);
        receiving.silent_ticks = 0;
        Act::Write { version, offset, data, last_of: is_last.then_some(bytes) }
    }

    /// The block that was received is whole and verified.
    pub fn complete(&mut self, version: u32) {
        self.receiving = None;
        self.status.complete = Some(version);
    }

    /// A block is not taken. What is being received goes on where it is another.
    pub fn refuse(&mut self, version: u32, why: Refusal) {
        self.status.refused = Some((version, why));
        let of_it = |receiving: &Receiving| receiving.offer.version == version;
        if let Some(receiving) = self.receiving.take_if(|receiving| of_it(receiving)) {
            // What a line or a flash did may go well the next time.
            let is_final = !matches!(why, Refusal::Damaged | Refusal::Unwritable);
            self.refused = is_final.then_some(receiving.offer);
        }
    }

    /// What was on trial is noted as good.
    pub fn confirm(&mut self, version: u32) {
        self.status.running = Running::Confirmed(version);
        self.status.floor = self.status.floor.max(version);
    }
}
