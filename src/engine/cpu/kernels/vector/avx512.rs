use std::arch::x86_64::*;

use super::super::fused::Whole;
use super::{SERIES, Vector};

/// Lanes in one register.
#[derive(Clone, Copy)]
pub(in crate::engine::cpu::kernels) struct Avx512(__m512);

// SAFETY of all blocks: the caller says that the processor has AVX-512 (F, BW, DQ, VL) and that the
// memory is there.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Vector for Avx512 {
    type Fused = Whole;
    const WIDE: bool = true;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn load_halves(from: *const u8) -> Self {
        Self(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) })
    }
    #[inline(always)]
    unsafe fn store_halves(self, to: *mut u8) {
        unsafe {
            let most = _mm512_set1_ps(65504.0);
            let least = _mm512_set1_ps(-65504.0);
            let within = _mm512_max_ps(_mm512_min_ps(self.0, most), least);
            let halves = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(within);
            _mm256_storeu_si256(to.cast(), halves);
        }
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        unsafe {
            let bytes = _mm_loadu_si128(from.cast());
            Self(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)))
        }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        Self(unsafe { _mm512_max_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
    #[inline(always)]
    unsafe fn keep(self, count: usize, other: f32) -> Self {
        let kept = ((1u32 << count.min(16)) - 1) as u16;
        Self(unsafe { _mm512_mask_mov_ps(_mm512_set1_ps(other), kept, self.0) })
    }
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        unsafe {
            // In this order a NaN stays one.
            let x = _mm512_max_ps(_mm512_set1_ps(-87.0), self.0);
            let scaled = _mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E));
            let n =
                _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(scaled);
            let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(super::super::LN_2_HIGH), x);
            let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(super::super::LN_2_LOW), r);
            let mut p = _mm512_set1_ps(1.0 / 5040.0);
            for factor in SERIES {
                p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(factor));
            }
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
            let power = _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent));
            Self(_mm512_mul_ps(p, power))
        }
    }
    #[inline(always)]
    unsafe fn evens(self, b: Self) -> Self {
        unsafe {
            let even = _mm512_slli_epi32::<1>(_mm512_setr_epi32(
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            ));
            Self(_mm512_permutex2var_ps(self.0, even, b.0))
        }
    }
    #[inline(always)]
    fn prefetch(at: *const u8) {
        // SAFETY: a hint, which reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}
