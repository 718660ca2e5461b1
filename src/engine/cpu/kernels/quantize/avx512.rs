//! Digits with AVX-512: half a block is a vector.

use std::arch::x86_64::*;

use super::super::product::TOGETHER;
use super::block::{blocks, step};
use super::{BLOCK, EMPTY, Group, RADIX, Record};

/// See [`super::block::quantize`].
///
/// # Safety
/// Needs the features named below.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn quantize(x: &[f32], limits: &[f32; TOGETHER], group: &mut Group) {
    blocks(x, limits, group, |values, limit, coarse, fine| {
        // SAFETY: a block is two vectors.
        let halves = unsafe {
            [_mm512_loadu_ps(values.as_ptr()), _mm512_loadu_ps(values.as_ptr().add(BLOCK / 2))]
        };
        let largest = largest(halves);
        let (inverse, scale) = step(largest);
        let rest = digit(halves, inverse, scale, coarse);
        if largest > limit {
            let mut record = EMPTY;
            digit(rest, RADIX, scale / RADIX, &mut record);
            fine.push(record);
        }
    });
}

/// The largest |value|; what is no number counts as the largest.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn largest(halves: [__m512; 2]) -> f32 {
    // Without its sign a float is ordered as an integer.
    let sizes = halves.map(|half| _mm512_castps_si512(_mm512_abs_ps(half)));
    let top = _mm512_reduce_max_epu32(_mm512_max_epu32(sizes[0], sizes[1]));
    f32::from_bits(top)
}

/// Makes a record of the nearest integers to `halves * factor`, and returns what is left of them.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512vnni")]
fn digit(halves: [__m512; 2], factor: f32, scale: f32, record: &mut Record) -> [__m512; 2] {
    let moved = halves.map(|half| _mm512_mul_ps(half, _mm512_set1_ps(factor)));
    let steps = moved.map(|half| _mm512_cvtps_epi32(half));
    let [first, second] = steps.map(|half| _mm512_cvtepi32_epi8(half));
    let digits = _mm256_set_m128i(second, first);
    // SAFETY: there are 32 digits.
    unsafe { _mm256_storeu_si256(record.digits.as_mut_ptr().cast(), digits) };
    // Sums of four in each lane, then of eight and of sixteen.
    let sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), digits);
    let sums = _mm256_add_epi32(sums, _mm256_shuffle_epi32::<0b01_00_11_10>(sums));
    let sums = _mm256_add_epi32(sums, _mm256_shuffle_epi32::<0b10_11_00_01>(sums));
    record.sums = [
        _mm_cvtsi128_si32(_mm256_castsi256_si128(sums)),
        _mm_cvtsi128_si32(_mm256_extracti128_si256::<1>(sums)),
    ];
    record.scale = scale;
    [0, 1].map(|half: usize| _mm512_sub_ps(moved[half], _mm512_cvtepi32_ps(steps[half])))
}
