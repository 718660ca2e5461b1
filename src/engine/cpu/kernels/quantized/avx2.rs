//! The product with 256-bit vectors: a tile is two halves of eight rows. Integer dot products by
//! `maddubs` (AVX2) or `dpbusd` (AVX-VNNI).
//!
//! The bodies are inlined into [`product`] and [`product_vnni`], which are compiled for one
//! instruction set each.

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
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn product(weights: &Packed, x: &Group, tile: usize, sums: &mut [Lanes]) {
    // SAFETY: the caller's promise.
    unsafe { any_rows::<false>(weights, x, tile, sums) }
}

/// See [`super::product`].
///
/// # Safety
/// Needs the features named below, and lengths as `super::product` checks them.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
pub(super) unsafe fn product_vnni(weights: &Packed, x: &Group, tile: usize, sums: &mut [Lanes]) {
    // SAFETY: the caller's promise.
    unsafe { any_rows::<true>(weights, x, tile, sums) }
}

#[inline(always)]
unsafe fn any_rows<const VNNI: bool>(weights: &Packed, x: &Group, tile: usize, sums: &mut [Lanes]) {
    let mut first = 0;
    while first < x.size {
        let rows = match x.size - first {
            4.. => 4,
            2.. => 2,
            _ => 1,
        };
        for half in 0..2 {
            let part = Part { weights, x, tile, half, first };
            // SAFETY: as many rows as are named are left; the rest is the caller's promise.
            unsafe {
                match rows {
                    4 => part.product::<4, VNNI>(sums),
                    2 => part.product::<2, VNNI>(sums),
                    _ => part.product::<1, VNNI>(sums),
                }
            }
        }
        first += rows;
    }
}

/// Eight of a tile's rows, for those of a group's rows that begin at `first`.
struct Part<'a> {
    weights: &'a Packed,
    x: &'a Group,
    tile: usize,
    half: usize,
    first: usize,
}

impl Part<'_> {
    /// Writes the sums of `M` rows.
    #[inline(always)]
    unsafe fn product<const M: usize, const VNNI: bool>(&self, out: &mut [Lanes]) {
        let (form, x) = (self.weights.form, self.x);
        // SAFETY: a unit has two blocks of lines and the numbers after them; there is a record for
        // each block and row of the group, and for each fine row of a block.
        unsafe {
            let mut sums = [_mm256_setzero_ps(); M];
            let mut fine_sums = [_mm256_setzero_ps(); TOGETHER];
            let units = self.weights.tile(self.tile).chunks_exact(form.unit_lines());
            for (unit, lines) in units.enumerate() {
                let unit_start = lines.as_ptr();
                if self.half == 0 {
                    prefetch(unit_start, form.unit_lines());
                }
                for b in 0..UNIT_BLOCKS {
                    let block = unit * UNIT_BLOCKS + b;
                    let place = Place { form: &form, unit: unit_start, block: b, half: self.half };
                    let records = x.coarse.as_ptr().add(block * x.size + self.first);
                    let dots = place.dots::<M, VNNI>(records);
                    for m in 0..M {
                        sums[m] = place.add::<VNNI>(dots[m], &*records.add(m), sums[m]);
                    }
                    for (row, at) in x.fine[block].rows() {
                        if (self.first..self.first + M).contains(&row) {
                            let record = x.fine_records.as_ptr().add(at);
                            let [dots] = place.dots::<1, VNNI>(record);
                            let sum = &mut fine_sums[row % TOGETHER];
                            *sum = place.add::<VNNI>(dots, &*record, *sum);
                        }
                    }
                }
            }
            for m in 0..M {
                let row = self.first + m;
                let sum = _mm256_add_ps(sums[m], fine_sums[row % TOGETHER]);
                _mm256_storeu_ps(out[row].as_mut_ptr().add(self.half * 8), sum);
            }
        }
    }
}

/// Eight of the tile's rows in a block of a unit.
struct Place<'a> {
    form: &'a Form,
    unit: *const Line,
    block: usize,
    half: usize,
}

impl Place<'_> {
    /// `sums` and what one digit of the block adds to them, given the dot products of its halves.
    #[inline(always)]
    unsafe fn add<const VNNI: bool>(
        &self,
        dots: [__m256i; 2],
        record: &Record,
        mut sums: __m256,
    ) -> __m256 {
        let form = self.form;
        // `dpbusd` wants weights without sign; eight-bit ones are held with it.
        let raised = if VNNI && form.width == Width::Eight { 128 } else { 0 };
        let zero = form.zero() + raised;
        // SAFETY: the place lies in a unit, and minimums follow its scales.
        unsafe {
            for part in 0..form.parts {
                let (dot, sum) = if form.parts == 1 {
                    (_mm256_add_epi32(dots[0], dots[1]), record.sums[0] + record.sums[1])
                } else {
                    (dots[part], record.sums[part])
                };
                let dot = _mm256_sub_epi32(dot, _mm256_set1_epi32(zero * sum));
                let scales = self.numbers(self.unit, part);
                let factor = _mm256_mul_ps(scales, _mm256_set1_ps(record.scale));
                sums = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), factor, sums);
                if form.offset == Offset::Minimum {
                    let minimums = self.numbers(self.unit.add(form.number_lines()), part);
                    let factor = _mm256_set1_ps(record.scale * sum as f32);
                    sums = _mm256_fmadd_ps(minimums, factor, sums);
                }
            }
        }
        sums
    }

    /// The scales of a part; `unit` moved on by their lines gives the minimums.
    #[inline(always)]
    unsafe fn numbers(&self, unit: *const Line, part: usize) -> __m256 {
        let at = (self.block * self.form.parts + part) * LANES + self.half * 8;
        // SAFETY: the place lies in a unit.
        unsafe {
            let first = unit.add(UNIT_BLOCKS * self.form.width.lines());
            match self.form.numbers {
                Numbers::Half => {
                    _mm256_cvtph_ps(_mm_load_si128(first.cast::<u16>().add(at).cast()))
                }
                Numbers::Single => _mm256_load_ps(first.cast::<f32>().add(at)),
            }
        }
    }

    /// Exact dot products of the halves of a block with each of `M` records.
    #[inline(always)]
    unsafe fn dots<const M: usize, const VNNI: bool>(
        &self,
        records: *const Record,
    ) -> [[__m256i; 2]; M] {
        let (width, half) = (self.form.width, self.half);
        // SAFETY: the caller names as many records; the place lies in a unit.
        unsafe {
            let w = self.unit.add(self.block * width.lines()).cast::<u8>().add(half * 32);
            let zero = _mm256_setzero_si256();
            let ones = _mm256_set1_epi16(1);
            let mut dots = [[zero; 2]; M];
            for group in 0..8 {
                let weights = group_of(width, w, half, group);
                for (m, dots) in dots.iter_mut().enumerate() {
                    let q = (*records.add(m)).digits.as_ptr().add(group * 4);
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
