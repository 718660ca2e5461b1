//! The kinds of numbers that pages hold, as lanes.

use super::super::LANES;
use super::super::vector::Vector;

/// Numbers that are read sixteen at a time.
pub(super) trait Numbers {
    /// Bytes of sixteen.
    const BYTES: usize;
    /// They come from pages, which are not in the cache.
    const FROM_PAGES: bool;

    /// The sixteen that begin at `from`.
    ///
    /// # Safety
    /// [`Self::BYTES`] can be read, and the processor has what `V` needs.
    unsafe fn lanes<V: Vector>(from: *const u8) -> V;
}

pub(super) struct Halves;
pub(super) struct Bytes;
pub(super) struct Floats;

impl Numbers for Halves {
    const BYTES: usize = 2 * LANES;
    const FROM_PAGES: bool = true;

    #[inline(always)]
    unsafe fn lanes<V: Vector>(from: *const u8) -> V {
        // SAFETY: the caller's.
        unsafe { V::load_halves(from) }
    }
}

impl Numbers for Bytes {
    const BYTES: usize = LANES;
    const FROM_PAGES: bool = true;

    #[inline(always)]
    unsafe fn lanes<V: Vector>(from: *const u8) -> V {
        // SAFETY: the caller's.
        unsafe { V::load_bytes(from) }
    }
}

impl Numbers for Floats {
    const BYTES: usize = 4 * LANES;
    const FROM_PAGES: bool = false;

    #[inline(always)]
    unsafe fn lanes<V: Vector>(from: *const u8) -> V {
        // SAFETY: the caller's.
        unsafe { V::load(from.cast()) }
    }
}
