//! One line on which a device says itself which it is.

use firmware_config::link::{Frame, Message};

use super::error::FirmwareError;
use super::keeper::Firmware;
use super::profiles::DeviceName;

/// What is known of whoever is at the other end of a line.
#[derive(Debug)]
pub struct Talk {
    firmware: Firmware,
    device: Option<DeviceName>,
}

impl Firmware {
    /// A new line.
    #[must_use]
    pub fn talk(&self) -> Talk {
        Talk { firmware: self.clone(), device: None }
    }
}

impl Talk {
    /// Takes a message. A device of another store, or one that no profile names, is told that there is
    /// nothing for it.
    pub fn hear(&mut self, message: &Message<'_>) -> Result<Option<Frame>, FirmwareError> {
        if let Message::Hello(hello) = message {
            self.device = self.firmware.named(&hello.identity.device);
            if self.device.is_none() {
                return Ok(Frame::new(&Message::Settled { version: 0 }).ok());
            }
        }
        let answer = match (&self.device, message) {
            (Some(device), _) => self.firmware.hear(device, message),
            (None, Message::Report(_) | Message::Have { .. }) => return Ok(Self::who()),
            (None, _) => return Ok(None),
        };
        match answer {
            // The profiles changed meanwhile.
            Err(FirmwareError::Unknown(_)) => {
                self.device = None;
                Ok(Self::who())
            }
            other => other,
        }
    }

    /// Who is at the other end, as far as it said so.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceName> {
        self.device.as_ref()
    }

    /// What makes whoever is there say hello now, and not when its settings have it ask.
    #[must_use]
    pub fn who() -> Option<Frame> {
        Frame::new(&Message::Who).ok()
    }
}
