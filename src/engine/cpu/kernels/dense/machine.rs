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

/// The baseline, and AVX2 as the compiler uses it.
pub(in crate::engine::cpu::kernels) struct Plain<V>(std::marker::PhantomData<V>);

impl<V: Vector> Machine for Plain<V> {
    type Vector = V;
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
            use $crate::engine::cpu::kernels::{Kernel, dense::machine::*, vector};
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn avx2($($arg: $type),*) {
                $body::<Plain<vector::Avx2>>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn avx512($($arg: $type),*) {
                $body::<Avx512>($($arg),*)
            }
            match kernel {
                #[cfg(target_arch = "x86_64")]
                Kernel::Avx2 | Kernel::AvxVnni => {
                    // SAFETY: a kernel is only handed out where the processor has its features.
                    unsafe { avx2($($arg),*) }
                }
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a kernel is only handed out where the processor has its features.
                Kernel::Avx512Vnni => unsafe { avx512($($arg),*) },
                _ => $body::<Plain<vector::Portable>>($($arg),*),
            }
        }
    };
}
pub(in crate::engine::cpu::kernels) use dispatched;
