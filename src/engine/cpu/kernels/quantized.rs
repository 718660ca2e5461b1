//! Tiles of `y = x · Wᵀ` with integer activations and packed weights.
//!
//! Per block of 32: the exact integer dot product, scaled once and added to the row's float
//! accumulator, then the block's minimum times the sum of its activations. Where 16 columns have
//! a scale of their own, the same for each half.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;

use super::pack::Packed;
use super::quantize::{Activations, Record, Records};
use super::{Kernel, Lanes};

/// The sums of one tile for the group of `sums.len()` rows that begins at `first`.
#[inline]
pub(super) fn product(
    kernel: Kernel,
    weights: &Packed,
    x: &Activations,
    tile: usize,
    first: usize,
    sums: &mut [Lanes],
) {
    assert!(weights.form.units() * 2 == x.blocks && tile < weights.form.tiles());
    let group = first * x.blocks..(first + sums.len()) * x.blocks;
    match x.records() {
        Records::One(records) => group_product(kernel, weights, &records[group], tile, sums),
        Records::Two(records) => group_product(kernel, weights, &records[group], tile, sums),
    }
}

/// `x` has a record for each block and row of a group.
#[inline]
fn group_product<const DIGITS: usize>(
    kernel: Kernel,
    weights: &Packed,
    x: &[Record<DIGITS>],
    tile: usize,
    sums: &mut [Lanes],
) {
    match kernel {
        Kernel::Portable => portable::product(weights, x, tile, sums),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel is only handed out where the processor has its features; lengths were
        // checked by the caller.
        Kernel::Avx2 => unsafe { avx2::product(weights, x, tile, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::AvxVnni => unsafe { avx2::product_vnni(weights, x, tile, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx512Vnni => unsafe { avx512::product(weights, x, tile, sums) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a kernel is only handed out where the processor has its features; lengths were
        // checked by the caller.
        Kernel::NeonDotprod => unsafe { neon::product(weights, x, tile, sums) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Kernel::NeonI8mm => unsafe { neon::product_i8mm(weights, x, tile, sums) },
    }
}
