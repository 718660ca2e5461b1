//! Rotary position embedding: the caches, and the order of rows in Q and K.

use super::ImportError;
use super::architecture::Architecture;

/// Angle per position of each pair of a head, `base^(-2i/width)`, divided by the stretch of
/// positions and by the model's own factors where it has them (RoFormer, arXiv 2104.09864, section
/// 3.2.2; Llama 3 for factors).
pub(super) fn frequencies(
    architecture: &Architecture,
    factors: Option<&[f32]>,
) -> Result<Vec<f64>, ImportError> {
    let width = architecture.head_width as f64;
    let mut frequencies: Vec<f64> = (0..architecture.head_width / 2)
        .map(|pair| architecture.rotary_base.powf(-2.0 * pair as f64 / width))
        .map(|frequency| frequency / architecture.rotary_stretch)
        .collect();
    for (frequency, factor) in frequencies.iter_mut().zip(factors.unwrap_or_default()) {
        *frequency /= f64::from(*factor);
    }
    if frequencies.iter().any(|frequency| !frequency.is_finite()) {
        return Err(ImportError::NotFinite { tensor: "rope_freqs.weight".to_owned() });
    }
    Ok(frequencies)
}

/// Which row of a GGUF tensor becomes row `row` of the ONNX one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowOrder {
    /// The same row.
    AsStored,
    /// llama's Q and K: GGUF has the two halves of a rotary pair beside each other, ONNX half a
    /// head apart.
    RotaryPairs { head_width: usize },
}

impl RowOrder {
    pub(super) fn source(self, row: usize) -> usize {
        match self {
            Self::AsStored => row,
            Self::RotaryPairs { head_width } => {
                let (head, within) = (row / head_width, row % head_width);
                let (half, pair) = (within / (head_width / 2), within % (head_width / 2));
                head * head_width + 2 * pair + half
            }
        }
    }
}
