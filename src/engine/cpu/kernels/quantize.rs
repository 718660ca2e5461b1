//! Activations to integers, block by block.

use super::pack::UNIT_BLOCKS;
use super::pool::Pool;
use super::product::TOGETHER;
use super::{Kernel, compiled_for_each_kernel};
use crate::engine::Activation;

/// Values that share a scale.
pub(in crate::engine::cpu) const BLOCK: usize = 32;

/// One step of the first digit has this many of the second.
pub(super) const RADIX: i32 = 254;

/// A block of a row as integers: `x ≈ (q₁ + q₂ / 254) * largest / 127`, with both digits in
/// -127..=127; with 8 bits there is only the first.
///
/// One digit keeps a value to 1/254 of the largest of its block, two keep it to 1/64516.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(in crate::engine::cpu) struct Record<const DIGITS: usize> {
    /// Columns beyond the row's end are 0.
    pub(super) digits: [[i8; BLOCK]; DIGITS],
    /// The sum of each half of the block, in steps of the last digit.
    pub(super) sums: [i32; 2],
    /// What one step of the last digit is worth.
    pub(super) scale: f32,
}

/// Rows as integers, in groups of 8, then 4, 2 and 1 rows. A group is its blocks one after the
/// other, a block the records of the group's rows: kernels compute a group together.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Activations {
    /// Rows.
    pub(super) rows: usize,
    /// Blocks per row: whole units.
    pub(super) blocks: usize,
    activation: Activation,
    one: Vec<Record<1>>,
    two: Vec<Record<2>>,
}

impl Default for Activations {
    fn default() -> Self {
        let activation = Activation::Bits16;
        Self { rows: 0, blocks: 0, activation, one: Vec::new(), two: Vec::new() }
    }
}

/// The records of all rows.
pub(super) enum Records<'a> {
    One(&'a [Record<1>]),
    Two(&'a [Record<2>]),
}

/// Rows with fewer values than this together are not worth another thread.
const ALONE: usize = 16 << 10;

/// First row and number of rows of each group.
pub(super) fn groups(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let left = rows - first;
        let size = match left {
            0 => return None,
            TOGETHER.. => TOGETHER,
            _ => 1 << left.ilog2(),
        };
        first += size;
        Some((first - size, size))
    })
}

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
        self.rows = rows;
        self.blocks = (x.len() / rows).div_ceil(BLOCK).next_multiple_of(UNIT_BLOCKS);
        self.activation = activation;
        match activation {
            Activation::Bits8 => fill(&mut self.one, self.blocks, kernel, pool, x, rows),
            Activation::Bits16 => fill(&mut self.two, self.blocks, kernel, pool, x, rows),
        }
    }

    /// The records; as many as there are rows × blocks.
    pub(super) fn records(&self) -> Records<'_> {
        let len = self.rows * self.blocks;
        match self.activation {
            Activation::Bits8 => Records::One(&self.one[..len]),
            Activation::Bits16 => Records::Two(&self.two[..len]),
        }
    }
}

fn fill<const DIGITS: usize>(
    records: &mut Vec<Record<DIGITS>>,
    blocks: usize,
    kernel: Kernel,
    pool: &Pool,
    x: &[f32],
    rows: usize,
) where
    Record<DIGITS>: Quantize,
{
    let empty = Record { digits: [[0; BLOCK]; DIGITS], sums: [0; 2], scale: 0.0 };
    records.resize(rows * blocks, empty);
    let columns = x.len() / rows;
    let mut left = records.as_mut_slice();
    let parts = groups(rows).map(|(first, size)| {
        let (own, rest) = std::mem::take(&mut left).split_at_mut(size * blocks);
        left = rest;
        (size, &x[first * columns..(first + size) * columns], own)
    });
    let quantize = |(size, x, own): (usize, &[f32], &mut [_])| {
        Quantize::group(kernel, x, size, own);
    };
    if x.len() < ALONE {
        parts.for_each(quantize);
    } else {
        pool.each(parts.collect(), quantize);
    }
}

/// Makes records of a group's rows.
trait Quantize: Sized {
    fn group(kernel: Kernel, x: &[f32], size: usize, records: &mut [Self]);
}

impl Quantize for Record<1> {
    fn group(kernel: Kernel, x: &[f32], size: usize, records: &mut [Self]) {
        one_digit(kernel, x, size, records);
    }
}

impl Quantize for Record<2> {
    fn group(kernel: Kernel, x: &[f32], size: usize, records: &mut [Self]) {
        two_digits(kernel, x, size, records);
    }
}

compiled_for_each_kernel! {
    /// A group of `size` rows with one digit.
    one_digit => quantize_group(x: &[f32], size: usize, records: &mut [Record<1>])
}

compiled_for_each_kernel! {
    /// A group of `size` rows with two digits.
    two_digits => quantize_group(x: &[f32], size: usize, records: &mut [Record<2>])
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
fn quantize_group<const DIGITS: usize>(x: &[f32], size: usize, records: &mut [Record<DIGITS>]) {
    let columns = x.len() / size;
    for (row, x) in x.chunks_exact(columns).enumerate() {
        for (block, record) in records.iter_mut().skip(row).step_by(size).enumerate() {
            let from = (block * BLOCK).min(columns);
            let len = (columns - from).min(BLOCK);
            let mut values = [0.0; BLOCK];
            values[..len].copy_from_slice(&x[from..from + len]);
            quantize_block(&mut values, record);
        }
    }
}

#[inline(always)]
fn quantize_block<const DIGITS: usize>(values: &mut [f32; BLOCK], record: &mut Record<DIGITS>) {
    // Without its sign a float is ordered as an integer, and what is no number is the largest.
    let mut top = 0u32;
    for v in values.iter() {
        top = top.max(v.to_bits() & 0x7fff_ffff);
    }
    let largest = f32::from_bits(top);
    // Below the smallest normal number a block is as good as zero, and 1 / largest overflows.
    let inverse = if largest > f32::MIN_POSITIVE { 127.0 / largest } else { 0.0 };
    record.scale = if largest.is_finite() { largest / 127.0 } else { f32::NAN };
    let mut steps = [0i32; BLOCK];
    for (digit, digits) in record.digits.iter_mut().enumerate() {
        let factor = if digit == 0 { inverse } else { RADIX as f32 };
        for i in 0..BLOCK {
            let (q, rest) = split(values[i] * factor);
            steps[i] = steps[i].wrapping_mul(RADIX).wrapping_add(q);
            values[i] = rest;
            digits[i] = q as i8;
        }
        if digit > 0 {
            record.scale /= RADIX as f32;
        }
    }
    for (sum, steps) in record.sums.iter_mut().zip(steps.chunks_exact(BLOCK / 2)) {
        *sum = steps.iter().fold(0, |sum, step| sum.wrapping_add(*step));
    }
}

#[cfg(test)]
impl Activations {
    /// The integers of a block of a row in steps of the last digit, and what a step is worth.
    pub(super) fn steps(&self, row: usize, block: usize) -> ([i32; BLOCK], f32) {
        let (first, size) = groups(self.rows).find(|(first, size)| row < first + size).unwrap();
        let at = first * self.blocks + block * size + row - first;
        fn join<const DIGITS: usize>(record: &Record<DIGITS>) -> ([i32; BLOCK], f32) {
            let step = |i| record.digits.iter().fold(0, |q, d| q * RADIX + i32::from(d[i]));
            let steps: [i32; BLOCK] = std::array::from_fn(step);
            for half in 0..2 {
                let sum: i32 = steps[half * 16..(half + 1) * 16].iter().sum();
                assert_eq!(record.sums[half], sum);
            }
            (steps, record.scale)
        }
        match self.records() {
            Records::One(records) => join(&records[at]),
            Records::Two(records) => join(&records[at]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Activation; 2] = [Activation::Bits8, Activation::Bits16];

    #[test]
    fn kernels_agree_and_stay_within_half_a_step() {
        let (rows, columns) = (7, 50);
        let x: Vec<f32> =
            (0..rows * columns).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.013).collect();
        for activation in BOTH {
            let mut first: Option<Vec<([i32; BLOCK], f32)>> = None;
            for kernel in Kernel::available() {
                let mut a = Activations::default();
                a.set(kernel, &Pool::new(2), activation, &x, rows);
                let mut all = Vec::new();
                for row in 0..rows {
                    for block in 0..2 {
                        let (steps, scale) = a.steps(row, block);
                        for (i, step) in steps.into_iter().enumerate() {
                            let column = block * BLOCK + i;
                            let want =
                                if column < columns { x[row * columns + column] } else { 0.0 };
                            let off = (step as f32 * scale - want).abs();
                            assert!(
                                off <= scale * 0.501 + 1e-7,
                                "{activation:?}: {off} of {scale}"
                            );
                        }
                        all.push((steps, scale));
                    }
                }
                if let Some(first) = &first {
                    assert_eq!(&all, first, "{kernel:?}");
                }
                first.get_or_insert(all);
            }
        }
    }

    #[test]
    fn rows_are_grouped_by_eight_and_the_rest_by_powers_of_two() {
        let of = |rows| groups(rows).collect::<Vec<_>>();
        assert_eq!(of(1), [(0, 1)]);
        assert_eq!(of(8), [(0, 8)]);
        assert_eq!(of(23), [(0, 8), (8, 8), (16, 4), (20, 2), (22, 1)]);
        assert!(of(0).is_empty());
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for value in [f32::NAN, f32::INFINITY] {
            for activation in BOTH {
                let mut x = [1.0; 64];
                x[40] = value;
                let mut a = Activations::default();
                a.set(Kernel::best(), &Pool::new(1), activation, &x, 1);
                let scale = |block: usize| match a.records() {
                    Records::One(records) => records[block].scale,
                    Records::Two(records) => records[block].scale,
                };
                assert!(scale(0).is_finite() && scale(1).is_nan());
            }
        }
    }

    #[test]
    fn rows_of_zeros_tiny_and_huge_values_stay_finite() {
        for activation in BOTH {
            for value in [0.0, 1e-40, 1e38] {
                let mut a = Activations::default();
                a.set(Kernel::best(), &Pool::new(1), activation, &[value; 32], 1);
                let (steps, scale) = a.steps(0, 0);
                let got = steps[0] as f32 * scale;
                assert!(scale.is_finite() && (got - value).abs() <= value * 1e-6 + 1e-38);
            }
        }
    }
}
