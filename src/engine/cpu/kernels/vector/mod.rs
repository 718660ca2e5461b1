//! Sixteen floats as one value, for kernels whose loops the compiler would not keep in registers.
//!
//! A kernel is written once over [`Vector`] and compiled with each implementation for the
//! instruction set that it needs.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(target_arch = "x86_64")]
mod sse41;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512;
pub(super) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(super) use sse41::{Sse41, fused, widen};

use super::{Fused, LANES};

/// Sixteen lanes of `f32`. Every operation gives the same bits in every implementation (for numbers).
///
/// Methods are inlined into functions that have the instruction set.
pub(super) trait Vector: Copy {
    /// Whether there are registers for 24 accumulators, or else for 6.
    const WIDE: bool;
    /// How single floats are fused where these vectors are used.
    type Fused: Fused;

    /// # Safety
    /// The processor has the instruction set, here and for all other methods; 16 floats can be read.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// 16 floats can be written.
    unsafe fn store(self, to: *mut f32);
    /// Finite IEEE halves.
    ///
    /// # Safety
    /// 32 bytes can be read.
    unsafe fn load_halves(from: *const u8) -> Self;
    /// The nearest halves, ties to even.
    ///
    /// # Safety
    /// 32 bytes can be written.
    unsafe fn store_halves(self, to: *mut u8);
    /// Signed bytes.
    ///
    /// # Safety
    /// 16 bytes can be read.
    unsafe fn load_bytes(from: *const u8) -> Self;
    /// The same in each lane.
    ///
    /// # Safety
    /// See [`Self::load`].
    unsafe fn splat(x: f32) -> Self;
    /// `self * b + c`, rounded once.
    ///
    /// # Safety
    /// See [`Self::load`].
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// # Safety
    /// See [`Self::load`].
    unsafe fn mul(self, b: Self) -> Self;
    /// # Safety
    /// See [`Self::load`].
    unsafe fn add(self, b: Self) -> Self;
    /// # Safety
    /// See [`Self::load`].
    unsafe fn sub(self, b: Self) -> Self;
    /// # Safety
    /// See [`Self::load`].
    unsafe fn max(self, b: Self) -> Self;
    /// Lanes from `count` on become `other`.
    ///
    /// # Safety
    /// See [`Self::load`].
    unsafe fn keep(self, count: usize, other: f32) -> Self;
    /// [`super::exp`] of each lane.
    ///
    /// # Safety
    /// See [`Self::load`].
    unsafe fn exp(self) -> Self;
    /// Every second lane: of this, then of `b`.
    ///
    /// # Safety
    /// See [`Self::load`].
    unsafe fn evens(self, b: Self) -> Self;
    /// Asks for the cache line at `at`, which need not exist.
    fn prefetch(at: *const u8);

    /// The largest lane.
    ///
    /// # Safety
    /// See [`Self::load`].
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        let mut lanes = [0.0f32; LANES];
        // SAFETY: 16 floats.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    /// The lanes added up, first to last.
    ///
    /// # Safety
    /// See [`Self::load`].
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let mut lanes = [0.0f32; LANES];
        // SAFETY: 16 floats.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes.iter().fold(0.0, |sum, lane| sum + lane)
    }
}

/// Factors of e^r's series behind the first; see [`super::exp`].
#[cfg(target_arch = "x86_64")]
const SERIES: [f32; 7] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];

/// Defines `$name`, which runs the `#[inline(always)]` body `$body::<V>` compiled with the vectors
/// of the kernel's instruction set.
macro_rules! vectorised {
    ($(#[$doc:meta])* $name:ident => $body:ident ( $($arg:ident : $type:ty),* $(,)? )) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
        pub(in crate::engine::cpu) fn $name(kernel: $crate::engine::cpu::kernels::Kernel, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "sse4.1,ssse3")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn sse41($($arg: $type),*) {
                $body::<$crate::engine::cpu::kernels::vector::Sse41>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn avx2($($arg: $type),*) {
                $body::<$crate::engine::cpu::kernels::vector::Avx2>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn avx512($($arg: $type),*) {
                $body::<$crate::engine::cpu::kernels::vector::Avx512>($($arg),*)
            }
            match kernel {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a kernel is only handed out where the processor has its features.
                $crate::engine::cpu::kernels::Kernel::Sse41 => unsafe { sse41($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                $crate::engine::cpu::kernels::Kernel::Avx2
                | $crate::engine::cpu::kernels::Kernel::AvxVnni => {
                    // SAFETY: a kernel is only handed out where the processor has its features.
                    unsafe { avx2($($arg),*) }
                }
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a kernel is only handed out where the processor has its features.
                $crate::engine::cpu::kernels::Kernel::Avx512Vnni => unsafe { avx512($($arg),*) },
                _ => $body::<$crate::engine::cpu::kernels::vector::Portable>($($arg),*),
            }
        }
    };
}
pub(super) use vectorised;

#[cfg(test)]
mod tests {
    use super::super::Kernel;
    use super::*;

    vectorised! {
        /// Every operation once, on numbers that round.
        try_all => try_all_body(x: &[f32; 16], bytes: &[u8; 64], out: &mut Vec<f32>)
    }

    #[inline(always)]
    fn try_all_body<V: Vector>(x: &[f32; 16], bytes: &[u8; 64], out: &mut Vec<f32>) {
        // SAFETY: the arrays are as long as each method wants.
        unsafe {
            let a = V::load(x.as_ptr());
            let b = V::splat(-0.37);
            let mut halves = [0u8; 32];
            a.store_halves(halves.as_mut_ptr());
            let results = [
                a,
                b,
                a.mul_add(b, b),
                a.mul(b),
                a.add(b),
                a.sub(b),
                a.max(b),
                V::splat(a.largest()),
                V::splat(a.sum()),
                a.keep(5, f32::NEG_INFINITY),
                a.keep(0, 0.0),
                a.keep(16, 0.0),
                a.exp(),
                a.evens(a.mul(b)),
                a.mul(V::splat(30.0)).exp(),
                V::splat(f32::NEG_INFINITY).exp(),
                V::load_halves(halves.as_ptr()),
                V::load_bytes(bytes.as_ptr()),
            ];
            for result in results {
                let mut lanes = [f32::NAN; 16];
                result.store(lanes.as_mut_ptr());
                out.extend(lanes);
            }
        }
    }

    #[test]
    fn all_kernels_give_the_same_bits() {
        let x: [f32; 16] = std::array::from_fn(|i| -0.013 * (i * i) as f32 - 1e-6 * i as f32);
        let bytes: [u8; 64] = std::array::from_fn(|i| (i * 73) as u8);
        let mut first: Option<Vec<u32>> = None;
        for kernel in Kernel::available() {
            let mut out = Vec::new();
            try_all(kernel, &x, &bytes, &mut out);
            let bits: Vec<u32> = out.iter().map(|x| x.to_bits()).collect();
            assert_eq!(&bits, first.get_or_insert(bits.clone()), "{kernel:?}");
            assert_eq!([out[13 * 16 + 1], out[13 * 16 + 9]], [x[2], x[2] * -0.37]);
            assert_eq!(out[17 * 16 + 1], f32::from(bytes[1] as i8));
            assert!(out[15 * 16] > 0.0 && out[15 * 16] < 1e-37, "e^-inf is tiny, not a NaN");
        }
    }
}
