//! Activations to integers, block by block.

use super::pack::UNIT_BLOCKS;
use super::pool::Pool;
use super::{Kernel, compiled_for_each_kernel};
use crate::engine::Activation;

/// Values that share a scale.
pub(in crate::engine::cpu) const BLOCK: usize = 32;

/// One step of the first digit has this many of the second.
pub(super) const RADIX: i32 = 254;

/// Rows of activations as integers: `x ≈ (q₁ + q₂ / 254) * largest / 127` per block of 32, with
/// both digits in -127..=127; with 8 bits there is only the first.
///
/// One digit keeps a value to 1/254 of the largest of its block, two keep it to 1/64516.
#[derive(Debug, Default)]
pub(in crate::engine::cpu) struct Activations {
    /// Rows × digits × blocks × [`BLOCK`]; columns beyond the row's end are 0.
    pub(in crate::engine::cpu) values: Vec<i8>,
    /// Rows × blocks: what one step of the last digit is worth.
    pub(in crate::engine::cpu) scales: Vec<f32>,
    /// Rows × blocks × 2: the sum of each half of the block, in steps of the last digit.
    pub(in crate::engine::cpu) sums: Vec<i32>,
    /// Blocks per row: whole units.
    pub(in crate::engine::cpu) blocks: usize,
    /// Rows.
    pub(in crate::engine::cpu) rows: usize,
    /// 1 or 2.
    pub(in crate::engine::cpu) digits: usize,
}

/// Rows with fewer values than this together are not worth another thread.
const ALONE: usize = 16 << 10;

impl Activations {
    /// Takes `rows` rows of `x`, keeping the buffers of the last call.
    pub(in crate::engine::cpu) fn set(
        &mut self,
        kernel: Kernel,
        pool: &Pool,
        activation: Activation,
        x: &[f32],
        rows: usize,
    ) {
        assert!(rows > 0 && x.len().is_multiple_of(rows));
        let columns = x.len() / rows;
        self.rows = rows;
        self.blocks = columns.div_ceil(BLOCK).next_multiple_of(UNIT_BLOCKS);
        self.digits = match activation {
            Activation::Bits8 => 1,
            Activation::Bits16 => 2,
        };
        let blocks = self.blocks;
        let width = self.digits * blocks * BLOCK;
        self.values.resize(rows * width, 0);
        self.scales.resize(rows * blocks, 0.0);
        self.sums.resize(rows * blocks * 2, 0);
        let parts = x
            .chunks_exact(columns)
            .zip(self.values.chunks_exact_mut(width))
            .zip(self.scales.chunks_exact_mut(blocks).zip(self.sums.chunks_exact_mut(blocks * 2)));
        let quantize = |((x, values), (scales, sums)): ((_, &mut [i8]), _)| {
            let (first, second) = values.split_at_mut(blocks * BLOCK);
            quantize_row(kernel, x, first, second, scales, sums);
        };
        if x.len() < ALONE {
            parts.for_each(quantize);
        } else {
            pool.each(parts.collect(), quantize);
        }
    }

    /// A block of one digit.
    #[inline(always)]
    pub(super) fn block(&self, row: usize, digit: usize, block: usize) -> &[i8] {
        let at = ((row * self.digits + digit) * self.blocks + block) * BLOCK;
        &self.values[at..at + BLOCK]
    }
}

compiled_for_each_kernel! {
    /// One row; `first` is the row rounded up to whole units, `second` as long or empty.
    quantize_row => quantize_row_body(
        x: &[f32], first: &mut [i8], second: &mut [i8], scales: &mut [f32], sums: &mut [i32]
    )
}

/// Added to a small float it leaves the nearest integer (ties to even) in the low bits.
const ROUNDING: f32 = 12_582_912.0;

/// The nearest integer and what is left of `x`, for |x| < 2²². Integer and float steps that
/// vectorise everywhere.
#[inline(always)]
fn split(x: f32) -> (i32, f32) {
    let moved = x + ROUNDING;
    (moved.to_bits().wrapping_sub(ROUNDING.to_bits()).cast_signed(), x - (moved - ROUNDING))
}

#[inline(always)]
fn quantize_row_body(
    x: &[f32],
    first: &mut [i8],
    second: &mut [i8],
    scales: &mut [f32],
    sums: &mut [i32],
) {
    let blocks = scales.len();
    assert!(sums.len() == blocks * 2 && first.len() == blocks * BLOCK && x.len() <= first.len());
    let two = !second.is_empty();
    assert!(!two || second.len() == first.len());
    let mut block = [0.0f32; BLOCK];
    for b in 0..blocks {
        let from = (b * BLOCK).min(x.len());
        let len = (x.len() - from).min(BLOCK);
        if len == BLOCK {
            block.copy_from_slice(&x[from..from + BLOCK]);
        } else {
            block[..len].copy_from_slice(&x[from..]);
            block[len..].fill(0.0);
        }
        // Without its sign a float is ordered as an integer, and what is no number is the largest.
        let mut top = 0u32;
        for v in block {
            top = top.max(v.to_bits() & 0x7fff_ffff);
        }
        let largest = f32::from_bits(top);
        // Below the smallest normal number a block is as good as zero, and 1 / largest overflows.
        let inverse = if largest > f32::MIN_POSITIVE { 127.0 / largest } else { 0.0 };
        let step = if largest.is_finite() { largest / 127.0 } else { f32::NAN };
        let digits = &mut first[b * BLOCK..(b + 1) * BLOCK];
        let mut steps = [0i32; BLOCK];
        for i in 0..BLOCK {
            let (q, rest) = split(block[i] * inverse);
            (steps[i], block[i]) = (q, rest);
            digits[i] = q as i8;
        }
        scales[b] = step;
        if two {
            let digits = &mut second[b * BLOCK..(b + 1) * BLOCK];
            for i in 0..BLOCK {
                let (q, _) = split(block[i] * RADIX as f32);
                steps[i] = steps[i].wrapping_mul(RADIX).wrapping_add(q);
                digits[i] = q as i8;
            }
            scales[b] = step / RADIX as f32;
        }
        for (half, steps) in steps.chunks_exact(BLOCK / 2).enumerate() {
            sums[b * 2 + half] = steps.iter().fold(0, |sum, step| sum.wrapping_add(*step));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value that is stored for column `i` of a row.
    fn stored(a: &Activations, row: usize, i: usize) -> f32 {
        let digits = (0..a.digits).map(|d| i32::from(a.block(row, d, i / BLOCK)[i % BLOCK]));
        let steps = digits.fold(0, |steps, digit| steps * RADIX + digit);
        steps as f32 * a.scales[row * a.blocks + i / BLOCK]
    }

    #[test]
    fn kernels_agree_and_stay_within_half_a_step() {
        let x: Vec<f32> = (0..100).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.013).collect();
        for activation in [Activation::Bits8, Activation::Bits16] {
            let mut first: Option<Activations> = None;
            for kernel in Kernel::available() {
                let mut a = Activations::default();
                a.set(kernel, &Pool::new(2), activation, &x, 2);
                for row in 0..2 {
                    for i in 0..50 {
                        let step = a.scales[row * a.blocks + i / BLOCK];
                        let off = (stored(&a, row, i) - x[row * 50 + i]).abs();
                        assert!(off <= step * 0.501 + 1e-7, "{activation:?}: {off} of {step}");
                    }
                }
                if let Some(first) = &first {
                    assert_eq!((&a.values, &a.sums), (&first.values, &first.sums));
                }
                first.get_or_insert(a);
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for value in [f32::NAN, f32::INFINITY] {
            let mut x = [1.0; 64];
            x[40] = value;
            let mut a = Activations::default();
            a.set(Kernel::best(), &Pool::new(1), Activation::Bits16, &x, 1);
            assert!(a.scales[0].is_finite() && a.scales[1].is_nan());
        }
    }

    #[test]
    fn rows_of_zeros_tiny_and_huge_values_stay_finite() {
        for activation in [Activation::Bits8, Activation::Bits16] {
            for value in [0.0, 1e-40, 1e38] {
                let mut a = Activations::default();
                a.set(Kernel::best(), &Pool::new(1), activation, &[value; 32], 1);
                assert!(a.scales[0].is_finite() && stored(&a, 0, 0).is_finite());
                assert!((stored(&a, 0, 0) - value).abs() <= value * 1e-6 + 1e-38);
            }
        }
    }
}
