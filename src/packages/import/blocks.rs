//! From ggml's quantised blocks to the blocks of `MatMulNBits`.
//!
//! Both have 32 weights to a block. ggml keeps scale and nibbles together and puts weights 0–15
//! into low nibbles and 16–31 into high ones; `MatMulNBits` keeps scales apart and puts
//! neighbours into one byte, the first of them low. Its weight is `(q - zero_point) * scale`.

use half::f16;

use crate::packages::gguf::TensorType;

/// Weights of a block.
pub(super) const BLOCK: usize = 32;

/// A scale that is infinite or not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotFinite;

/// Block types that have an exact form in `MatMulNBits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockType {
    Q4_0,
    Q4_1,
    Q8_0,
}

/// Rearranged blocks: what `MatMulNBits` takes as B, scales and zero points.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Packed {
    pub(super) quants: Vec<u8>,
    pub(super) scales: Vec<f32>,
    /// Empty where the operator's default is right: 8 for 4 bits, 128 for 8.
    pub(super) zero_points: Vec<f32>,
}

impl BlockType {
    pub(super) fn of(kind: TensorType) -> Option<Self> {
        match kind {
            TensorType::Q4_0 => Some(Self::Q4_0),
            TensorType::Q4_1 => Some(Self::Q4_1),
            TensorType::Q8_0 => Some(Self::Q8_0),
            _ => None,
        }
    }

    /// Bits of a weight.
    pub(super) fn bits(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 => 4,
            Self::Q8_0 => 8,
        }
    }

    /// Whether blocks carry zero points of their own.
    pub(super) fn has_zero_points(self) -> bool {
        self == Self::Q4_1
    }

    /// Bytes of a block in GGUF.
    pub(super) fn stored_bytes(self) -> usize {
        match self {
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q8_0 => 34,
        }
    }

    /// Appends the blocks of a row.
    pub(super) fn pack(self, row: &[u8], packed: &mut Packed) -> Result<(), NotFinite> {
        match self {
            Self::Q4_0 => row.as_chunks::<18>().0.iter().try_for_each(|b| pack_q4_0(b, packed)),
            Self::Q4_1 => row.as_chunks::<20>().0.iter().try_for_each(|b| pack_q4_1(b, packed)),
            Self::Q8_0 => row.as_chunks::<34>().0.iter().try_for_each(|b| pack_q8_0(b, packed)),
        }
    }
}

fn pack_q4_0(block: &[u8; 18], packed: &mut Packed) -> Result<(), NotFinite> {
    let [d0, d1, nibbles @ ..] = block;
    packed.scales.push(number([*d0, *d1])?);
    packed.quants.extend_from_slice(&pair_nibbles(nibbles));
    Ok(())
}

/// `d * q + m` is `(q - zero_point) * d` with `zero_point = -m / d`. Where d is 0 every weight is
/// m, which `(0 - -1) * m` gives exactly.
fn pack_q4_1(block: &[u8; 20], packed: &mut Packed) -> Result<(), NotFinite> {
    let [d0, d1, m0, m1, nibbles @ ..] = block;
    let (scale, minimum) = (number([*d0, *d1])?, number([*m0, *m1])?);
    if scale == 0.0 {
        packed.scales.push(minimum);
        packed.zero_points.push(-1.0);
        packed.quants.extend_from_slice(&[0; BLOCK / 2]);
    } else {
        packed.scales.push(scale);
        packed.zero_points.push(-minimum / scale);
        packed.quants.extend_from_slice(&pair_nibbles(nibbles));
    }
    Ok(())
}

/// Signed bytes become unsigned ones around 128.
fn pack_q8_0(block: &[u8; 34], packed: &mut Packed) -> Result<(), NotFinite> {
    let [d0, d1, quants @ ..] = block;
    packed.scales.push(number([*d0, *d1])?);
    packed.quants.extend(quants.iter().map(|q| q ^ 0x80));
    Ok(())
}

fn pair_nibbles(halves: &[u8; 16]) -> [u8; 16] {
    let mut pairs = [0; 16];
    let (low, high) = pairs.split_at_mut(8);
    for ((low, high), [even, odd]) in low.iter_mut().zip(high).zip(halves.as_chunks::<2>().0) {
        *low = (even & 0x0f) | (odd << 4);
        *high = (even >> 4) | (odd & 0xf0);
    }
    pairs
}

fn number(bytes: [u8; 2]) -> Result<f32, NotFinite> {
    let number = f16::from_le_bytes(bytes).to_f32();
    if number.is_finite() { Ok(number) } else { Err(NotFinite) }
}

/// Weights of a row of any supported type, as the GGUF file means them.
pub(super) fn dequantise(kind: BlockType, row: &[u8], out: &mut Vec<f32>) -> Result<(), NotFinite> {
    for block in row.chunks_exact(kind.stored_bytes()) {
        let (scale, rest) = block.split_first_chunk::<2>().ok_or(NotFinite)?;
        let scale = number(*scale)?;
        match kind {
            BlockType::Q8_0 => out.extend(rest.iter().map(|&q| scale * f32::from(q as i8))),
            BlockType::Q4_0 => extend_nibbles(rest, out, |q| scale * (q - 8.0)),
            BlockType::Q4_1 => {
                let (minimum, nibbles) = rest.split_first_chunk::<2>().ok_or(NotFinite)?;
                let minimum = number(*minimum)?;
                extend_nibbles(nibbles, out, |q| scale * q + minimum);
            }
        }
    }
    Ok(())
}

fn extend_nibbles(nibbles: &[u8], out: &mut Vec<f32>, weight: impl Fn(f32) -> f32) {
    out.extend(nibbles.iter().map(|byte| weight(f32::from(byte & 0x0f))));
    out.extend(nibbles.iter().map(|byte| weight(f32::from(byte >> 4))));
}
