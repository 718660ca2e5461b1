//! Tiles of `y = x · Wᵀ` with integer activations and packed weights.
//!
//! Per block of 32: the exact integer dot product of the coarse digits, scaled once and added to
//! the row's float accumulator, then the block's minimum times the sum of its digits. Where 16
//! columns have a scale of their own, the same for each half. A row's fine digits are products of
//! the same kind with an accumulator of their own, in the order of their blocks, which is added at
//! the end: a row's result depends on nothing else.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod sse41;
#[cfg(test)]
mod tests;

use super::pack::{Packed, UNIT_BLOCKS};
use super::quantize::Group;
use super::{Kernel, Lanes};

/// The sums of one tile for the rows of `x`.
#[inline]
pub(super) fn product(
    kernel: Kernel,
    weights: &Packed,
    x: &Group,
    tile: usize,
    sums: &mut [Lanes],
) {
    let blocks = weights.form.units() * UNIT_BLOCKS;
    assert!(sums.len() == x.size && x.coarse.len() == x.size * blocks && x.fine.len() == blocks);
    assert!(tile < weights.form.tiles());
    match kernel {
        Kernel::Portable => portable::product(weights, x, tile, sums),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel is only handed out where the processor has its features; lengths were
        // checked by the caller.
        Kernel::Sse41 => unsafe { sse41::product(weights, x, tile, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
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
