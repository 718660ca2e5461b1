//! Flash in memory, for the box's simulated devices and for tests.

use std::vec::Vec;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};

/// NOR flash with words and sectors of these many bytes, whose power can be cut.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Memory<const WORD: usize, const SECTOR: usize> {
    bytes: Vec<u8>,
    /// Words that may still be written or erased, and how the next one is torn.
    cut: Option<(usize, Tear)>,
    has_power: bool,
}

/// What a word becomes in the middle of which the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tear {
    /// It is as it was.
    Untouched,
    /// Its first half is as it should be.
    Half,
    /// It is as it should be, and nobody was told.
    Whole,
    /// Some of its bits are as they should be, after this pattern. Sectors are erased from behind.
    Bits(u8),
}

/// Why flash in memory does not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryError {
    /// The power is gone.
    NoPower,
    /// A word was to be written twice without erasing.
    WrittenTwice,
    /// What the trait does not allow.
    Not(NorFlashErrorKind),
}

impl NorFlashError for MemoryError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Not(kind) => *kind,
            Self::NoPower | Self::WrittenTwice => NorFlashErrorKind::Other,
        }
    }
}

impl<const WORD: usize, const SECTOR: usize> Memory<WORD, SECTOR> {
    /// Blank flash of at least so many bytes.
    #[must_use]
    pub fn blank(bytes: usize) -> Self {
        let bytes = std::vec![0xff; bytes.next_multiple_of(SECTOR)];
        Self { bytes, cut: None, has_power: true }
    }

    /// The power fails after so many more words were written or erased, and tears the next.
    pub const fn cut_after(&mut self, words: usize, tear: Tear) {
        self.cut = Some((words, tear));
    }

    /// The power is back.
    pub const fn restore(&mut self) {
        self.cut = None;
        self.has_power = true;
    }

    /// Whether it has power.
    #[must_use]
    pub const fn has_power(&self) -> bool {
        self.has_power
    }

    /// What it holds.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it holds, to damage it.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Makes one word be `wanted`, as far as the power lasts.
    fn change(&mut self, at: usize, wanted: &[u8]) -> Result<(), MemoryError> {
        let tear = match &mut self.cut {
            Some((0, tear)) => Some(*tear),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        let word = self.bytes.get_mut(at..at + wanted.len());
        let word = word.ok_or(MemoryError::Not(NorFlashErrorKind::OutOfBounds))?;
        for (place, (byte, wanted)) in word.iter_mut().zip(wanted).enumerate() {
            let arrived = match tear {
                None | Some(Tear::Whole) => 0xff,
                Some(Tear::Untouched) => 0,
                Some(Tear::Half) if place < WORD / 2 => 0xff,
                Some(Tear::Half) => 0,
                Some(Tear::Bits(pattern)) => {
                    pattern.rotate_left(u32::try_from(place % 8).unwrap_or(0))
                }
            };
            *byte = *byte & !arrived | *wanted & arrived;
        }
        if tear.is_some() {
            self.has_power = false;
            return Err(MemoryError::NoPower);
        }
        Ok(())
    }

    fn check_power(&self) -> Result<(), MemoryError> {
        if self.has_power { Ok(()) } else { Err(MemoryError::NoPower) }
    }
}

impl<const WORD: usize, const SECTOR: usize> ErrorType for Memory<WORD, SECTOR> {
    type Error = MemoryError;
}

impl<const WORD: usize, const SECTOR: usize> ReadNorFlash for Memory<WORD, SECTOR> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), MemoryError> {
        self.check_power()?;
        check_read(self, offset, bytes.len()).map_err(MemoryError::Not)?;
        let read = self.bytes.iter().skip(offset as usize);
        bytes.iter_mut().zip(read).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WORD: usize, const SECTOR: usize> NorFlash for Memory<WORD, SECTOR> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), MemoryError> {
        self.check_power()?;
        check_erase(self, from, to).map_err(MemoryError::Not)?;
        let mut words: Vec<usize> = (from as usize..to as usize).step_by(WORD).collect();
        if matches!(self.cut, Some((_, Tear::Bits(_)))) {
            words.reverse();
        }
        words.into_iter().try_for_each(|at| self.change(at, &[0xff; WORD]))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), MemoryError> {
        self.check_power()?;
        check_write(self, offset, bytes.len()).map_err(MemoryError::Not)?;
        let mut at = offset as usize;
        for word in bytes.chunks(WORD) {
            // A word of ones is as good as not written.
            let blank = self.bytes.iter().skip(at).take(WORD).all(|byte| *byte == 0xff);
            if !blank {
                return Err(MemoryError::WrittenTwice);
            }
            self.change(at, word)?;
            at += WORD;
        }
        Ok(())
    }
}
