use super::super::half::{narrow, widen};
use super::super::{Baseline, Fused, LANES, Lanes, exp};
use super::Vector;

/// Lanes for any processor.
///
/// Where there are no fused products, a lane takes a dozen instructions: in every kernel's every loop
/// they would be a quarter of a megabyte for no time gained.
#[derive(Clone, Copy)]
pub(in crate::engine::cpu::kernels) struct Portable(Lanes);

impl Portable {
    #[inline(always)]
    fn each(f: impl Fn(usize) -> f32) -> Self {
        let mut out = [0.0; LANES];
        for lane in 0..LANES {
            out[lane] = f(lane);
        }
        Self(out)
    }
}

// SAFETY of all blocks: the caller says that the memory is there.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Vector for Portable {
    type Fused = Baseline;
    const WIDE: bool = false;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { from.cast::<Lanes>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<Lanes>().write_unaligned(self.0) }
    }
    #[cfg_attr(target_arch = "aarch64", inline(always))]
    #[cfg_attr(not(target_arch = "aarch64"), inline(never))]
    unsafe fn load_halves(from: *const u8) -> Self {
        let halves = unsafe { from.cast::<[[u8; 2]; LANES]>().read_unaligned() };
        Self::each(|lane| widen(u16::from_le_bytes(halves[lane])))
    }
    #[cfg_attr(target_arch = "aarch64", inline(always))]
    #[cfg_attr(not(target_arch = "aarch64"), inline(never))]
    unsafe fn store_halves(self, to: *mut u8) {
        let halves = self.0.map(|lane| narrow(lane).to_le_bytes());
        unsafe { to.cast::<[[u8; 2]; LANES]>().write_unaligned(halves) }
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        let bytes = unsafe { from.cast::<[i8; LANES]>().read_unaligned() };
        Self::each(|lane| f32::from(bytes[lane]))
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; LANES])
    }
    #[cfg_attr(target_arch = "aarch64", inline(always))]
    #[cfg_attr(not(target_arch = "aarch64"), inline(never))]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        Self::each(|lane| Baseline::mul_add(self.0[lane], b.0[lane], c.0[lane]))
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Self::each(|lane| self.0[lane] * b.0[lane])
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Self::each(|lane| self.0[lane] + b.0[lane])
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        Self::each(|lane| self.0[lane] - b.0[lane])
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        Self::each(|lane| self.0[lane].max(b.0[lane]))
    }
    #[inline(always)]
    unsafe fn keep(self, count: usize, other: f32) -> Self {
        Self::each(|lane| if lane < count { self.0[lane] } else { other })
    }
    #[cfg_attr(target_arch = "aarch64", inline(always))]
    #[cfg_attr(not(target_arch = "aarch64"), inline(never))]
    unsafe fn exp(self) -> Self {
        Self::each(|lane| exp::<Baseline>(self.0[lane]))
    }
    #[inline(always)]
    unsafe fn evens(self, b: Self) -> Self {
        Self::each(|lane| if lane < 8 { self.0[2 * lane] } else { b.0[2 * lane - LANES] })
    }
    #[inline(always)]
    fn prefetch(_at: *const u8) {}
}
