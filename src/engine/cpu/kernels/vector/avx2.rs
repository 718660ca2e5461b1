use std::arch::x86_64::*;

use super::super::fused::Whole;
use super::{SERIES, Vector};

/// Lanes in two registers.
#[derive(Clone, Copy)]
pub(in crate::engine::cpu::kernels) struct Avx2(__m256, __m256);

/// Eight lanes that are kept and eight that are not. Eight that begin `8 - n` lanes in keep `n`.
const KEPT: [u32; 16] = {
    let mut kept = [0; 16];
    let mut lane = 0;
    while lane < 8 {
        kept[lane] = u32::MAX;
        lane += 1;
    }
    kept
};

// SAFETY of all blocks: the caller says that the processor has AVX2, FMA and F16C and that the
// memory is there.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Avx2 {
    #[inline(always)]
    unsafe fn keep_8(x: __m256, count: usize, other: f32) -> __m256 {
        unsafe {
            let kept = _mm256_loadu_ps(KEPT.as_ptr().add(8 - count.min(8)).cast());
            _mm256_blendv_ps(_mm256_set1_ps(other), x, kept)
        }
    }

    #[inline(always)]
    unsafe fn exp_8(x: __m256) -> __m256 {
        unsafe {
            // In this order a NaN stays one.
            let x = _mm256_max_ps(_mm256_set1_ps(-87.0), x);
            let scaled = _mm256_mul_ps(x, _mm256_set1_ps(std::f32::consts::LOG2_E));
            let n = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(scaled);
            let r = _mm256_fnmadd_ps(n, _mm256_set1_ps(super::super::LN_2_HIGH), x);
            let r = _mm256_fnmadd_ps(n, _mm256_set1_ps(super::super::LN_2_LOW), r);
            let mut p = _mm256_set1_ps(1.0 / 5040.0);
            for factor in SERIES {
                p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(factor));
            }
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        }
    }

    #[inline(always)]
    unsafe fn evens_8(x: __m256, y: __m256) -> __m256 {
        unsafe {
            let pairs = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(x, y));
            _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(pairs))
        }
    }

    #[inline(always)]
    unsafe fn narrow_8(x: __m256) -> __m128i {
        unsafe {
            let within = _mm256_min_ps(x, _mm256_set1_ps(65504.0));
            let within = _mm256_max_ps(within, _mm256_set1_ps(-65504.0));
            _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(within)
        }
    }
}

// SAFETY of all blocks: as above.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Vector for Avx2 {
    type Fused = Whole;
    const WIDE: bool = false;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn load_halves(from: *const u8) -> Self {
        unsafe {
            let low = _mm256_cvtph_ps(_mm_loadu_si128(from.cast()));
            Self(low, _mm256_cvtph_ps(_mm_loadu_si128(from.add(16).cast())))
        }
    }
    #[inline(always)]
    unsafe fn store_halves(self, to: *mut u8) {
        unsafe {
            _mm_storeu_si128(to.cast(), Self::narrow_8(self.0));
            _mm_storeu_si128(to.add(16).cast(), Self::narrow_8(self.1));
        }
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        unsafe {
            let low = _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()));
            let high = _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.add(8).cast()));
            Self(_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high))
        }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm256_fmadd_ps(self.0, b.0, c.0), _mm256_fmadd_ps(self.1, b.1, c.1)) }
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { Self(_mm256_mul_ps(self.0, b.0), _mm256_mul_ps(self.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { Self(_mm256_add_ps(self.0, b.0), _mm256_add_ps(self.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { Self(_mm256_sub_ps(self.0, b.0), _mm256_sub_ps(self.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        unsafe { Self(_mm256_max_ps(self.0, b.0), _mm256_max_ps(self.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn keep(self, count: usize, other: f32) -> Self {
        unsafe {
            let low = Self::keep_8(self.0, count, other);
            Self(low, Self::keep_8(self.1, count.saturating_sub(8), other))
        }
    }
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        unsafe { Self(Self::exp_8(self.0), Self::exp_8(self.1)) }
    }
    #[inline(always)]
    unsafe fn evens(self, b: Self) -> Self {
        Self(unsafe { Self::evens_8(self.0, self.1) }, unsafe { Self::evens_8(b.0, b.1) })
    }
    #[inline(always)]
    fn prefetch(at: *const u8) {
        // SAFETY: a hint, which reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}
