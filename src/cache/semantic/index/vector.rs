//! A question's vector in one byte a dimension.

/// A vector scaled so that its largest dimension is 127, with what brings products back to cosines.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Packed {
    dimensions: Box<[i8]>,
    /// One over the length of the packed vector.
    scale: f32,
}

impl Packed {
    /// Packs a vector of any length; what is not a number is 0.
    pub(in super::super) fn of(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let factor = if largest > 0.0 && largest.is_finite() { 127.0 / largest } else { 0.0 };
        // A conversion to an integer saturates, and makes 0 of what is not a number.
        let dimensions: Box<[i8]> =
            vector.iter().map(|value| (value * factor).round() as i8).collect();
        Self::scaled(dimensions)
    }

    /// Takes dimensions as [`Self::bytes`] gave them.
    pub(in super::super) fn from_bytes(bytes: &[u8]) -> Self {
        Self::scaled(bytes.iter().map(|&byte| byte as i8).collect())
    }

    /// Takes dimensions that were packed before.
    pub(in super::super) fn of_values(values: &[i8]) -> Self {
        Self::scaled(values.into())
    }

    fn scaled(dimensions: Box<[i8]>) -> Self {
        let square = product(&dimensions, &dimensions);
        let scale = if square > 0 { 1.0 / (square as f32).sqrt() } else { 0.0 };
        Self { dimensions, scale }
    }

    /// How many dimensions it has.
    pub(in super::super) fn dimensions(&self) -> usize {
        self.dimensions.len()
    }

    /// The packed dimensions.
    pub(in super::super) fn values(&self) -> &[i8] {
        &self.dimensions
    }

    /// One over its length.
    pub(in super::super) fn scale(&self) -> f32 {
        self.scale
    }

    /// The dimensions, to be kept.
    pub(in super::super) fn bytes(&self) -> Vec<u8> {
        self.dimensions.iter().map(|&value| value as u8).collect()
    }

    #[cfg(test)]
    /// Cosine of two vectors of as many dimensions.
    pub(in super::super) fn cosine(&self, other: &Self) -> f32 {
        product(&self.dimensions, &other.dimensions) as f32 * self.scale * other.scale
    }

    /// The signs, 64 a word: set where a dimension is negative.
    pub(in super::super) fn signs(&self) -> impl Iterator<Item = u64> {
        self.dimensions.chunks(64).map(|chunk| {
            chunk.iter().rev().fold(0, |bits, &value| (bits << 1) | u64::from(value < 0))
        })
    }

    #[cfg(test)]
    pub(in super::super) fn unpacked(&self) -> Vec<f32> {
        self.dimensions.iter().map(|&value| f32::from(value)).collect()
    }
}

/// Sum of the products of two rows.
pub(super) fn product(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(i16::from(a) * i16::from(b))).sum()
}

/// In how many places two rows of signs differ.
pub(super) fn differing(a: &[u64], b: &[u64]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_cosines_are_those_of_the_vectors() {
        let a: Vec<f32> = (0..384).map(|i| (i as f32 * 0.37).sin()).collect();
        let b: Vec<f32> = (0..384).map(|i| (i as f32 * 0.37).sin() + (i as f32).cos()).collect();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let exact = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
        assert!((Packed::of(&a).cosine(&Packed::of(&b)) - exact).abs() < 0.005);
        assert!((Packed::of(&a).cosine(&Packed::of(&a)) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_kept_vector_is_the_same_again() {
        let packed = Packed::of(&[0.5, -1.0, 0.25]);
        assert_eq!(Packed::from_bytes(&packed.bytes()), packed);
    }

    #[test]
    fn vectors_without_a_direction_are_like_none() {
        for vector in [vec![0.0; 384], vec![f32::NAN; 384], vec![f32::INFINITY; 384], vec![]] {
            let packed = Packed::of(&vector);
            assert_eq!(packed.cosine(&Packed::of(&vec![1.0; vector.len()])), 0.0);
        }
    }
}
