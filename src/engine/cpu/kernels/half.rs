//! Numbers stored in 16 bits wherever that loses nothing.

use super::{LANES, Lanes};

/// The value of a finite IEEE half. Plain integer and float steps, so that loops over it vectorise.
#[inline(always)]
pub(in crate::engine::cpu) fn widen(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | sign)
}

/// [`widen`] for a row of lanes.
#[inline(always)]
pub(in crate::engine::cpu) fn widen_lanes(halves: &[u16]) -> Lanes {
    let halves = &halves[..LANES];
    let mut out = [0.0; LANES];
    for lane in 0..LANES {
        out[lane] = widen(halves[lane]);
    }
    out
}

/// The nearest half; values beyond its range become its largest, so that no cache entry is infinite.
#[inline]
pub(in crate::engine::cpu) fn narrow(value: f32) -> u16 {
    half::f16::from_f32(value.clamp(-65504.0, 65504.0)).to_bits()
}

/// Floats in the narrowest form that keeps them.
#[derive(Debug)]
pub(in crate::engine::cpu) enum Floats {
    /// All values are halves (within the rounding of one f32 product).
    Half(Vec<u16>),
    /// At least one is not.
    Single(Vec<f32>),
}

impl Floats {
    /// Takes 16 bits where each value is a half to within `ulps` units in the last place of f32.
    pub(in crate::engine::cpu) fn narrowest(values: Vec<f32>, ulps: f32) -> Self {
        let fits = |value: f32| {
            let near = half::f16::from_f32(value).to_f32();
            (near - value).abs() <= value.abs() * f32::EPSILON * ulps
        };
        if values.iter().all(|&v| fits(v)) {
            Self::Half(values.iter().map(|&v| half::f16::from_f32(v).to_bits()).collect())
        } else {
            Self::Single(values)
        }
    }

    /// Bytes held.
    pub(in crate::engine::cpu) fn bytes(&self) -> usize {
        match self {
            Self::Half(v) => v.len() * 2,
            Self::Single(v) => v.len() * 4,
        }
    }

    /// Number of values.
    pub(in crate::engine::cpu) fn len(&self) -> usize {
        match self {
            Self::Half(v) => v.len(),
            Self::Single(v) => v.len(),
        }
    }

    /// The lanes that start at `at`.
    #[inline(always)]
    pub(in crate::engine::cpu) fn lanes(&self, at: usize) -> Lanes {
        match self {
            Self::Half(v) => widen_lanes(&v[at..at + LANES]),
            Self::Single(v) => {
                let mut out = [0.0; LANES];
                out.copy_from_slice(&v[at..at + LANES]);
                out
            }
        }
    }
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

    #[test]
    fn only_lossless_values_are_narrowed() {
        assert!(matches!(Floats::narrowest(vec![0.5, -3.0, 0.0], 0.0), Floats::Half(_)));
        assert!(matches!(Floats::narrowest(vec![0.5, 0.1], 2.0), Floats::Single(_)));
        assert!(matches!(Floats::narrowest(vec![1e9], 2.0), Floats::Single(_)));
        let product = 0.1f32;
        let near = f32::from_bits(half::f16::from_f32(product).to_f32().to_bits() + 1);
        assert!(matches!(Floats::narrowest(vec![near], 2.0), Floats::Half(_)));
    }
}
