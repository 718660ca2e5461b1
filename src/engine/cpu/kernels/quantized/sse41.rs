//! The product with 128-bit vectors: a tile is four quarters of four rows. Integer dot products by
//! `maddubs`.

use std::arch::x86_64::*;

use super::super::pack::{Form, Line, Numbers, Offset, Packed, UNIT_BLOCKS, Width};
use super::super::product::TOGETHER;
use super::super::quantize::{Group, Record};
use super::super::vector::{fused, widen};
use super::super::{LANES, Lanes};

/// See [`super::product`].
///
/// # Safety
/// Needs the features named below, and lengths as `super::product` checks them.
#[target_feature(enable = "sse4.1,ssse3")]
pub(super) unsafe fn product(weights: &Packed, x: &Group, tile: usize, sums: &mut [Lanes]) {
    let mut first = 0;
    while first < x.size {
        let rows = match x.size - first {
            4.. => 4,
            2.. => 2,
            _ => 1,
        };
        for quarter in 0..4 {
            let part = Part { weights, x, tile, quarter, first };
            // SAFETY: as many rows as are named are left; the rest is the caller's promise.
            unsafe {
                match rows {
                    4 => part.product::<4>(sums),
                    2 => part.product::<2>(sums),
                    _ => part.product::<1>(sums),
                }
            }
        }
        first += rows;
    }
}

/// Four of a tile's rows, for those of a group's rows that begin at `first`.
struct Part<'a> {
    weights: &'a Packed,
    x: &'a Group,
    tile: usize,
    quarter: usize,
    first: usize,
}

impl Part<'_> {
    /// Writes the sums of `M` rows.
    #[inline(always)]
    unsafe fn product<const M: usize>(&self, out: &mut [Lanes]) {
        let (form, x) = (self.weights.form, self.x);
        // SAFETY: a unit has two blocks of lines and the numbers after them; there is a record for
        // each block and row of the group, and for each fine row of a block.
        unsafe {
            let mut sums = [_mm_setzero_ps(); M];
            let mut fine_sums = [_mm_setzero_ps(); TOGETHER];
            let units = self.weights.tile(self.tile).chunks_exact(form.unit_lines());
            for (unit, lines) in units.enumerate() {
                for b in 0..UNIT_BLOCKS {
                    let block = unit * UNIT_BLOCKS + b;
                    let (unit, quarter) = (lines.as_ptr(), self.quarter);
                    let place = Place { form: &form, unit, block: b, quarter };
                    let records = x.coarse.as_ptr().add(block * x.size + self.first);
                    let dots = place.dots::<M>(records);
                    for m in 0..M {
                        sums[m] = place.add(dots[m], &*records.add(m), sums[m]);
                    }
                    for (row, at) in x.fine[block].rows() {
                        if (self.first..self.first + M).contains(&row) {
                            let record = x.fine_records.as_ptr().add(at);
                            let [dots] = place.dots::<1>(record);
                            let sum = &mut fine_sums[row % TOGETHER];
                            *sum = place.add(dots, &*record, *sum);
                        }
                    }
                }
            }
            for m in 0..M {
                let row = self.first + m;
                let sum = _mm_add_ps(sums[m], fine_sums[row % TOGETHER]);
                _mm_storeu_ps(out[row].as_mut_ptr().add(self.quarter * 4), sum);
            }
        }
    }
}

/// Four of the tile's rows in a block of a unit.
struct Place<'a> {
    form: &'a Form,
    unit: *const Line,
    block: usize,
    quarter: usize,
}

impl Place<'_> {
    /// `sums` and what one digit of the block adds to them, given the dot products of its halves.
    #[inline(always)]
    unsafe fn add(&self, dots: [__m128i; 2], record: &Record, mut sums: __m128) -> __m128 {
        let form = self.form;
        // SAFETY: the place lies in a unit, and minimums follow its scales.
        unsafe {
            for part in 0..form.parts {
                let (dot, sum) = if form.parts == 1 {
                    (_mm_add_epi32(dots[0], dots[1]), record.sums[0] + record.sums[1])
                } else {
                    (dots[part], record.sums[part])
                };
                let dot = _mm_sub_epi32(dot, _mm_set1_epi32(form.zero() * sum));
                let scales = self.numbers(self.unit, part);
                let factor = _mm_mul_ps(scales, _mm_set1_ps(record.scale));
                sums = fused(_mm_cvtepi32_ps(dot), factor, sums);
                if form.offset == Offset::Minimum {
                    let minimums = self.numbers(self.unit.add(form.number_lines()), part);
                    sums = fused(minimums, _mm_set1_ps(record.scale * sum as f32), sums);
                }
            }
        }
        sums
    }

    /// The scales of a part; `unit` moved on by their lines gives the minimums.
    #[inline(always)]
    unsafe fn numbers(&self, unit: *const Line, part: usize) -> __m128 {
        let at = (self.block * self.form.parts + part) * LANES + self.quarter * 4;
        // SAFETY: the place lies in a unit.
        unsafe {
            let first = unit.add(UNIT_BLOCKS * self.form.width.lines());
            match self.form.numbers {
                Numbers::Half => widen(first.cast::<u16>().add(at).cast()),
                Numbers::Single => _mm_load_ps(first.cast::<f32>().add(at)),
            }
        }
    }

    /// Exact dot products of the halves of a block with each of `M` records.
    #[inline(always)]
    unsafe fn dots<const M: usize>(&self, records: *const Record) -> [[__m128i; 2]; M] {
        let width = self.form.width;
        // SAFETY: the caller names as many records; the place lies in a unit.
        unsafe {
            let block = self.unit.add(self.block * width.lines()).cast::<u8>();
            let ones = _mm_set1_epi16(1);
            let mut dots = [[_mm_setzero_si128(); 2]; M];
            for group in 0..8 {
                let weights = group_of(width, block, self.quarter, group);
                for (m, dots) in dots.iter_mut().enumerate() {
                    let q = (*records.add(m)).digits.as_ptr().add(group * 4);
                    let q = _mm_set1_epi32(q.cast::<i32>().read_unaligned());
                    let dot = &mut dots[group / 4];
                    *dot = match width {
                        // Two products of at most 128 · 127 stay inside 16 bits.
                        Width::Eight => {
                            let signed = _mm_sign_epi8(q, weights);
                            let pairs = _mm_maddubs_epi16(_mm_abs_epi8(weights), signed);
                            _mm_add_epi32(*dot, _mm_madd_epi16(pairs, ones))
                        }
                        Width::Six => {
                            let pairs = _mm_maddubs_epi16(weights, q);
                            _mm_add_epi32(*dot, _mm_madd_epi16(pairs, ones))
                        }
                        // Eight products of at most 31 · 127 stay inside 16 bits: widened at the end.
                        Width::Four | Width::Five => {
                            _mm_add_epi16(*dot, _mm_maddubs_epi16(weights, q))
                        }
                    };
                }
            }
            if matches!(width, Width::Four | Width::Five) {
                for dot in dots.iter_mut().flatten() {
                    *dot = _mm_madd_epi16(*dot, ones);
                }
            }
            dots
        }
    }
}

/// Four neighbouring columns of four rows, as held.
#[inline(always)]
unsafe fn group_of(width: Width, block: *const u8, quarter: usize, group: usize) -> __m128i {
    // SAFETY: the caller vouches for a block of this width.
    unsafe {
        let line = |i: usize| _mm_load_si128(block.add(i * 64 + quarter * 16).cast());
        if width == Width::Eight {
            return line(group);
        }
        let low = _mm_set1_epi8(15);
        let mut weights = if group < 4 {
            _mm_and_si128(line(group), low)
        } else {
            _mm_and_si128(_mm_srli_epi16::<4>(line(group - 4)), low)
        };
        for bit in 4..width.lines() {
            let plane = block.add(bit * 64 + group * 8 + quarter * 2);
            let bits = plane.cast::<i16>().read_unaligned();
            weights = _mm_or_si128(weights, spread(bits, 1 << bit));
        }
        weights
    }
}

/// `value` in each byte whose bit is set.
#[inline(always)]
unsafe fn spread(bits: i16, value: i8) -> __m128i {
    // SAFETY: no memory is read; the caller has SSSE3.
    unsafe {
        let bytes = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        let bit = _mm_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
        let spread = _mm_shuffle_epi8(_mm_set1_epi16(bits), bytes);
        let set = _mm_cmpeq_epi8(_mm_and_si128(spread, bit), bit);
        _mm_and_si128(set, _mm_set1_epi8(value))
    }
}
