//! HQ's time and the envelopes it sends.

use std::sync::{Mutex, PoisonError};

use super::error::HqError;
use super::key_file::random;
use crate::protocol::{
    BootId, Envelope, HybridClock, HybridTime, Message, MessageId, Sender, Source, UnixMillis,
};

/// The wall clock.
pub(super) fn now() -> UnixMillis {
    UnixMillis::now()
}

/// Makes envelopes, each later than all before.
#[derive(Debug)]
pub(super) struct Clock {
    sender: Sender,
    hybrid: Mutex<HybridClock>,
}

impl Clock {
    pub(super) fn start() -> Result<Self, HqError> {
        let sender = Sender { source: Source::Hq, boot: BootId(random()?) };
        Ok(Self { sender, hybrid: Mutex::new(HybridClock::default()) })
    }

    /// An envelope around a message, at a moment.
    pub(super) fn envelope(&self, message: &Message, now: UnixMillis) -> Result<Envelope, HqError> {
        let time = self.tick(now);
        Ok(Envelope::new(&self.sender, MessageId(random()?), time, message)?)
    }

    fn tick(&self, now: UnixMillis) -> HybridTime {
        self.hybrid.lock().unwrap_or_else(PoisonError::into_inner).tick(now)
    }
}
