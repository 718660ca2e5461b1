//! The digits of the blocks of a group.

use super::super::product::TOGETHER;
use super::super::{Kernel, compiled_for_each_kernel};
use super::{BLOCK, EMPTY, Fine, Group, RADIX, Record};

/// Fills a group whose size and number of blocks are set: `x` is its rows, and a block has a fine
/// digit where its largest value exceeds its row's limit.
pub(super) fn quantize(kernel: Kernel, x: &[f32], limits: &[f32; TOGETHER], group: &mut Group) {
    #[cfg(target_arch = "x86_64")]
    if kernel == Kernel::Avx512Vnni {
        // SAFETY: a kernel is only handed out where the processor has its features.
        unsafe { super::avx512::quantize(x, limits, group) };
        return;
    }
    any_processor(kernel, x, limits, group);
}

compiled_for_each_kernel! {
    /// [`quantize`] in loops that the compiler vectorises.
    any_processor => any_processor_body(x: &[f32], limits: &[f32; TOGETHER], group: &mut Group)
}

#[inline(always)]
fn any_processor_body(x: &[f32], limits: &[f32; TOGETHER], group: &mut Group) {
    blocks(x, limits, group, |values, limit, coarse, fine| {
        let largest = largest(values);
        let (inverse, scale) = step(largest);
        digit(values, inverse, scale, coarse);
        if largest > limit {
            let mut record = EMPTY;
            digit(values, RADIX, scale / RADIX, &mut record);
            fine.push(record);
        }
    });
}

/// Steps a unit and units a step, for a block with this largest value.
#[inline(always)]
pub(super) fn step(largest: f32) -> (f32, f32) {
    // Below the smallest normal number a block is as good as zero, and 1 / largest overflows.
    let inverse = if largest > f32::MIN_POSITIVE { 127.0 / largest } else { 0.0 };
    (inverse, if largest.is_finite() { largest / 127.0 } else { f32::NAN })
}

/// Calls `make` for each block of each row: with its values, the row's limit and its coarse digit,
/// and a list to which it may add the fine one.
#[inline(always)]
pub(super) fn blocks(
    x: &[f32],
    limits: &[f32; TOGETHER],
    group: &mut Group,
    mut make: impl FnMut(&mut [f32; BLOCK], f32, &mut Record, &mut Vec<Record>),
) {
    let (size, columns) = (group.size, x.len() / group.size);
    let all = group.coarse.chunks_exact_mut(size).zip(&mut group.fine).enumerate();
    for (block, (records, fine)) in all {
        let from = (block * BLOCK).min(columns);
        let len = (columns - from).min(BLOCK);
        *fine = Fine { first: group.fine_records.len() as u32, rows: 0 };
        for (row, (record, limit)) in records.iter_mut().zip(limits).enumerate() {
            let x = &x[row * columns + from..][..len];
            let mut values = [0.0; BLOCK];
            match x.first_chunk() {
                Some(whole) => values = *whole,
                None => values[..len].copy_from_slice(x),
            }
            let before = group.fine_records.len();
            make(&mut values, *limit, record, &mut group.fine_records);
            fine.rows |= ((group.fine_records.len() - before) as u8) << row;
        }
    }
}

/// The largest |value|; what is no number counts as the largest.
#[inline(always)]
fn largest(values: &[f32; BLOCK]) -> f32 {
    // Without its sign a float is ordered as an integer.
    let mut top = 0u32;
    for v in values {
        top = top.max(v.to_bits() & 0x7fff_ffff);
    }
    f32::from_bits(top)
}

/// Makes a record of the nearest integers to `values * factor`; what is left of them stays in
/// `values`.
#[inline(always)]
fn digit(values: &mut [f32; BLOCK], factor: f32, scale: f32, record: &mut Record) {
    let mut steps = [0i32; BLOCK];
    for i in 0..BLOCK {
        (steps[i], values[i]) = split(values[i] * factor);
        record.digits[i] = steps[i] as i8;
    }
    for (sum, steps) in record.sums.iter_mut().zip(steps.chunks_exact(BLOCK / 2)) {
        *sum = steps.iter().fold(0, |sum, step| sum.wrapping_add(*step));
    }
    record.scale = scale;
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
