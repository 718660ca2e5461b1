//! `y = x · Wᵀ` with integer activations and packed weights, several products of one input at once.
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

use std::ops::Range;

use super::pack::Packed;
use super::pool::Pool;
use super::quantize::{Activations, BLOCK};
use super::{Kernel, LANES, Lanes, compiled_for_each_kernel, exp};

/// Rows that a kernel computes together at most: their sums stay in registers.
const TOGETHER: usize = 8;

/// Weights that one thread takes at a time, so that they stay in its cache while all rows pass.
const CACHED_BYTES: usize = 192 << 10;

/// One product of an input, with what is done to it before it is written.
pub(in crate::engine::cpu) struct Product<'a> {
    pub(in crate::engine::cpu) weights: &'a Packed,
    /// One value an output, added.
    pub(in crate::engine::cpu) bias: Option<&'a [f32]>,
    /// Another product; the output is `silu(gate) * product`.
    pub(in crate::engine::cpu) gate: Option<&'a Packed>,
    /// As large as the output, added last.
    pub(in crate::engine::cpu) residual: Option<&'a [f32]>,
    /// Rows × `weights.form.rows`.
    pub(in crate::engine::cpu) out: &'a mut [f32],
}

/// A product whose tiles are computed by several threads.
struct Shared<'a> {
    weights: &'a Packed,
    bias: Option<&'a [f32]>,
    gate: Option<&'a Packed>,
    residual: Option<&'a [f32]>,
    out: *mut f32,
    /// Number of its first tile among those of all products.
    first_tile: usize,
}

// SAFETY: tiles write disjoint columns of `out`, and each tile is computed by one thread.
unsafe impl Sync for Shared<'_> {}

/// Computes products of quantised activations.
pub(in crate::engine::cpu) fn multiply(
    kernel: Kernel,
    pool: &Pool,
    x: &Activations,
    products: &mut [Product<'_>],
) {
    assert!(matches!(x.digits, 1 | 2));
    assert!(x.values.len() >= x.rows * x.digits * x.blocks * BLOCK);
    assert!(x.scales.len() >= x.rows * x.blocks && x.sums.len() >= x.rows * x.blocks * 2);
    let (mut tiles, mut widest) = (0, 0);
    let shared: Vec<_> = products
        .iter_mut()
        .map(|product| {
            let (form, first_tile) = (product.weights.form, tiles);
            let matrices = 1 + usize::from(product.gate.is_some());
            product.check(x);
            tiles += form.tiles();
            widest = widest.max(form.tile_lines() * 64 * matrices);
            Shared {
                weights: product.weights,
                bias: product.bias,
                gate: product.gate,
                residual: product.residual,
                out: product.out.as_mut_ptr(),
                first_tile,
            }
        })
        .collect();
    // A few pieces per thread, so that a thread whose core is taken away does not hold up the rest.
    let even = tiles.div_ceil(pool.threads() * 4);
    let chunk = even.min(CACHED_BYTES / widest.max(1)).max(1);
    pool.ranges(tiles, chunk, |range| {
        for product in &shared {
            let from = range.start.max(product.first_tile);
            let to = range.end.min(product.first_tile + product.weights.form.tiles());
            if from < to {
                product.tiles(kernel, x, from - product.first_tile..to - product.first_tile);
            }
        }
    });
}

impl Product<'_> {
    fn check(&self, x: &Activations) {
        let form = self.weights.form;
        assert_eq!(self.out.len(), x.rows * form.rows);
        for packed in [Some(self.weights), self.gate].into_iter().flatten() {
            assert_eq!((packed.form.rows, packed.form.units() * 2), (form.rows, x.blocks));
            assert_eq!(packed.lines().len(), packed.form.lines());
        }
        assert!(self.bias.is_none_or(|bias| bias.len() == form.rows));
        assert!(self.residual.is_none_or(|residual| residual.len() == self.out.len()));
    }
}

impl Shared<'_> {
    fn tiles(&self, kernel: Kernel, x: &Activations, tiles: Range<usize>) {
        for first in (0..x.rows).step_by(TOGETHER) {
            let rows = first..(first + TOGETHER).min(x.rows);
            for tile in tiles.clone() {
                let mut sums = [[0.0; LANES]; TOGETHER];
                let sums = &mut sums[..rows.len()];
                product(kernel, self.weights, x, tile, first, sums);
                if let Some(gate) = self.gate {
                    let mut gates = [[0.0; LANES]; TOGETHER];
                    let gates = &mut gates[..rows.len()];
                    product(kernel, gate, x, tile, first, gates);
                    gated(kernel, gates, sums);
                }
                // SAFETY: the rows exist, and this call owns the tile.
                unsafe { self.write(rows.clone(), tile, sums) };
            }
        }
    }

    /// Writes the part of `sums` that lies inside the matrix.
    ///
    /// # Safety
    /// `rows` are rows of the output and no other thread writes these columns.
    unsafe fn write(&self, rows: Range<usize>, tile: usize, sums: &[Lanes]) {
        let (from, width) = (tile * LANES, self.weights.form.rows);
        let len = LANES.min(width - from);
        for (row, sums) in rows.zip(sums) {
            // SAFETY: `from + len <= width`, and the caller vouches for the rows.
            let out =
                unsafe { std::slice::from_raw_parts_mut(self.out.add(row * width + from), len) };
            out.copy_from_slice(&sums[..len]);
            if let Some(bias) = self.bias {
                out.iter_mut().zip(&bias[from..]).for_each(|(out, bias)| *out += bias);
            }
            if let Some(residual) = self.residual {
                let residual = &residual[row * width + from..];
                out.iter_mut().zip(residual).for_each(|(out, residual)| *out += residual);
            }
        }
    }
}

/// The sums of one tile for `sums.len()` rows from `first` on, at most [`TOGETHER`].
#[inline]
fn product(
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
        // checked here and in `multiply`.
        Kernel::Avx2 => unsafe { avx2::product(weights, x, tile, first, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::AvxVnni => unsafe { avx2::product_vnni(weights, x, tile, first, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx512Vnni => unsafe { avx512::product(weights, x, tile, first, sums) },
    }
}

compiled_for_each_kernel! {
    /// `sums *= gates / (1 + e^-gates)` (SiLU: Elfwing et al. 2018, arXiv:1702.03118).
    gated => gated_body(gates: &[Lanes], sums: &mut [Lanes])
}

#[inline(always)]
fn gated_body(gates: &[Lanes], sums: &mut [Lanes]) {
    for (gates, sums) in gates.iter().zip(sums) {
        for lane in 0..LANES {
            let small = exp(-gates[lane].abs());
            // Both sides of zero without an overflow.
            let above = if gates[lane] < 0.0 { small } else { 1.0 };
            sums[lane] *= gates[lane] * above / (1.0 + small);
        }
    }
}
