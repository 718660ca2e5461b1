//! Messages of the link. Variants and fields are never moved; new ones come at the end.

use serde::{Deserialize, Serialize};

use crate::{Identity, Refusal, Running};

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<'m> {
    /// From a device that has not been answered yet.
    Hello(Hello),
    /// From the box, which does not know the device: it should say hello.
    Who,
    /// From the box: there is this block.
    Offer(Offer),
    /// From the device: it has so many bytes of the block of this version.
    Have {
        /// Which block.
        version: u32,
        /// Bytes, from the beginning and without a gap.
        bytes: u16,
    },
    /// From the box: a piece of the block of this version.
    Chunk {
        /// Which block.
        version: u32,
        /// Its first byte's place.
        offset: u16,
        /// At most [`MAX_CHUNK_BYTES`](crate::limits::MAX_CHUNK_BYTES).
        data: &'m [u8],
    },
    /// From the box: it hears the device that runs this on trial, so this is good.
    Confirm {
        /// Which block.
        version: u32,
    },
    /// From the device: what it runs and what it would not take.
    Report(Status),
    /// From the box: nothing is to be done.
    Settled {
        /// What should run, 0 for nothing.
        version: u32,
    },
}

/// What a device is and has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hello {
    /// Who it is.
    pub identity: Identity,
    /// The oldest schema that it reads.
    pub min_schema: u8,
    /// The newest schema that it reads.
    pub max_schema: u8,
    /// What it has.
    pub status: Status,
}

/// What a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Status {
    /// What it runs.
    pub running: Running,
    /// That block's check sum, which tells two blocks of one version apart; 0 for none.
    pub crc: u32,
    /// Versions up to this one are not taken.
    pub floor: u32,
    /// A block that is complete and runs after the next start.
    pub complete: Option<u32>,
    /// The last block that was not taken or was given up, and why.
    pub refused: Option<(u32, Refusal)>,
}

/// A block that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Offer {
    /// Its version.
    pub version: u32,
    /// All its bytes.
    pub bytes: u16,
    /// Its header's check sum, which tells two blocks of one version apart.
    pub crc: u32,
}
