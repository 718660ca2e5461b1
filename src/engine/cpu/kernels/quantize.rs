//! Activations to integers, block by block, as finely as each block needs.
//!
//! A block is 32 neighbours of a row with one scale, `x ≈ q * largest / 127` with q in -127..=127:
//! its coarse digit, which keeps a value to 1/254 of the largest of the block. What that leaves may
//! follow as a fine digit of the same kind, which keeps it to 1/64516. The fine digits of few blocks
//! are most of the precision: a model has channels whose values are a hundred times their
//! neighbours', and the rounding of those few is what its logits notice.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod block;

use super::pack::UNIT_BLOCKS;
use super::pool::Pool;
use super::product::TOGETHER;
use super::{Kernel, LANES, compiled_for_each_kernel};
use crate::engine::Activation;

/// Values that share a scale.
pub(in crate::engine::cpu) const BLOCK: usize = 32;

/// One step of the coarse digit has this many of the fine one.
const RADIX: f32 = 254.0;

/// A mixed block has a fine digit where its largest value is more than so many times the mean
/// size of its row's values. Half of it doubles the blocks that have one.
const STANDS_OUT: f32 = 8.0;

/// One digit of a block of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(in crate::engine::cpu) struct Record {
    /// Columns beyond the row's end are 0.
    pub(super) digits: [i8; BLOCK],
    /// The sum of each half of the digits.
    pub(super) sums: [i32; 2],
    /// What one step is worth.
    pub(super) scale: f32,
}

const EMPTY: Record = Record { digits: [0; BLOCK], sums: [0; 2], scale: 0.0 };

/// Which rows of a group have a fine digit in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fine {
    /// Place of the first of them among the group's fine digits.
    first: u32,
    /// A bit for each row.
    rows: u8,
}

const _: () = assert!(TOGETHER <= u8::BITS as usize);

impl Fine {
    /// Rows with a fine digit, and where it is.
    #[inline(always)]
    pub(super) fn rows(self) -> impl Iterator<Item = (usize, usize)> {
        let (mut left, mut at) = (self.rows, self.first as usize);
        std::iter::from_fn(move || {
            let row = left.trailing_zeros() as usize;
            if left == 0 {
                return None;
            }
            left &= left - 1;
            at += 1;
            Some((row, at - 1))
        })
    }
}

/// Rows that kernels compute together.
#[derive(Debug, Default)]
pub(in crate::engine::cpu) struct Group {
    /// Rows.
    pub(super) size: usize,
    /// Block by block the digits of all rows.
    pub(super) coarse: Vec<Record>,
    /// For each block.
    pub(super) fine: Vec<Fine>,
    /// In the order of blocks, then rows.
    pub(super) fine_records: Vec<Record>,
}

/// Rows as integers, in groups of 8, then 4, 2 and 1 rows.
#[derive(Debug, Default)]
pub(in crate::engine::cpu) struct Activations {
    /// Rows.
    pub(super) rows: usize,
    /// Blocks per row: whole units.
    pub(super) blocks: usize,
    /// Those of the last rows, and more where there were more rows before: buffers are kept.
    groups: Vec<Group>,
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
        let columns = x.len() / rows;
        self.rows = rows;
        self.blocks = columns.div_ceil(BLOCK).next_multiple_of(UNIT_BLOCKS);
        let blocks = self.blocks;
        let needed = groups(rows).count();
        self.groups.resize_with(self.groups.len().max(needed), Group::default);
        let parts = groups(rows).zip(&mut self.groups).map(|((first, size), group)| {
            (size, &x[first * columns..(first + size) * columns], group)
        });
        let quantize = |(size, x, group): (usize, &[f32], &mut Group)| {
            group.empty(size, blocks);
            let mut limits = [0.0; TOGETHER];
            find_limits(kernel, activation, x, columns, &mut limits);
            block::quantize(kernel, x, &limits, group);
        };
        if x.len() < ALONE {
            parts.for_each(quantize);
        } else {
            pool.each(parts.collect(), quantize);
        }
    }

    /// The `at`-th of [`groups`].
    pub(super) fn group(&self, at: usize) -> &Group {
        &self.groups[at]
    }
}

impl Group {
    fn empty(&mut self, size: usize, blocks: usize) {
        self.size = size;
        self.coarse.resize(size * blocks, EMPTY);
        self.fine.resize(blocks, Fine { first: 0, rows: 0 });
        self.fine_records.clear();
    }
}

compiled_for_each_kernel! {
    /// For each row of `columns` values, above which largest value a block is kept finely.
    find_limits => find_limits_body(
        activation: Activation,
        x: &[f32],
        columns: usize,
        limits: &mut [f32; TOGETHER],
    )
}

#[inline(always)]
fn find_limits_body(
    activation: Activation,
    x: &[f32],
    columns: usize,
    limits: &mut [f32; TOGETHER],
) {
    for (limit, x) in limits.iter_mut().zip(x.chunks_exact(columns)) {
        *limit = match activation {
            Activation::Bits8 => f32::INFINITY,
            Activation::Mixed => mean_size(x) * STANDS_OUT,
            Activation::Bits16 => 0.0,
        };
    }
}

/// The mean of |x|.
#[inline(always)]
fn mean_size(x: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let chunks = x.chunks_exact(LANES);
    for (lane, v) in chunks.remainder().iter().enumerate() {
        sums[lane] = v.abs();
    }
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += chunk[lane].abs();
        }
    }
    sums.iter().sum::<f32>() / x.len() as f32
}

#[cfg(test)]
impl Activations {
    /// The values that a block of a row stands for, and the step of its last digit.
    pub(super) fn values(&self, row: usize, block: usize) -> ([f64; BLOCK], f64) {
        let mut all = groups(self.rows).enumerate();
        let (at, (first, size)) = all.find(|(_, (first, size))| row < first + size).unwrap();
        let (group, row) = (self.group(at), row - first);
        let coarse = &group.coarse[block * size + row];
        let fine = group.fine[block].rows().find(|(fine, _)| *fine == row);
        let fine = fine.map(|(_, at)| &group.fine_records[at]);
        let value = |i: usize| {
            let of = |record: &Record| f64::from(record.digits[i]) * f64::from(record.scale);
            of(coarse) + fine.map_or(0.0, of)
        };
        for record in [Some(coarse), fine].into_iter().flatten() {
            for (half, digits) in record.digits.chunks_exact(BLOCK / 2).enumerate() {
                let sum: i32 = digits.iter().map(|&q| i32::from(q)).sum();
                assert_eq!(record.sums[half], sum);
            }
        }
        (std::array::from_fn(value), f64::from(fine.unwrap_or(coarse).scale))
    }

    /// Whether a block of a row has a fine digit.
    fn is_fine(&self, row: usize, block: usize) -> bool {
        let mut all = groups(self.rows).enumerate();
        let (at, (first, _)) = all.find(|(_, (first, size))| row < first + size).unwrap();
        self.group(at).fine[block].rows().any(|(fine, _)| fine == row - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 3] = [Activation::Bits8, Activation::Mixed, Activation::Bits16];

    #[test]
    fn kernels_agree_and_stay_within_half_a_step() {
        let (rows, columns) = (7, 50);
        let x: Vec<f32> = (0..rows * columns)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) * if i % 71 == 3 { 1.1 } else { 0.013 })
            .collect();
        for activation in ALL {
            let mut first: Option<Vec<([f64; BLOCK], f64)>> = None;
            for kernel in Kernel::available() {
                let mut a = Activations::default();
                a.set(kernel, &Pool::new(2), activation, &x, rows);
                let mut all = Vec::new();
                for row in 0..rows {
                    for block in 0..2 {
                        let (values, step) = a.values(row, block);
                        for (i, value) in values.into_iter().enumerate() {
                            let column = block * BLOCK + i;
                            let want =
                                if column < columns { x[row * columns + column] } else { 0.0 };
                            let off = (value - f64::from(want)).abs();
                            let most = step * 0.501 + f64::from(want).abs() * 1e-6;
                            assert!(off <= most, "{activation:?}: {off} of {step}");
                        }
                        all.push((values, step));
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
    fn blocks_that_stand_out_of_their_row_are_kept_finely() {
        let columns = 160;
        let mut x: Vec<f32> = (0..3 * columns).map(|i| (i % 7) as f32 - 3.0).collect();
        // In the second row one value, whose own row it is that it stands out of.
        x[columns + 70] = 40.0;
        for (activation, want) in
            [(Activation::Bits8, 0), (Activation::Mixed, 1), (Activation::Bits16, 15)]
        {
            let mut a = Activations::default();
            a.set(Kernel::best(), &Pool::new(1), activation, &x, 3);
            let fine = (0..3).flat_map(|row| (0..6).map(move |block| (row, block)));
            let fine: Vec<_> = fine.filter(|&(row, block)| a.is_fine(row, block)).collect();
            // The sixth block is behind the end, and zeros need no digit.
            assert_eq!(fine.len(), want, "{activation:?}");
            assert!(want != 1 || fine == [(1, 2)]);
        }
    }

    #[test]
    fn a_row_is_the_same_integers_in_any_company() {
        let columns = 96;
        let x: Vec<f32> = (0..13 * columns)
            .map(|i| ((i * 29 % 83) as f32 - 41.0) * if i % 97 < 2 { 3.0 } else { 0.02 })
            .collect();
        let mut together = Activations::default();
        together.set(Kernel::best(), &Pool::new(1), Activation::Mixed, &x, 13);
        for (row, x) in x.chunks_exact(columns).enumerate() {
            let mut alone = Activations::default();
            alone.set(Kernel::best(), &Pool::new(1), Activation::Mixed, x, 1);
            for block in 0..3 {
                assert_eq!(alone.values(0, block), together.values(row, block));
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
            for activation in ALL {
                let mut x = [1.0; 64];
                x[40] = value;
                let mut a = Activations::default();
                a.set(Kernel::best(), &Pool::new(1), activation, &x, 1);
                let scale = |block: usize| a.group(0).coarse[block].scale;
                assert!(scale(0).is_finite() && scale(1).is_nan());
            }
        }
    }

    #[test]
    fn rows_of_zeros_tiny_and_huge_values_stay_finite() {
        for activation in ALL {
            for value in [0.0, 1e-40, 1e38f32] {
                let mut a = Activations::default();
                a.set(Kernel::best(), &Pool::new(1), activation, &[value; 32], 1);
                let (values, step) = a.values(0, 0);
                let value = f64::from(value);
                assert!(step.is_finite() && (values[0] - value).abs() <= value * 1e-6 + 1e-38);
            }
        }
    }
}
