//! Where in flash a slot's parts are.

use core::marker::PhantomData;

use embedded_storage::nor_flash::NorFlash;

use super::marks::MARKS_BYTES;
use crate::limits::{MAX_BLOCK_BYTES, MAX_WORD_BYTES};

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Which {
    First,
    Second,
}

impl Which {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// For a flash of this kind.
pub(super) struct Layout<F>(PhantomData<F>);

impl<F: NorFlash> Layout<F> {
    const BLOCK_BYTES: usize = MAX_BLOCK_BYTES.next_multiple_of(F::ERASE_SIZE);
    const SLOT_BYTES: usize = Self::BLOCK_BYTES + MARKS_BYTES.next_multiple_of(F::ERASE_SIZE);

    /// Both slots.
    pub(super) const BYTES: usize = 2 * Self::SLOT_BYTES;

    /// All reads and writes are of [`MAX_WORD_BYTES`] or whole multiples of it.
    pub(super) const HAS_RIGHT_WORDS: bool = MAX_WORD_BYTES.is_multiple_of(F::WRITE_SIZE)
        && MAX_WORD_BYTES.is_multiple_of(F::READ_SIZE)
        && F::ERASE_SIZE.is_multiple_of(MAX_WORD_BYTES);

    /// The first byte of a slot's block.
    pub(super) const fn block_of(which: Which) -> u32 {
        match which {
            Which::First => 0,
            Which::Second => Self::SLOT_BYTES as u32,
        }
    }

    /// The first byte of a slot's marks, which have sectors of their own.
    pub(super) const fn marks_of(which: Which) -> u32 {
        Self::block_of(which) + Self::BLOCK_BYTES as u32
    }

    /// The first byte behind a slot.
    pub(super) const fn end_of(which: Which) -> u32 {
        Self::block_of(which) + Self::SLOT_BYTES as u32
    }
}
