//! Two slots in flash, of which one always holds what runs.
//!
//! A slot is sectors for a block and a sector of its own for [`marks`]. A block is written, read
//! again and verified; only then it is marked as complete. The next start runs it on trial and
//! notes that before it does; once confirmed it is marked so, and its version is the floor from then on.
//! A block that was started [`MAX_TRIES`](crate::limits::MAX_TRIES) times and not confirmed is marked as failed, and what was
//! confirmed before runs again.
//!
//! Nothing that is written is written twice without erasing, so flash with ECC does, too. A slot's
//! block is erased before its marks: a mark that says "failed" outlives what it speaks of.
//!
//! Where a confirmed block rots in flash, the other slot's runs, and the floor stays where it was by its
//! marks. Only a power cut while its slot is then filled anew lowers the floor to the other's.

use core::fmt;

use embedded_storage::nor_flash::NorFlash;

use crate::limits::{MAX_BLOCK_BYTES, MAX_WORD_BYTES};
use crate::{Block, Identity, Opened, Refusal, Verify};

mod fill;
mod layout;
mod marks;
mod start;

use layout::{Layout, Which};
use marks::{Mark, Marks};

/// What a device runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Running {
    /// What it was built with.
    Nothing,
    /// A block that was confirmed.
    Confirmed(u32),
    /// A block that is on trial.
    Trial(u32),
}

impl Running {
    /// The version, 0 for none.
    #[must_use]
    pub const fn version(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Confirmed(version) | Self::Trial(version) => version,
        }
    }
}

/// What flash does not do, or what it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotsError<E> {
    /// The flash reported an error.
    Flash(E),
    /// Words of more than [`MAX_WORD_BYTES`], or of a size that does not divide it.
    Words,
    /// Two slots need more room than there is.
    TooSmall,
    /// There is no block on trial, or not of this version.
    NotOnTrial,
}

impl<E: fmt::Debug> fmt::Display for SlotsError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash reports {error:?}"),
            Self::Words => write!(f, "the flash's words do not divide {MAX_WORD_BYTES} bytes"),
            Self::TooSmall => f.write_str("the flash has no room for two slots"),
            Self::NotOnTrial => f.write_str("this block is not on trial"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SlotsError<E> {}

/// What a start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// What runs.
    pub running: Running,
    /// That block's check sum, 0 for none.
    pub crc: u32,
    /// Versions up to this one are never taken again.
    pub floor: u32,
    /// The version that was given up, if the other slot still holds it.
    pub failed: Option<u32>,
}

/// The bytes of one block, in memory.
pub(crate) type Buffer = [u8; MAX_BLOCK_BYTES];

// Blocks are read and written in whole words.
const _: () = assert!(MAX_BLOCK_BYTES.is_multiple_of(MAX_WORD_BYTES));

/// Two slots at the beginning of a flash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slots<F> {
    flash: F,
    /// Where the next block goes.
    spare: Which,
    /// What is on trial, and which try this is.
    trial: Option<Trial>,
    floor: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Trial {
    which: Which,
    version: u32,
    try_number: usize,
}

impl<F: NorFlash> Slots<F> {
    /// Bytes of flash that two slots take.
    pub const BYTES: usize = Layout::<F>::BYTES;

    /// On this flash, whose first [`Slots::BYTES`] belong to them.
    pub fn new(flash: F) -> Result<Self, SlotsError<F::Error>> {
        if !Layout::<F>::HAS_RIGHT_WORDS {
            return Err(SlotsError::Words);
        }
        if flash.capacity() < Self::BYTES {
            return Err(SlotsError::TooSmall);
        }
        Ok(Self { flash, spare: Which::First, trial: None, floor: 0 })
    }

    /// The flash again.
    pub fn into_flash(self) -> F {
        self.flash
    }

    /// Versions up to this one are never taken.
    #[must_use]
    pub const fn floor(&self) -> u32 {
        self.floor
    }

    fn marks(&mut self, which: Which) -> Result<Marks, SlotsError<F::Error>> {
        Marks::read(&mut self.flash, Layout::<F>::marks_of(which)).map_err(SlotsError::Flash)
    }

    fn mark(&mut self, which: Which, mark: Mark, version: u32) -> Result<(), SlotsError<F::Error>> {
        let at = Layout::<F>::marks_of(which) + mark.offset();
        self.flash.write(at, &mark.to_bytes(version)).map_err(SlotsError::Flash)
    }

    /// What a slot holds, verified; the inner error tells why it is not believed.
    fn load(
        &mut self,
        which: Which,
        bytes: usize,
        identity: &Identity,
        keys: &impl Verify,
        buffer: &mut Buffer,
    ) -> Result<Result<Opened, Refusal>, SlotsError<F::Error>> {
        let whole_words = bytes.next_multiple_of(MAX_WORD_BYTES);
        let Some(words) = buffer.get_mut(..whole_words) else { return Ok(Err(Refusal::TooLarge)) };
        self.flash.read(Layout::<F>::block_of(which), words).map_err(SlotsError::Flash)?;
        let block = buffer.get(..bytes).ok_or(Refusal::TooLarge).and_then(Block::parse);
        Ok(block.and_then(|block| block.open(identity, keys)))
    }
}
