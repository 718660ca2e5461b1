//! The product with AVX-512 and its integer dot products: a tile's sixteen rows are the lanes.

use std::arch::x86_64::*;

use super::super::pack::{Form, Line, Numbers, Offset, Packed, UNIT_BLOCKS, Width};
use super::super::quantize::{Activations, BLOCK};
use super::super::{LANES, Lanes};

/// Bytes by which reading is ahead of computing.
const AHEAD: usize = 4096;

/// See [`super::product`].
///
/// # Safety
/// Needs the features named below, and lengths as `super::product` checks them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")]
pub(super) unsafe fn product(
    weights: &Packed,
    x: &Activations,
    tile: usize,
    first: usize,
    sums: &mut [Lanes],
) {
    let mut done = 0;
    while done < sums.len() {
        let (row, out) = (first + done, &mut sums[done..]);
        // SAFETY: as many rows as are named are left; the rest is the caller's promise.
        done += unsafe {
            match (out.len(), x.digits) {
                (8.., 1) => rows::<8, false>(weights, x, tile, row, out),
                (8.., _) => rows::<8, true>(weights, x, tile, row, out),
                (4.., 1) => rows::<4, false>(weights, x, tile, row, out),
                (4.., _) => rows::<4, true>(weights, x, tile, row, out),
                (2.., 1) => rows::<2, false>(weights, x, tile, row, out),
                (2.., _) => rows::<2, true>(weights, x, tile, row, out),
                (_, 1) => rows::<1, false>(weights, x, tile, row, out),
                (_, _) => rows::<1, true>(weights, x, tile, row, out),
            }
        };
    }
}

/// `M` rows from `first` on; returns `M`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")]
unsafe fn rows<const M: usize, const TWO: bool>(
    weights: &Packed,
    x: &Activations,
    tile: usize,
    first: usize,
    out: &mut [Lanes],
) -> usize {
    let form = weights.form;
    let (zero, minimums, halved) = (form.zero(), form.offset == Offset::Minimum, form.parts == 2);
    // Eight-bit weights are held with a sign, and the instruction wants them without.
    let zero = if form.width == Width::Eight { zero + 128 } else { zero };
    let unit_lines = form.unit_lines();
    let lines = weights.tile(tile);
    let mut sums = [_mm512_setzero_ps(); M];
    for (unit, line) in lines.chunks_exact(unit_lines).enumerate() {
        let start = line.as_ptr();
        prefetch(start, unit_lines);
        for b in 0..UNIT_BLOCKS {
            let block = unit * UNIT_BLOCKS + b;
            // SAFETY: a unit has two blocks of lines and the numbers after them, a row of
            // activations has as many blocks as the matrix.
            unsafe {
                let w = unpacked(form.width, start.add(b * form.width.lines()));
                let scales = numbers(&form, start, b * form.parts);
                let second = if halved { numbers(&form, start, b * 2 + 1) } else { scales };
                for (m, sums) in sums.iter_mut().enumerate() {
                    let at = (first + m) * x.blocks + block;
                    let (s0, s1) =
                        (*x.sums.get_unchecked(at * 2), *x.sums.get_unchecked(at * 2 + 1));
                    let scale = _mm512_set1_ps(*x.scales.get_unchecked(at));
                    if halved {
                        let d = halves::<TWO>(&w, x, first + m, block);
                        for (part, (d, scales, sum)) in
                            [(d[0], scales, s0), (d[1], second, s1)].into_iter().enumerate()
                        {
                            let d = _mm512_sub_epi32(d, _mm512_set1_epi32(zero * sum));
                            let factor = _mm512_mul_ps(scales, scale);
                            *sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(d), factor, *sums);
                            if minimums {
                                let minimum = minimum(&form, start, b * 2 + part);
                                let factor = _mm512_mul_ps(scale, _mm512_set1_ps(sum as f32));
                                *sums = _mm512_fmadd_ps(minimum, factor, *sums);
                            }
                        }
                    } else {
                        let d = whole::<TWO>(&w, x, first + m, block);
                        let d = _mm512_sub_epi32(d, _mm512_set1_epi32(zero * (s0 + s1)));
                        let factor = _mm512_mul_ps(scales, scale);
                        *sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(d), factor, *sums);
                        if minimums {
                            let minimum = minimum(&form, start, b);
                            let factor = _mm512_mul_ps(scale, _mm512_set1_ps((s0 + s1) as f32));
                            *sums = _mm512_fmadd_ps(minimum, factor, *sums);
                        }
                    }
                }
            }
        }
    }
    for (sums, out) in sums.iter().zip(out) {
        // SAFETY: sixteen lanes are one vector.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), *sums) };
    }
    M
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

/// Exact dot products of a block, in steps of the last digit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn whole<const TWO: bool>(
    w: &[__m512i; 8],
    x: &Activations,
    row: usize,
    block: usize,
) -> __m512i {
    // SAFETY: the caller names a row and a block that exist.
    unsafe {
        let q = first_digit::<TWO>(x, row, block);
        let [h0, h1] = digit(w, q);
        let high = _mm512_add_epi32(h0, h1);
        if !TWO {
            return high;
        }
        let [l0, l1] = digit(w, q.add(x.blocks * BLOCK));
        _mm512_add_epi32(times_radix(high), _mm512_add_epi32(l0, l1))
    }
}

/// The same for each half of a block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn halves<const TWO: bool>(
    w: &[__m512i; 8],
    x: &Activations,
    row: usize,
    block: usize,
) -> [__m512i; 2] {
    // SAFETY: the caller names a row and a block that exist.
    unsafe {
        let q = first_digit::<TWO>(x, row, block);
        let [h0, h1] = digit(w, q);
        if !TWO {
            return [h0, h1];
        }
        let [l0, l1] = digit(w, q.add(x.blocks * BLOCK));
        [_mm512_add_epi32(times_radix(h0), l0), _mm512_add_epi32(times_radix(h1), l1)]
    }
}

#[inline]
unsafe fn first_digit<const TWO: bool>(x: &Activations, row: usize, block: usize) -> *const i8 {
    let digits = if TWO { 2 } else { 1 };
    // SAFETY: the caller names a row and a block that exist.
    unsafe { x.values.as_ptr().add((row * digits * x.blocks + block) * BLOCK) }
}

/// 254 times, as 256 less 2.
#[inline]
#[target_feature(enable = "avx512f")]
fn times_radix(d: __m512i) -> __m512i {
    _mm512_sub_epi32(_mm512_slli_epi32::<8>(d), _mm512_slli_epi32::<1>(d))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn digit(w: &[__m512i; 8], q: *const i8) -> [__m512i; 2] {
    let (mut d0, mut d1) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    for group in 0..4 {
        // SAFETY: a block of activations has 32 bytes.
        let (a, b) = unsafe { (four(q.add(group * 4)), four(q.add(16 + group * 4))) };
        d0 = _mm512_dpbusd_epi32(d0, w[group], a);
        d1 = _mm512_dpbusd_epi32(d1, w[4 + group], b);
    }
    [d0, d1]
}

/// Four bytes, sixteen times.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn four(q: *const i8) -> __m512i {
    // SAFETY: the caller vouches for four bytes.
    _mm512_set1_epi32(unsafe { q.cast::<i32>().read_unaligned() })
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

/// The `at`-th scales of a unit.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn numbers(form: &Form, unit: *const Line, at: usize) -> __m512 {
    // SAFETY: the caller names scales that the unit has.
    unsafe {
        let first = unit.add(UNIT_BLOCKS * form.width.lines());
        match form.numbers {
            Numbers::Half => _mm512_cvtph_ps(_mm256_load_si256(first.cast::<__m256i>().add(at))),
            Numbers::Single => _mm512_load_ps(first.cast::<f32>().add(at * LANES)),
        }
    }
}

/// The `at`-th minimums of a unit.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn minimum(form: &Form, unit: *const Line, at: usize) -> __m512 {
    // SAFETY: minimums follow the scales.
    unsafe { numbers(form, unit.add(form.number_lines()), at) }
}
