//! Numbers in 16 bits.

/// The value of a finite IEEE half. Plain integer and float steps, so that loops over it vectorise.
#[inline(always)]
pub(in crate::engine::cpu) fn widen(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | sign)
}

/// The nearest half; values beyond its range become its largest, so that no cache entry is infinite.
#[inline]
pub(in crate::engine::cpu) fn narrow(value: f32) -> u16 {
    half::f16::from_f32(value.clamp(-65504.0, 65504.0)).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_widens_to_its_value() {
        for bits in 0..=u16::MAX {
            let want = half::f16::from_bits(bits);
            if want.is_finite() {
                assert_eq!(widen(bits).to_bits(), want.to_f32().to_bits(), "{bits:#06x}");
            }
        }
    }
}
