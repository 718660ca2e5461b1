//! The product with AVX-512 and its integer dot products: a tile's sixteen rows are the lanes.

use std::arch::x86_64::*;

use super::super::pack::{Form, Line, Numbers, Offset, Packed, UNIT_BLOCKS, Width};
use super::super::product::TOGETHER;
use super::super::quantize::{Group, Record};
use super::super::{LANES, Lanes};

/// Bytes by which reading is ahead of computing.
const AHEAD: usize = 4096;

/// See [`super::product`].
///
/// # Safety
/// Needs the features named below, and lengths as `super::product` checks them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")]
pub(super) unsafe fn product(weights: &Packed, x: &Group, tile: usize, sums: &mut [Lanes]) {
    let form = &weights.form;
    // SAFETY: the caller's promise.
    unsafe {
        match (form.parts == 2, form.offset == Offset::Minimum) {
            (false, false) => sized::<false, false>(weights, x, tile, sums),
            (false, true) => sized::<false, true>(weights, x, tile, sums),
            (true, false) => sized::<true, false>(weights, x, tile, sums),
            (true, true) => sized::<true, true>(weights, x, tile, sums),
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")]
unsafe fn sized<const HALVED: bool, const MINIMUM: bool>(
    weights: &Packed,
    x: &Group,
    tile: usize,
    sums: &mut [Lanes],
) {
    // SAFETY: the caller's promise; groups have these sizes.
    unsafe {
        match sums.len() {
            8 => rows::<8, HALVED, MINIMUM>(weights, x, tile, sums),
            4 => rows::<4, HALVED, MINIMUM>(weights, x, tile, sums),
            2 => rows::<2, HALVED, MINIMUM>(weights, x, tile, sums),
            _ => rows::<1, HALVED, MINIMUM>(weights, x, tile, sums),
        }
    }
}

/// A group of `M` rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")]
unsafe fn rows<const M: usize, const HALVED: bool, const MINIMUM: bool>(
    weights: &Packed,
    x: &Group,
    tile: usize,
    out: &mut [Lanes],
) {
    assert!(out.len() >= M && x.coarse.len() >= M * weights.form.units() * UNIT_BLOCKS);
    let form = weights.form;
    let unit_lines = form.unit_lines();
    // Eight-bit weights are held with a sign, and the instruction wants them without.
    let raised = if form.width == Width::Eight { 128 } else { 0 };
    let zero = _mm512_set1_epi32(-form.zero() - raised);
    let (mut records, fine_records) = (x.coarse.as_ptr(), x.fine_records.as_ptr());
    let mut fine = x.fine.iter();
    let mut sums = [_mm512_setzero_ps(); M];
    let mut fine_sums = [_mm512_setzero_ps(); TOGETHER];
    for unit in weights.tile(tile).chunks_exact(unit_lines) {
        let start = unit.as_ptr();
        prefetch(start, unit_lines);
        for (b, fine) in fine.by_ref().take(UNIT_BLOCKS).enumerate() {
            // SAFETY: a unit has two blocks of lines and the numbers after them, and there are
            // records for as many blocks as the matrix has.
            unsafe {
                let w = unpacked(form.width, start.add(b * form.width.lines()));
                let numbers = Block::<HALVED, MINIMUM>::of(&form, start, b);
                // Written out, so that the sums stay in registers.
                macro_rules! row {
                    ($($m:literal)*) => {$(
                        if $m < M {
                            let record = &*records.add($m);
                            sums[$m] = add(&w, record, zero, &numbers, sums[$m]);
                        }
                    )*};
                }
                row!(0 1 2 3 4 5 6 7);
                records = records.add(M);
                for (row, at) in fine.rows() {
                    let row = if M == 1 { 0 } else { row % TOGETHER };
                    let record = &*fine_records.add(at);
                    fine_sums[row] = add(&w, record, zero, &numbers, fine_sums[row]);
                }
            }
        }
    }
    for ((sums, fine), out) in sums.iter().zip(&fine_sums).zip(out) {
        // SAFETY: sixteen lanes are one vector.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), _mm512_add_ps(*sums, *fine)) };
    }
}

/// The scales and minimums of a block.
struct Block<const HALVED: bool, const MINIMUM: bool> {
    scales: [__m512; 2],
    minimums: [__m512; 2],
}

impl<const HALVED: bool, const MINIMUM: bool> Block<HALVED, MINIMUM> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn of(form: &Form, unit: *const Line, block: usize) -> Self {
        // SAFETY: the caller vouches for a unit; minimums follow the scales.
        unsafe {
            let two = |from: *const Line| {
                let first = numbers(form, from, block * form.parts);
                [first, if HALVED { numbers(form, from, block * 2 + 1) } else { first }]
            };
            let scales = two(unit);
            let minimums = if MINIMUM { two(unit.add(form.number_lines())) } else { scales };
            Self { scales, minimums }
        }
    }
}

/// `sums` and what one digit of a block adds to them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn add<const HALVED: bool, const MINIMUM: bool>(
    w: &[__m512i; 8],
    record: &Record,
    zero: __m512i,
    block: &Block<HALVED, MINIMUM>,
    mut sums: __m512,
) -> __m512 {
    let scale = _mm512_set1_ps(record.scale);
    if HALVED {
        for part in 0..2 {
            let sum = _mm512_set1_epi32(record.sums[part]);
            let dot = half(w, &record.digits, part, _mm512_mullo_epi32(sum, zero));
            let factor = _mm512_mul_ps(block.scales[part], scale);
            sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), factor, sums);
            if MINIMUM {
                let factor = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(sum));
                sums = _mm512_fmadd_ps(block.minimums[part], factor, sums);
            }
        }
        return sums;
    }
    let sum = record.sums[0] + record.sums[1];
    let start = _mm512_mullo_epi32(_mm512_set1_epi32(sum), zero);
    let first = half(w, &record.digits, 0, start);
    let second = half(w, &record.digits, 1, _mm512_setzero_si512());
    let dot = _mm512_add_epi32(first, second);
    let factor = _mm512_mul_ps(block.scales[0], scale);
    sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), factor, sums);
    if MINIMUM {
        let factor = _mm512_set1_ps(record.scale * sum as f32);
        sums = _mm512_fmadd_ps(block.minimums[0], factor, sums);
    }
    sums
}

/// `start` and the dot products of half a block with its digits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn half(w: &[__m512i; 8], digits: &[i8; 32], half: usize, start: __m512i) -> __m512i {
    let mut dots = start;
    for group in 0..4 {
        let at = half * 4 + group;
        let four = [digits[at * 4], digits[at * 4 + 1], digits[at * 4 + 2], digits[at * 4 + 3]];
        let four = i32::from_le_bytes(four.map(i8::cast_unsigned));
        dots = _mm512_dpbusd_epi32(dots, w[at], _mm512_set1_epi32(four));
    }
    dots
}

#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch(unit: *const Line, lines: usize) {
    for line in 0..lines {
        // What is prefetched may lie anywhere.
        let ahead = unit.cast::<i8>().wrapping_add(AHEAD + line * 64);
        _mm_prefetch::<_MM_HINT_T0>(ahead);
    }
}

/// A block's weights without sign, four columns to a vector.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn unpacked(width: Width, block: *const Line) -> [__m512i; 8] {
    let mut w = [_mm512_setzero_si512(); 8];
    // SAFETY: the caller vouches for a block of this width.
    unsafe {
        let line = |i: usize| _mm512_load_si512(block.add(i).cast());
        if width == Width::Eight {
            for (i, w) in w.iter_mut().enumerate() {
                *w = _mm512_xor_si512(line(i), _mm512_set1_epi8(-128));
            }
            return w;
        }
        let low = _mm512_set1_epi8(15);
        for i in 0..4 {
            w[i] = _mm512_and_si512(line(i), low);
            w[4 + i] = _mm512_and_si512(_mm512_srli_epi16::<4>(line(i)), low);
        }
        for bit in 4..width.lines() {
            let plane = block.add(bit).cast::<u64>();
            let value = _mm512_set1_epi8(1 << bit);
            for (i, w) in w.iter_mut().enumerate() {
                *w = _mm512_mask_add_epi8(*w, *plane.add(i), *w, value);
            }
        }
    }
    w
}

/// The `at`-th numbers of a unit.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn numbers(form: &Form, unit: *const Line, at: usize) -> __m512 {
    // SAFETY: the caller names numbers that the unit has.
    unsafe {
        let first = unit.add(UNIT_BLOCKS * form.width.lines());
        match form.numbers {
            Numbers::Half => _mm512_cvtph_ps(_mm256_load_si256(first.cast::<__m256i>().add(at))),
            Numbers::Single => _mm512_load_ps(first.cast::<f32>().add(at * LANES)),
        }
    }
}
