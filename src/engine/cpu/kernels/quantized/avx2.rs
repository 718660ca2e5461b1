//! The product with 256-bit vectors: a tile is two halves of eight rows. Integer dot products by
//! `maddubs` (AVX2) or `dpbusd` (AVX-VNNI).
//!
//! The bodies are inlined into [`product`] and [`product_vnni`], which are compiled for one
//! instruction set each.

use std::arch::x86_64::*;

use super::super::pack::{Form, Line, Numbers, Offset, Packed, UNIT_BLOCKS, Width};
use super::super::quantize::{RADIX, Record};
use super::super::{LANES, Lanes};

/// Bytes by which reading is ahead of computing.
const AHEAD: usize = 4096;

/// See [`super::group_product`].
///
/// # Safety
/// Needs the features named below, and lengths as `super::product` checks them.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn product<const DIGITS: usize>(
    weights: &Packed,
    x: &[Record<DIGITS>],
    tile: usize,
    sums: &mut [Lanes],
) {
    // SAFETY: the caller's promise.
    unsafe { any_rows::<DIGITS, false>(weights, x, tile, sums) }
}

/// See [`super::group_product`].
///
/// # Safety
/// Needs the features named below, and lengths as `super::product` checks them.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
pub(super) unsafe fn product_vnni<const DIGITS: usize>(
    weights: &Packed,
    x: &[Record<DIGITS>],
    tile: usize,
    sums: &mut [Lanes],
) {
    // SAFETY: the caller's promise.
    unsafe { any_rows::<DIGITS, true>(weights, x, tile, sums) }
}

#[inline(always)]
unsafe fn any_rows<const DIGITS: usize, const VNNI: bool>(
    weights: &Packed,
    x: &[Record<DIGITS>],
    tile: usize,
    sums: &mut [Lanes],
) {
    let group = sums.len();
    let mut done = 0;
    while done < group {
        let (x, out) = (&x[done..], &mut sums[done..]);
        let rows = match out.len() {
            4.. => 4,
            2.. => 2,
            _ => 1,
        };
        for half in 0..2 {
            // SAFETY: as many rows as are named are left; the rest is the caller's promise.
            unsafe {
                match rows {
                    4 => half_tile::<DIGITS, 4, VNNI>(weights, x, group, tile, half, out),
                    2 => half_tile::<DIGITS, 2, VNNI>(weights, x, group, tile, half, out),
                    _ => half_tile::<DIGITS, 1, VNNI>(weights, x, group, tile, half, out),
                }
            }
        }
        done += rows;
    }
}

/// Eight of the tile's rows for `M` rows of a group; `x` begins at the first of them.
#[inline(always)]
unsafe fn half_tile<const DIGITS: usize, const M: usize, const VNNI: bool>(
    weights: &Packed,
    x: &[Record<DIGITS>],
    group: usize,
    tile: usize,
    half: usize,
    out: &mut [Lanes],
) {
    let form = weights.form;
    let minimums = form.offset == Offset::Minimum;
    // `dpbusd` wants weights without sign; eight-bit ones are held with it.
    let raised = if VNNI && form.width == Width::Eight { 128 } else { 0 };
    let zero = form.zero() + raised;
    // SAFETY: a unit has two blocks of lines and the numbers after them; there is a record for each
    // block and row of the group.
    unsafe {
        let mut sums = [_mm256_setzero_ps(); M];
        for (unit, lines) in weights.tile(tile).chunks_exact(form.unit_lines()).enumerate() {
            let start = lines.as_ptr();
            if half == 0 {
                prefetch(start, form.unit_lines());
            }
            for b in 0..UNIT_BLOCKS {
                let block = unit * UNIT_BLOCKS + b;
                let w = start.add(b * form.width.lines()).cast::<u8>().add(half * 32);
                let records = x.as_ptr().add(block * group);
                let dots = dots::<DIGITS, M, VNNI>(form.width, w, half, records);
                for m in 0..M {
                    let (scale, of_half) = ((*records.add(m)).scale, (*records.add(m)).sums);
                    for part in 0..form.parts {
                        let (dot, sum) = if form.parts == 1 {
                            (_mm256_add_epi32(dots[m][0], dots[m][1]), of_half[0] + of_half[1])
                        } else {
                            (dots[m][part], of_half[part])
                        };
                        let dot = _mm256_sub_epi32(dot, _mm256_set1_epi32(zero * sum));
                        let at = b * form.parts + part;
                        let scales = numbers(&form, start, at, half);
                        let factor = _mm256_mul_ps(scales, _mm256_set1_ps(scale));
                        sums[m] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), factor, sums[m]);
                        if minimums {
                            let minimum = numbers(&form, start.add(form.number_lines()), at, half);
                            let factor = _mm256_set1_ps(scale * sum as f32);
                            sums[m] = _mm256_fmadd_ps(minimum, factor, sums[m]);
                        }
                    }
                }
            }
        }
        for m in 0..M {
            _mm256_storeu_ps(out[m].as_mut_ptr().add(half * 8), sums[m]);
        }
    }
}

#[inline(always)]
unsafe fn prefetch(unit: *const Line, lines: usize) {
    for line in 0..lines {
        // What is prefetched may lie anywhere.
        let ahead = unit.cast::<i8>().wrapping_add(AHEAD + line * 64);
        // SAFETY: a prefetch of any address is harmless.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead) };
    }
}

/// Exact dot products of the halves of a block for each row of `x`, in steps of the last digit.
#[inline(always)]
unsafe fn dots<const DIGITS: usize, const M: usize, const VNNI: bool>(
    width: Width,
    w: *const u8,
    half: usize,
    records: *const Record<DIGITS>,
) -> [[__m256i; 2]; M] {
    // SAFETY: the caller names a block and as many records.
    unsafe {
        let mut dots = digit::<DIGITS, M, VNNI>(width, w, half, records, 0);
        for at in 1..DIGITS {
            let low = digit::<DIGITS, M, VNNI>(width, w, half, records, at);
            let radix = _mm256_set1_epi32(RADIX);
            for m in 0..M {
                for part in 0..2 {
                    let high = _mm256_mullo_epi32(dots[m][part], radix);
                    dots[m][part] = _mm256_add_epi32(high, low[m][part]);
                }
            }
        }
        dots
    }
}

/// [`dots`] of one digit.
#[inline(always)]
unsafe fn digit<const DIGITS: usize, const M: usize, const VNNI: bool>(
    width: Width,
    w: *const u8,
    half: usize,
    records: *const Record<DIGITS>,
    digit: usize,
) -> [[__m256i; 2]; M] {
    // SAFETY: the caller names a block and as many records; a digit of one has 32 bytes.
    unsafe {
        let zero = _mm256_setzero_si256();
        let ones = _mm256_set1_epi16(1);
        let mut dots = [[zero; 2]; M];
        for group in 0..8 {
            let weights = group_of(width, w, half, group);
            for (m, dots) in dots.iter_mut().enumerate() {
                let q = (*records.add(m)).digits[digit].as_ptr().add(group * 4);
                let q = _mm256_set1_epi32(q.cast::<i32>().read_unaligned());
                let dot = &mut dots[group / 4];
                *dot = match (VNNI, width) {
                    (true, Width::Eight) => {
                        let weights = _mm256_xor_si256(weights, _mm256_set1_epi8(-128));
                        _mm256_dpbusd_avx_epi32(*dot, weights, q)
                    }
                    (true, _) => _mm256_dpbusd_avx_epi32(*dot, weights, q),
                    // Two products of at most 128 · 127 stay inside 16 bits.
                    (false, Width::Eight) => {
                        let signed = _mm256_sign_epi8(q, weights);
                        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), signed);
                        _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, ones))
                    }
                    (false, Width::Six) => {
                        let pairs = _mm256_maddubs_epi16(weights, q);
                        _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, ones))
                    }
                    // Eight products of at most 31 · 127 stay inside 16 bits: widened at the end.
                    (false, _) => _mm256_add_epi16(*dot, _mm256_maddubs_epi16(weights, q)),
                };
            }
        }
        if !VNNI && matches!(width, Width::Four | Width::Five) {
            for dot in dots.iter_mut().flatten() {
                *dot = _mm256_madd_epi16(*dot, ones);
            }
        }
        dots
    }
}

/// Four neighbouring columns of eight rows, as held.
#[inline(always)]
unsafe fn group_of(width: Width, w: *const u8, half: usize, group: usize) -> __m256i {
    // SAFETY: the caller vouches for a block of this width.
    unsafe {
        let line = |i: usize| _mm256_load_si256(w.add(i * 64).cast());
        if width == Width::Eight {
            return line(group);
        }
        let low = _mm256_set1_epi8(15);
        let mut weights = if group < 4 {
            _mm256_and_si256(line(group), low)
        } else {
            _mm256_and_si256(_mm256_srli_epi16::<4>(line(group - 4)), low)
        };
        for bit in 4..width.lines() {
            // `w` is `half * 32` bytes into the block.
            let plane = w.sub(half * 32).add(bit * 64 + group * 8 + half * 4);
            let bits = plane.cast::<i32>().read_unaligned();
            weights = _mm256_or_si256(weights, spread(bits, 1 << bit));
        }
        weights
    }
}

/// `value` in each byte whose bit is set.
#[inline(always)]
unsafe fn spread(bits: i32, value: i8) -> __m256i {
    // SAFETY: no memory is read; the caller has AVX2.
    unsafe {
        let bytes = _mm256_setr_epi8(
            0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3,
            3, 3, 3,
        );
        let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
        let spread = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), bytes);
        let set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
        _mm256_and_si256(set, _mm256_set1_epi8(value))
    }
}

/// Eight of the `at`-th numbers of a unit; `unit` moved on by their lines gives the minimums.
#[inline(always)]
unsafe fn numbers(form: &Form, unit: *const Line, at: usize, half: usize) -> __m256 {
    // SAFETY: the caller names numbers that the unit has.
    unsafe {
        let first = unit.add(UNIT_BLOCKS * form.width.lines());
        let at = at * LANES + half * 8;
        match form.numbers {
            Numbers::Half => _mm256_cvtph_ps(_mm_load_si128(first.cast::<u16>().add(at).cast())),
            Numbers::Single => _mm256_load_ps(first.cast::<f32>().add(at)),
        }
    }
}
