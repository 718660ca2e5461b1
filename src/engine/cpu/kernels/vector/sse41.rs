use std::arch::x86_64::*;

use super::super::LANES;
use super::super::fused::{BELOW_FLOATS, HALF_WAY, Split, carefully};
use super::super::half::narrow;
use super::{SERIES, Vector};

/// Lanes in four registers. There is no fused product: it is made of doubles, as [`Split`] does.
#[derive(Clone, Copy)]
pub(in crate::engine::cpu::kernels) struct Sse41([__m128; 4]);

/// `a * b + c`, rounded once.
///
/// # Safety
/// The processor has SSE4.1.
#[inline(always)]
pub(in crate::engine::cpu::kernels) unsafe fn fused(a: __m128, b: __m128, c: __m128) -> __m128 {
    // SAFETY: the caller's promise.
    unsafe {
        let product = |a, b| _mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b));
        let above = |x| _mm_movehl_ps(x, x);
        let low = _mm_add_pd(product(a, b), _mm_cvtps_pd(c));
        let high = _mm_add_pd(product(above(a), above(b)), _mm_cvtps_pd(above(c)));
        let sums = _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
        // The low halves of the doubles tell whether they lie half way.
        let bits = _mm_shuffle_ps::<0b10_00_10_00>(_mm_castpd_ps(low), _mm_castpd_ps(high));
        let below = _mm_and_si128(_mm_castps_si128(bits), _mm_set1_epi32(BELOW_FLOATS as i32));
        let half_way = _mm_cmpeq_epi32(below, _mm_set1_epi32(HALF_WAY as i32));
        let size = _mm_castps_si128(_mm_and_ps(sums, _mm_castsi128_ps(_mm_set1_epi32(i32::MAX))));
        // What was rounded up to the smallest normal float, too.
        let above_small = _mm_set1_epi32(f32::MIN_POSITIVE.to_bits().cast_signed() + 1);
        let small = _mm_cmpgt_epi32(above_small, size);
        let small = _mm_and_si128(small, _mm_cmpgt_epi32(size, _mm_setzero_si128()));
        let care = _mm_castsi128_ps(_mm_or_si128(half_way, small));
        if _mm_movemask_ps(care) == 0 { sums } else { each_carefully(a, b, c) }
    }
}

#[cold]
#[inline(never)]
unsafe fn each_carefully(a: __m128, b: __m128, c: __m128) -> __m128 {
    let floats = |x: __m128| {
        let mut out = [0.0f32; 4];
        // SAFETY: four floats.
        unsafe { _mm_storeu_ps(out.as_mut_ptr(), x) };
        out
    };
    let (a, b, c) = (floats(a), floats(b), floats(c));
    let out: [f32; 4] = std::array::from_fn(|lane| carefully(a[lane], b[lane], c[lane]));
    // SAFETY: four floats.
    unsafe { _mm_loadu_ps(out.as_ptr()) }
}

/// Four finite halves.
///
/// # Safety
/// The processor has SSE4.1; 8 bytes can be read.
#[inline(always)]
pub(in crate::engine::cpu::kernels) unsafe fn widen(from: *const u8) -> __m128 {
    // SAFETY: the caller's promise.
    unsafe {
        let halves = _mm_cvtepu16_epi32(_mm_loadl_epi64(from.cast()));
        let size = _mm_slli_epi32::<13>(_mm_and_si128(halves, _mm_set1_epi32(0x7fff)));
        let size = _mm_mul_ps(_mm_castsi128_ps(size), _mm_set1_ps(f32::from_bits(0x7780_0000)));
        let sign = _mm_slli_epi32::<16>(_mm_and_si128(halves, _mm_set1_epi32(0x8000)));
        _mm_or_ps(size, _mm_castsi128_ps(sign))
    }
}

// SAFETY of all blocks: the caller says that the processor has SSE4.1 and that the memory is there.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Sse41 {
    #[inline(always)]
    unsafe fn each(f: impl Fn(usize) -> __m128) -> Self {
        Self([f(0), f(1), f(2), f(3)])
    }

    #[inline(always)]
    unsafe fn exp_4(x: __m128) -> __m128 {
        unsafe {
            // In this order a NaN stays one.
            let x = _mm_max_ps(_mm_set1_ps(-87.0), x);
            let scaled = _mm_mul_ps(x, _mm_set1_ps(std::f32::consts::LOG2_E));
            let n = _mm_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(scaled);
            let less = _mm_sub_ps(_mm_setzero_ps(), n);
            let r = fused(less, _mm_set1_ps(super::super::LN_2_HIGH), x);
            let r = fused(less, _mm_set1_ps(super::super::LN_2_LOW), r);
            let mut p = _mm_set1_ps(1.0 / 5040.0);
            for factor in SERIES {
                p = fused(p, r, _mm_set1_ps(factor));
            }
            let exponent = _mm_add_epi32(_mm_cvtps_epi32(n), _mm_set1_epi32(127));
            _mm_mul_ps(p, _mm_castsi128_ps(_mm_slli_epi32::<23>(exponent)))
        }
    }
}

// SAFETY of all blocks: as above.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Vector for Sse41 {
    type Fused = Split;
    const WIDE: bool = false;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self::each(|at| _mm_loadu_ps(from.add(at * 4))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        for at in 0..4 {
            unsafe { _mm_storeu_ps(to.add(at * 4), self.0[at]) };
        }
    }
    #[inline(always)]
    unsafe fn load_halves(from: *const u8) -> Self {
        unsafe { Self::each(|at| widen(from.add(at * 8))) }
    }
    #[inline(always)]
    unsafe fn store_halves(self, to: *mut u8) {
        let mut lanes = [0.0f32; LANES];
        unsafe { self.store(lanes.as_mut_ptr()) };
        let halves = lanes.map(|lane| narrow(lane).to_le_bytes());
        unsafe { to.cast::<[[u8; 2]; LANES]>().write_unaligned(halves) }
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        unsafe {
            let four = |at: usize| from.add(at * 4).cast::<i32>().read_unaligned();
            Self::each(|at| _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_cvtsi32_si128(four(at)))))
        }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self([_mm_set1_ps(x); 4]) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        unsafe { Self::each(|at| fused(self.0[at], b.0[at], c.0[at])) }
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { Self::each(|at| _mm_mul_ps(self.0[at], b.0[at])) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { Self::each(|at| _mm_add_ps(self.0[at], b.0[at])) }
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { Self::each(|at| _mm_sub_ps(self.0[at], b.0[at])) }
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        unsafe { Self::each(|at| _mm_max_ps(self.0[at], b.0[at])) }
    }
    #[inline(always)]
    unsafe fn keep(self, count: usize, other: f32) -> Self {
        unsafe {
            let count = _mm_set1_epi32(count.min(LANES) as i32);
            Self::each(|at| {
                let first = _mm_set1_epi32(at as i32 * 4);
                let lane = _mm_add_epi32(first, _mm_setr_epi32(0, 1, 2, 3));
                let kept = _mm_castsi128_ps(_mm_cmpgt_epi32(count, lane));
                _mm_blendv_ps(_mm_set1_ps(other), self.0[at], kept)
            })
        }
    }
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        unsafe { Self::each(|at| Self::exp_4(self.0[at])) }
    }
    #[inline(always)]
    unsafe fn evens(self, b: Self) -> Self {
        unsafe {
            let evens = |x: [__m128; 4], at| _mm_shuffle_ps::<0b10_00_10_00>(x[at], x[at + 1]);
            Self([evens(self.0, 0), evens(self.0, 2), evens(b.0, 0), evens(b.0, 2)])
        }
    }
    #[inline(always)]
    fn prefetch(at: *const u8) {
        // SAFETY: a hint, which reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}
