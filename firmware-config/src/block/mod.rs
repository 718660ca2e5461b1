//! Blocks: a header, settings, a signature over both.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::{HEADER_BYTES, MAX_BLOCK_BYTES, SIGNATURE_BYTES};
use crate::{Class, Settings, Verify};

mod crc;
mod header;

pub(crate) use crc::crc32;
pub(crate) use header::CRC_AT;
pub use header::Header;

/// The schema that is written.
pub const SCHEMA: u8 = 1;

/// The oldest schema that is still read.
pub const MIN_SCHEMA: u8 = 1;

/// Who a device is. Names are digests, so that all are of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Its store.
    pub store: [u8; 16],
    /// Itself.
    pub device: [u8; 16],
    /// What it is.
    pub class: Class,
}

/// Why a block is not taken. The number of each goes over the link and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// Its length or check sum is wrong.
    Damaged,
    /// Its schema is not read here.
    OtherSchema,
    /// It is for another class of devices.
    OtherClass,
    /// It is for another store.
    OtherStore,
    /// It is for another device.
    OtherDevice,
    /// No believed key signed it.
    Forged,
    /// Its version is not above the floor.
    Old,
    /// It is larger than a block may be.
    TooLarge,
    /// Its settings cannot be read.
    Unreadable,
    /// It was started as often as it may be, and never confirmed.
    Failed,
    /// The device's flash does not take it.
    Unwritable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "its length or check sum is wrong",
            Self::OtherSchema => "its schema is not read here",
            Self::OtherClass => "it is for another class of devices",
            Self::OtherStore => "it is for another store",
            Self::OtherDevice => "it is for another device",
            Self::Forged => "no believed key signed it",
            Self::Old => "its version is not above the floor",
            Self::TooLarge => "it is larger than a block may be",
            Self::Unreadable => "its settings cannot be read",
            Self::Failed => "it was started and never confirmed",
            Self::Unwritable => "the device's flash does not take it",
        })
    }
}

impl core::error::Error for Refusal {}

/// A block whose form and check sum are right. Nothing in it is believed yet.
#[derive(Debug, Clone, Copy)]
pub struct Block<'b> {
    header: Header,
    signed: &'b [u8],
    body: &'b [u8],
    signature: &'b [u8; SIGNATURE_BYTES],
}

/// What a device may believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The block's version.
    pub version: u32,
    /// Its check sum.
    pub crc: u32,
    /// What the device is told.
    pub settings: Settings,
}

impl<'b> Block<'b> {
    /// Takes bytes apart that are exactly one block.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_BLOCK_BYTES {
            return Err(Refusal::TooLarge);
        }
        let header = Header::parse(bytes)?;
        let end = HEADER_BYTES + usize::from(header.body_bytes);
        let (signed, signature) = bytes.split_at_checked(end).ok_or(Refusal::Damaged)?;
        let body = signed.get(HEADER_BYTES..).ok_or(Refusal::Damaged)?;
        let signature = signature.try_into().map_err(|_| Refusal::Damaged)?;
        let summed = signed.get(..CRC_AT).ok_or(Refusal::Damaged)?;
        if crc32(&[summed, body]) != header.crc {
            return Err(Refusal::Damaged);
        }
        Ok(Self { header, signed, body, signature })
    }

    /// What its header says, believed or not.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What it says to this device, if a believed key signed it.
    pub fn open(&self, identity: &Identity, keys: &impl Verify) -> Result<Opened, Refusal> {
        self.check_binding(identity)?;
        if !keys.verify(self.signed, self.signature) {
            return Err(Refusal::Forged);
        }
        let Header { version, crc, .. } = self.header;
        Ok(Opened { version, crc, settings: self.unverified()? })
    }

    /// What it says, believed or not: for those who look at blocks.
    pub fn unverified(&self) -> Result<Settings, Refusal> {
        let (settings, rest) =
            postcard::take_from_bytes::<Settings>(self.body).map_err(|_| Refusal::Unreadable)?;
        if !rest.is_empty() || settings.own.class().number() != self.header.class {
            return Err(Refusal::Unreadable);
        }
        Ok(settings)
    }

    fn check_binding(&self, identity: &Identity) -> Result<(), Refusal> {
        let header = &self.header;
        if !(MIN_SCHEMA..=SCHEMA).contains(&header.schema) {
            return Err(Refusal::OtherSchema);
        }
        if header.class != identity.class.number() {
            return Err(Refusal::OtherClass);
        }
        if header.store != identity.store {
            return Err(Refusal::OtherStore);
        }
        if header.device != identity.device {
            return Err(Refusal::OtherDevice);
        }
        Ok(())
    }
}
