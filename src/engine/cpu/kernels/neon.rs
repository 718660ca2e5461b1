//! NEON instructions that the standard library offers only to unstable compilers.

use std::arch::aarch64::{float32x4_t, int8x16_t, int32x4_t};
use std::arch::asm;

/// `sum`, and in each lane the product of four signed bytes with the four of `b`'s group `GROUP`.
///
/// # Safety
/// The processor has `dotprod`, and this is inlined into a function compiled for it.
#[inline(always)]
pub(super) unsafe fn sdot<const GROUP: i32>(
    mut sum: int32x4_t,
    a: int8x16_t,
    b: int8x16_t,
) -> int32x4_t {
    // SAFETY: reads and writes registers only.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.4b[{group}]",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            group = const GROUP,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// `sum`, and in lane 2i + j the product of the i-th eight signed bytes of `a` with the j-th of `b`.
///
/// # Safety
/// The processor has `i8mm`, and this is inlined into a function compiled for it.
#[inline(always)]
pub(super) unsafe fn smmla(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: reads and writes registers only.
    unsafe {
        asm!(
            "smmla {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// Four IEEE halves.
///
/// # Safety
/// 8 bytes can be read.
#[inline(always)]
pub(super) unsafe fn widened(halves: *const u16) -> float32x4_t {
    let wide: float32x4_t;
    // SAFETY: reads what the caller vouches for, and every processor with NEON converts halves.
    unsafe {
        let halves = halves.cast::<f64>().read_unaligned();
        asm!(
            "fcvtl {wide:v}.4s, {halves:v}.4h",
            wide = out(vreg) wide,
            halves = in(vreg) halves,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    wide
}
