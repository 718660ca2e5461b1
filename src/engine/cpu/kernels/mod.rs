//! The arithmetic: quantised and plain matrix products, attention over KV pages, normalisation.
//!
//! Every kernel exists as one portable text. Where a loop is left to the compiler it is compiled
//! once for the baseline and once for each instruction set; where the instructions matter (the
//! integer dot products) there is a variant by hand.
//!
//! **Invariants**
//! - All variants give the same bits: dot products are exact integers, floats are accumulated in
//!   one fixed order with fused multiply-adds, or without the instruction as it would.
//! - A row's result depends on that row alone, not on how many rows are computed with it.
//! - Lengths are checked where a kernel is entered; behind that line pointers are trusted.
//!
//! **Not here**: graphs, tract, what a sequence is.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "compute kernels: lengths are asserted once at each entry, and lanes are numbers"
)]

pub(super) mod attend;
pub(super) mod attention;
pub(super) mod convolution;
pub(super) mod dense;
pub(super) mod float;
mod function;
mod fused;
pub(super) mod half;
pub(super) mod layer_norm;
pub(super) mod limits;
#[cfg(target_arch = "aarch64")]
mod neon;
pub(super) mod norm;
pub(super) mod pack;
pub(super) mod pool;
pub(super) mod pooling;
pub(super) mod product;
pub(super) mod quantize;
mod quantized;
pub(super) mod resampling;
mod vector;

use tract_onnx::prelude::{Tensor, TractResult};

use self::fused::{Baseline, Fused};

/// Instruction sets with kernels of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Any processor.
    Portable,
    /// x86-64 with SSE4.1: processors of small boxes that have no AVX2.
    #[cfg(target_arch = "x86_64")]
    Sse41,
    /// x86-64 with AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same with the 256-bit integer dot products of AVX-VNNI.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// x86-64 with AVX-512 (F, BW, DQ, VL) and its integer dot products.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// aarch64 with the integer dot products of NEON.
    #[cfg(target_arch = "aarch64")]
    NeonDotprod,
    /// The same with its integer matrix products.
    #[cfg(target_arch = "aarch64")]
    NeonI8mm,
}

impl Kernel {
    /// The fastest this processor runs.
    pub(crate) fn best() -> Self {
        *Self::available().last().unwrap_or(&Self::Portable)
    }

    /// All that this processor runs, slowest first.
    pub(crate) fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "grows only on processors with variants")]
        let mut kernels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3") {
            kernels.push(Self::Sse41);
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
        {
            kernels.push(Self::Avx2);
            if is_x86_feature_detected!("avxvnni") {
                kernels.push(Self::AvxVnni);
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                kernels.push(Self::Avx512Vnni);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            kernels.push(Self::NeonDotprod);
            if std::arch::is_aarch64_feature_detected!("i8mm") {
                kernels.push(Self::NeonI8mm);
            }
        }
        kernels
    }

    /// Name for reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Sse41 => "sse4.1",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Self::NeonDotprod => "neon-dotprod",
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm => "neon-i8mm",
        }
    }
}

/// Defines `$name`, which runs the `#[inline(always)]` body `$body` compiled for the kernel's
/// instruction set; `$body<Fused>` is told how that fuses products with sums.
macro_rules! compiled_for_each_kernel {
    ($(#[$doc:meta])* $name:ident => $body:ident<Fused> ( $($args:tt)* )) => {
        compiled_for_each_kernel! {
            $(#[$doc])* $name =>
            [$body::<$crate::engine::cpu::kernels::fused::Baseline>]
            [$body::<$crate::engine::cpu::kernels::fused::Split>]
            [$body::<$crate::engine::cpu::kernels::fused::Whole>]
            ( $($args)* )
        }
    };
    ($(#[$doc:meta])* $name:ident => $body:ident ( $($args:tt)* )) => {
        compiled_for_each_kernel! { $(#[$doc])* $name => [$body] [$body] [$body] ( $($args)* ) }
    };
    ($(#[$doc:meta])* $name:ident => [$($baseline:tt)*] [$($split:tt)*] [$($whole:tt)*]
        ( $($arg:ident : $type:ty),* $(,)? )) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
        pub(in crate::engine::cpu) fn $name(kernel: $crate::engine::cpu::kernels::Kernel, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "sse4.1,ssse3")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn sse41($($arg: $type),*) {
                $($split)*($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn avx2($($arg: $type),*) {
                $($whole)*($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
            fn avx512($($arg: $type),*) {
                $($whole)*($($arg),*)
            }
            match kernel {
                $crate::engine::cpu::kernels::Kernel::Portable => $($baseline)*($($arg),*),
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
                // Every aarch64 has the floats of NEON: the baseline is compiled for them.
                #[cfg(target_arch = "aarch64")]
                $crate::engine::cpu::kernels::Kernel::NeonDotprod
                | $crate::engine::cpu::kernels::Kernel::NeonI8mm => $($baseline)*($($arg),*),
            }
        }
    };
}
pub(super) use compiled_for_each_kernel;

/// Lanes that every portable loop is written in; a multiple of every vector width in use.
pub(super) const LANES: usize = 16;

/// A tensor of floats whose values are still to be written: what it holds until then is arbitrary,
/// but they are floats. Clearing it first would cost as much as some products do.
pub(super) fn uninitialised(shape: &[usize]) -> TractResult<Tensor> {
    // SAFETY: every operator writes each value of its outputs before it returns them, and a turn
    // that failed drops them.
    unsafe { Tensor::uninitialized::<f32>(shape) }
}

/// One accumulator per lane.
pub(super) type Lanes = [f32; LANES];

/// `a * b + c` in each lane, rounded once.
#[inline(always)]
fn fused<F: Fused>(a: &Lanes, b: f32, c: &mut Lanes) {
    for lane in 0..LANES {
        c[lane] = F::mul_add(a[lane], b, c[lane]);
    }
}

/// ln 2 in two parts: the first has so few bits that n times it is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// e^x for x ≤ 0, to within a few units in the last place; the same bits on every processor.
///
/// e^x = 2^n · e^r with |r| ≤ ln 2 / 2 (Cody and Waite 1980), e^r by its Taylor series.
#[inline(always)]
fn exp<F: Fused>(x: f32) -> f32 {
    // Not `max`, which would make a number of what is none.
    let x = if x < -87.0 { -87.0 } else { x };
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = F::mul_add(-n, LN_2_LOW, F::mul_add(-n, LN_2_HIGH, x));
    let mut p = 1.0f32 / 5040.0;
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = F::mul_add(p, r, c);
    }
    p * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::Kernel;

    /// `ENDCAP_TEST_KERNEL` names what the processor should choose, where a script knows it.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "told by the script that picks the processor")]
    fn the_fastest_kernel_is_chosen() {
        let kernels = Kernel::available();
        assert_eq!(kernels[0], Kernel::Portable);
        assert_eq!(kernels.last(), Some(&Kernel::best()));
        if let Ok(expected) = std::env::var("ENDCAP_TEST_KERNEL") {
            assert_eq!(Kernel::best().name(), expected);
        }
    }

    #[test]
    fn exp_is_within_a_few_ulp() {
        for i in 0..8_600 {
            let x = -(i as f32) / 100.0;
            let want = f64::from(x).exp();
            let relative = ((f64::from(super::exp::<super::Baseline>(x)) - want) / want).abs();
            assert!(relative < 3e-7, "exp({x}) is off by {relative:e}");
        }
    }
}
