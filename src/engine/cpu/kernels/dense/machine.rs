//! What a product needs of an instruction set.

use super::super::LANES;
use super::super::pack::Line;
use super::super::vector::Vector;

/// Vectors of floats and dot products of bytes.
pub(in crate::engine::cpu::kernels) trait Machine {
    /// Floats.
    type Vector: Vector;
    /// Rows and tiles whose sums fit into registers.
    const ROWS: usize;
    const TILES: usize;

    /// Dot products of `M` rows of bytes with `T` tiles of signed bytes, four inputs a line.
    ///
    /// # Safety
    /// The processor has the instruction set; rows begin `stride` bytes apart and have `4 * lines`
    /// bytes; tiles begin `tile_lines` lines apart and have `lines` lines.
    unsafe fn dots<const M: usize, const T: usize>(
        x: *const u8,
        stride: usize,
        tiles: *const Line,
        tile_lines: usize,
        lines: usize,
    ) -> [[[i32; LANES]; T]; M];
}

/// Any processor, as the compiler uses it.
pub(in crate::engine::cpu::kernels) struct Plain;

impl Machine for Plain {
    type Vector = super::super::vector::Portable;
    const ROWS: usize = 4;
    const TILES: usize = 1;

    #[inline(always)]
    unsafe fn dots<const M: usize, const T: usize>(
        x: *const u8,
        stride: usize,
        tiles: *const Line,
        tile_lines: usize,
        lines: usize,
    ) -> [[[i32; LANES]; T]; M] {
        let mut sums = [[[0i32; LANES]; T]; M];
        for at in 0..lines {
            for t in 0..T {
                // SAFETY: the caller's promise.
                let line = unsafe { &(*tiles.add(t * tile_lines + at)).0 };
                for m in 0..M {
                    // SAFETY: the caller's promise.
                    let four = unsafe { x.add(m * stride + at * 4).cast::<[u8; 4]>().read() };
                    for lane in 0..LANES {
                        let w = |j: usize| i32::from(line[lane * 4 + j].cast_signed());
                        let product = |j: usize| i32::from(four[j]) * w(j);
                        sums[m][t][lane] += (product(0) + product(1)) + (product(2) + product(3));
                    }
                }
            }
        }
        sums
    }
}

/// SSE4.1.
#[cfg(target_arch = "x86_64")]
pub(in crate::engine::cpu::kernels) struct Sse41;

#[cfg(target_arch = "x86_64")]
impl Machine for Sse41 {
    type Vector = super::super::vector::Sse41;
    const ROWS: usize = 2;
    const TILES: usize = 1;

    #[inline(always)]
    unsafe fn dots<const M: usize, const T: usize>(
        x: *const u8,
        stride: usize,
        tiles: *const Line,
        tile_lines: usize,
        lines: usize,
    ) -> [[[i32; LANES]; T]; M] {
        use std::arch::x86_64::*;
        let mut out = [[[0i32; LANES]; T]; M];
        // SAFETY: the caller's promise; a line is four vectors of four outputs each.
        unsafe {
            for t in 0..T {
                let mut sums = [[_mm_setzero_si128(); 4]; M];
                for at in 0..lines {
                    let line = tiles.add(t * tile_lines + at).cast::<__m128i>();
                    for quarter in 0..4 {
                        let w = _mm_load_si128(line.add(quarter));
                        // As for AVX2.
                        let odd = _mm_srai_epi16::<8>(w);
                        let even = _mm_srai_epi16::<8>(_mm_slli_epi16::<8>(w));
                        for m in 0..M {
                            let four = x.add(m * stride + at * 4).cast::<i32>().read_unaligned();
                            let four = _mm_set1_epi32(four);
                            let low = _mm_and_si128(four, _mm_set1_epi16(255));
                            let low = _mm_madd_epi16(low, even);
                            let high = _mm_madd_epi16(_mm_srli_epi16::<8>(four), odd);
                            let sum = &mut sums[m][quarter];
                            *sum = _mm_add_epi32(*sum, _mm_add_epi32(low, high));
                        }
                    }
                }
                for m in 0..M {
                    let out = out[m][t].as_mut_ptr().cast::<__m128i>();
                    for quarter in 0..4 {
                        _mm_storeu_si128(out.add(quarter), sums[m][quarter]);
                    }
                }
            }
        }
        out
    }
}

/// AVX2, and the same with the dot products of AVX-VNNI.
#[cfg(target_arch = "x86_64")]
pub(in crate::engine::cpu::kernels) struct Avx2<const VNNI: bool>;

#[cfg(target_arch = "x86_64")]
impl<const VNNI: bool> Machine for Avx2<VNNI> {
    type Vector = super::super::vector::Avx2;
    const ROWS: usize = 4;
    const TILES: usize = 1;

    #[inline(always)]
    unsafe fn dots<const M: usize, const T: usize>(
        x: *const u8,
        stride: usize,
        tiles: *const Line,
        tile_lines: usize,
        lines: usize,
    ) -> [[[i32; LANES]; T]; M] {
        use std::arch::x86_64::*;
        let mut out = [[[0i32; LANES]; T]; M];
        // SAFETY: the caller's promise; a line is two vectors of eight outputs each.
        unsafe {
            for t in 0..T {
                let mut sums = [[_mm256_setzero_si256(); 2]; M];
                for at in 0..lines {
                    let line = tiles.add(t * tile_lines + at).cast::<__m256i>();
                    let w = [_mm256_load_si256(line), _mm256_load_si256(line.add(1))];
                    // Every second weight in sixteen bits: four products at once would not fit.
                    let odd = w.map(|w| _mm256_srai_epi16::<8>(w));
                    let even = w.map(|w| _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(w)));
                    for m in 0..M {
                        let four = x.add(m * stride + at * 4).cast::<i32>().read_unaligned();
                        let four = _mm256_set1_epi32(four);
                        for half in 0..2 {
                            let sum = &mut sums[m][half];
                            if VNNI {
                                *sum = _mm256_dpbusd_avx_epi32(*sum, four, w[half]);
                                continue;
                            }
                            let low = _mm256_and_si256(four, _mm256_set1_epi16(255));
                            let high = _mm256_srli_epi16::<8>(four);
                            let low = _mm256_madd_epi16(low, even[half]);
                            let high = _mm256_madd_epi16(high, odd[half]);
                            *sum = _mm256_add_epi32(*sum, _mm256_add_epi32(low, high));
                        }
                    }
                }
                for m in 0..M {
                    let out = out[m][t].as_mut_ptr().cast::<__m256i>();
                    _mm256_storeu_si256(out, sums[m][0]);
                    _mm256_storeu_si256(out.add(1), sums[m][1]);
                }
            }
        }
        out
    }
}

/// AVX-512 with its integer dot products.
#[cfg(target_arch = "x86_64")]
pub(in crate::engine::cpu::kernels) struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Machine for Avx512 {
    type Vector = super::super::vector::Avx512;
    const ROWS: usize = super::ROWS;
    const TILES: usize = super::TILES;

    #[inline(always)]
    unsafe fn dots<const M: usize, const T: usize>(
        x: *const u8,
        stride: usize,
        tiles: *const Line,
        tile_lines: usize,
        lines: usize,
    ) -> [[[i32; LANES]; T]; M] {
        use std::arch::x86_64::*;
        let mut out = [[[0i32; LANES]; T]; M];
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[_mm512_setzero_si512(); T]; M];
            for at in 0..lines {
                let mut w = [_mm512_setzero_si512(); T];
                for t in 0..T {
                    w[t] = _mm512_load_si512(tiles.add(t * tile_lines + at).cast());
                }
                for m in 0..M {
                    let four = x.add(m * stride + at * 4).cast::<i32>().read_unaligned();
                    let four = _mm512_set1_epi32(four);
                    for t in 0..T {
                        sums[m][t] = _mm512_dpbusd_epi32(sums[m][t], four, w[t]);
                    }
                }
            }
            for m in 0..M {
                for t in 0..T {
                    _mm512_storeu_si512(out[m][t].as_mut_ptr().cast(), sums[m][t]);
                }
            }
        }
        out
    }
}

/// Defines `$name`, which runs the `#[inline(always)]` body `$body::<M>` with the [`Machine`] of the
/// kernel's instruction set.
macro_rules! dispatched {
    ($(#[$doc:meta])* $name:ident => $body:ident ( $($arg:ident : $type:ty),* $(,)? )) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
        fn $name(
            kernel: $crate::engine::cpu::kernels::Kernel, $($arg: $type),*
        ) {
            #[cfg(target_arch = "x86_64")]
            use $crate::engine::cpu::kernels::Kernel;
            use $crate::engine::cpu::kernels::dense::machine::*;
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "sse4.1,ssse3")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn sse41($($arg: $type),*) {
                $body::<Sse41>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn avx2($($arg: $type),*) {
                $body::<Avx2<false>>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn avx_vnni($($arg: $type),*) {
                $body::<Avx2<true>>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn avx512($($arg: $type),*) {
                $body::<Avx512>($($arg),*)
            }
            match kernel {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a kernel is only handed out where the processor has its features.
                Kernel::Sse41 => unsafe { sse41($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Kernel::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Kernel::AvxVnni => unsafe { avx_vnni($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Kernel::Avx512Vnni => unsafe { avx512($($arg),*) },
                _ => $body::<Plain>($($arg),*),
            }
        }
    };
}
pub(in crate::engine::cpu::kernels) use dispatched;
