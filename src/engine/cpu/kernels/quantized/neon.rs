//! The product with NEON: a tile is four quarters of four rows. Integer dot products by `sdot`
//! (dotprod) or `smmla` (i8mm), which takes the activations of two rows at a time.
//!
//! The bodies are inlined into [`product`] and [`product_i8mm`], which are compiled for one
//! instruction set each.

use std::arch::aarch64::*;

use super::super::neon::{sdot, smmla, widened};
use super::super::pack::{Form, Line, Numbers, Offset, Packed, UNIT_BLOCKS, Width};
use super::super::product::TOGETHER;
use super::super::quantize::{Group, Record};
use super::super::{LANES, Lanes};

/// Rows of a tile that are one vector.
const QUARTER: usize = 4;

/// See [`super::product`].
///
/// # Safety
/// Needs the features named below, and lengths as `super::product` checks them.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn product(weights: &Packed, x: &Group, tile: usize, sums: &mut [Lanes]) {
    // SAFETY: the caller's promise.
    unsafe { any_rows::<false>(weights, x, tile, sums) }
}

/// See [`super::product`].
///
/// # Safety
/// Needs the features named below, and lengths as `super::product` checks them.
#[target_feature(enable = "neon,dotprod,i8mm")]
pub(super) unsafe fn product_i8mm(weights: &Packed, x: &Group, tile: usize, sums: &mut [Lanes]) {
    // SAFETY: the caller's promise.
    unsafe { any_rows::<true>(weights, x, tile, sums) }
}

#[inline(always)]
unsafe fn any_rows<const I8MM: bool>(weights: &Packed, x: &Group, tile: usize, sums: &mut [Lanes]) {
    // SAFETY: groups have these sizes; the rest is the caller's promise.
    unsafe {
        match sums.len() {
            8 => rows::<8, I8MM>(weights, x, tile, sums),
            4 => rows::<4, I8MM>(weights, x, tile, sums),
            2 => rows::<2, I8MM>(weights, x, tile, sums),
            _ => rows::<1, I8MM>(weights, x, tile, sums),
        }
    }
}

/// A group of `M` rows.
#[inline(always)]
unsafe fn rows<const M: usize, const I8MM: bool>(
    weights: &Packed,
    x: &Group,
    tile: usize,
    out: &mut [Lanes],
) {
    let form = weights.form;
    assert!(out.len() >= M && x.coarse.len() >= M * form.units() * UNIT_BLOCKS);
    // SAFETY: a unit has two blocks of lines and the numbers after them, there is a record for each
    // block and row of the group and for each fine row, and four quarters are a row of sums.
    unsafe {
        let mut sums = [[vdupq_n_f32(0.0); LANES / QUARTER]; M];
        let mut fine_sums = [[vdupq_n_f32(0.0); LANES / QUARTER]; TOGETHER];
        let mut records = x.coarse.as_ptr();
        let mut fine = x.fine.iter();
        for unit in weights.tile(tile).chunks_exact(form.unit_lines()) {
            for (block, fine) in fine.by_ref().take(UNIT_BLOCKS).enumerate() {
                for quarter in 0..LANES / QUARTER {
                    let w = unpacked(form.width, unit.as_ptr(), block, quarter);
                    let place = Place { form: &form, unit: unit.as_ptr(), block, quarter };
                    let dots = dots::<M, I8MM>(&w, records);
                    for m in 0..M {
                        let sum = sums[m][quarter];
                        sums[m][quarter] = place.add(dots[m], &*records.add(m), sum);
                    }
                    for (row, at) in fine.rows() {
                        let record = &*x.fine_records.as_ptr().add(at);
                        let dots = of_one(&w, record.digits.as_ptr());
                        let sum = &mut fine_sums[row % TOGETHER][quarter];
                        *sum = place.add(dots, record, *sum);
                    }
                }
                records = records.add(M);
            }
        }
        for ((sums, fine), out) in sums.iter().zip(&fine_sums).zip(out) {
            for (quarter, (sums, fine)) in sums.iter().zip(fine).enumerate() {
                vst1q_f32(out.as_mut_ptr().add(quarter * QUARTER), vaddq_f32(*sums, *fine));
            }
        }
    }
}

/// Four rows of a block.
struct Place<'a> {
    form: &'a Form,
    unit: *const Line,
    block: usize,
    quarter: usize,
}

impl Place<'_> {
    /// `sums` and what one digit of the block adds to them, given the dot products of its halves.
    #[inline(always)]
    unsafe fn add(
        &self,
        dots: [int32x4_t; 2],
        record: &Record,
        mut sums: float32x4_t,
    ) -> float32x4_t {
        let form = self.form;
        // SAFETY: the place lies in a unit, and minimums follow its scales.
        unsafe {
            for part in 0..form.parts {
                let (dot, sum) = if form.parts == 1 {
                    (vaddq_s32(dots[0], dots[1]), record.sums[0] + record.sums[1])
                } else {
                    (dots[part], record.sums[part])
                };
                let dot = vsubq_s32(dot, vdupq_n_s32(form.zero() * sum));
                let factor = vmulq_n_f32(self.numbers(self.unit, part), record.scale);
                sums = vfmaq_f32(sums, vcvtq_f32_s32(dot), factor);
                if form.offset == Offset::Minimum {
                    let minimums = self.numbers(self.unit.add(form.number_lines()), part);
                    sums = vfmaq_n_f32(sums, minimums, record.scale * sum as f32);
                }
            }
        }
        sums
    }

    /// The scales of a part; `unit` moved on by their lines gives the minimums.
    #[inline(always)]
    unsafe fn numbers(&self, unit: *const Line, part: usize) -> float32x4_t {
        let at = (self.block * self.form.parts + part) * LANES + self.quarter * QUARTER;
        // SAFETY: the place lies in a unit.
        unsafe {
            let first = unit.add(UNIT_BLOCKS * self.form.width.lines());
            match self.form.numbers {
                Numbers::Half => widened(first.cast::<u16>().add(at)),
                Numbers::Single => vld1q_f32(first.cast::<f32>().add(at)),
            }
        }
    }
}

/// Exact dot products of the halves of a block with each of `M` records.
#[inline(always)]
unsafe fn dots<const M: usize, const I8MM: bool>(
    w: &[int8x16_t; 8],
    records: *const Record,
) -> [[int32x4_t; 2]; M] {
    // SAFETY: the caller names as many records.
    unsafe {
        let digits = |m: usize| (*records.add(m)).digits.as_ptr();
        let mut dots = [[vdupq_n_s32(0); 2]; M];
        if I8MM && M > 1 {
            for m in (0..M).step_by(2) {
                [dots[m], dots[m + 1]] = of_two(w, digits(m), digits(m + 1));
            }
        } else {
            for m in 0..M {
                dots[m] = of_one(w, digits(m));
            }
        }
        dots
    }
}

/// The dot products of both halves of a block with 32 digits.
#[inline(always)]
unsafe fn of_one(w: &[int8x16_t; 8], digits: *const i8) -> [int32x4_t; 2] {
    // SAFETY: the caller vouches for 32 digits.
    unsafe {
        let mut dots = [vdupq_n_s32(0); 2];
        for (half, dot) in dots.iter_mut().enumerate() {
            let q = vld1q_s8(digits.add(half * 16));
            *dot = sdot::<0>(*dot, w[half * 4], q);
            *dot = sdot::<1>(*dot, w[half * 4 + 1], q);
            *dot = sdot::<2>(*dot, w[half * 4 + 2], q);
            *dot = sdot::<3>(*dot, w[half * 4 + 3], q);
        }
        dots
    }
}

/// [`of_one`] for two vectors of digits.
#[inline(always)]
unsafe fn of_two(w: &[int8x16_t; 8], a: *const i8, b: *const i8) -> [[int32x4_t; 2]; 2] {
    // SAFETY: the caller vouches for 32 digits each.
    unsafe {
        let mut out = [[vdupq_n_s32(0); 2]; 2];
        for half in 0..2 {
            let mut pairs = [vdupq_n_s32(0); 2];
            for eight in half * 2..half * 2 + 2 {
                let q = vcombine_s8(vld1_s8(a.add(eight * 8)), vld1_s8(b.add(eight * 8)));
                let first = vreinterpretq_s32_s8(w[eight * 2]);
                let second = vreinterpretq_s32_s8(w[eight * 2 + 1]);
                // Eight columns of two rows each.
                let low = vreinterpretq_s8_s32(vzip1q_s32(first, second));
                let high = vreinterpretq_s8_s32(vzip2q_s32(first, second));
                pairs = [smmla(pairs[0], low, q), smmla(pairs[1], high, q)];
            }
            out[0][half] = vuzp1q_s32(pairs[0], pairs[1]);
            out[1][half] = vuzp2q_s32(pairs[0], pairs[1]);
        }
        out
    }
}

/// A quarter of a block's weights, as held, four columns of four rows to a vector.
#[inline(always)]
unsafe fn unpacked(
    width: Width,
    unit: *const Line,
    block: usize,
    quarter: usize,
) -> [int8x16_t; 8] {
    // SAFETY: the caller names a block and quarter of a unit of this width.
    unsafe {
        let lines = unit.add(block * width.lines());
        let line = |i: usize| vld1q_u8(lines.add(i).cast::<u8>().add(quarter * 16));
        let mut w = [vdupq_n_u8(0); 8];
        if width == Width::Eight {
            for (group, w) in w.iter_mut().enumerate() {
                *w = line(group);
            }
        } else {
            for group in 0..4 {
                w[group] = vandq_u8(line(group), vdupq_n_u8(15));
                w[4 + group] = vshrq_n_u8::<4>(line(group));
            }
            for bit in 4..width.lines() {
                for (group, w) in w.iter_mut().enumerate() {
                    let bits = lines.add(bit).cast::<u8>().add(group * 8 + quarter * 2);
                    *w = vorrq_u8(*w, spread(bits, 1 << bit));
                }
            }
        }
        w.map(|w| vreinterpretq_s8_u8(w))
    }
}

/// `value` in each byte whose bit of 16 is set.
#[inline(always)]
unsafe fn spread(bits: *const u8, value: u8) -> uint8x16_t {
    const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    // SAFETY: the caller vouches for two bytes.
    unsafe {
        let bytes = vcombine_u8(vdup_n_u8(*bits), vdup_n_u8(*bits.add(1)));
        vandq_u8(vtstq_u8(bytes, vld1q_u8(BITS.as_ptr())), vdupq_n_u8(value))
    }
}
