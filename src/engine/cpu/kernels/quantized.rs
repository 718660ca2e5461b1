//! Tiles of `y = x · Wᵀ` with integer activations and packed weights.
//!
//! Per block of 32: the exact integer dot product, scaled once and added to the row's float
//! accumulator, then the block's minimum times the sum of its activations. Where 16 columns have
//! a scale of their own, the same for each half.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(test)]
mod tests;

use super::pack::Packed;
use super::product::TOGETHER;
use super::quantize::Activations;
use super::{Kernel, Lanes};

/// The sums of one tile for `sums.len()` rows from `first` on, at most [`TOGETHER`].
#[inline]
pub(super) fn product(
    kernel: Kernel,
    weights: &Packed,
    x: &Activations,
    tile: usize,
    first: usize,
    sums: &mut [Lanes],
) {
    assert!(first + sums.len() <= x.rows && sums.len() <= TOGETHER && tile < weights.form.tiles());
    match kernel {
        Kernel::Portable => portable::product(weights, x, tile, first, sums),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel is only handed out where the processor has its features; lengths were
        // checked here and by the caller.
        Kernel::Avx2 => unsafe { avx2::product(weights, x, tile, first, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::AvxVnni => unsafe { avx2::product_vnni(weights, x, tile, first, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx512Vnni => unsafe { avx512::product(weights, x, tile, first, sums) },
    }
}
