//! From ggml's quantised blocks to the blocks of `MatMulNBits`.
//!
//! ggml keeps scales and weights together and spreads a weight's bits over its block;
//! `MatMulNBits` keeps scales apart and a block's weights in order, two to a byte (the first of
//! them low) or one. Its weight is `(q - zero_point) * scale`.
//!
//! Numbers of five and six bits are stored in bytes, which is the next width the operator has.
//! They keep their own range, with the zero point in the middle of it: whoever packs them more
//! narrowly sees from the numbers how many bits they have.

mod plain;
mod super_blocks;

use half::f16;

use crate::packages::gguf::TensorType;

/// A scale or minimum that is infinite or not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotFinite;

/// Block types that have an exact form in `MatMulNBits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockType {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

/// What a type's groups have for a zero point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ZeroPoints {
    /// The operator's default, the middle of its range: 8 for 4 bits, 128 for 8.
    Middle,
    /// The same whole number for all.
    Whole(u8),
    /// One number each, rarely a whole one.
    Fractional,
}

/// Weights that share a scale, as the GGUF file means them.
#[derive(Debug, Clone, Copy)]
struct Group<'a> {
    scale: f32,
    /// Number of each weight, below 2 to the power of the type's bits.
    quants: &'a [u8],
    /// `Some`: a weight is `scale * q + minimum`. `None`: it is `scale * (q - zero_point)` with
    /// the zero point of the type.
    minimum: Option<f32>,
}

/// Rearranged blocks: what `MatMulNBits` takes as B, scales and zero points.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Packed {
    pub(super) quants: Vec<u8>,
    pub(super) scales: Vec<f32>,
    /// One for each scale with [`ZeroPoints::Fractional`], else empty.
    pub(super) zero_points: Vec<f32>,
    /// The same offsets as ggml has them: a weight is also `q * scale + minimum`.
    pub(super) minimums: Vec<f32>,
}

impl BlockType {
    pub(super) fn of(kind: TensorType) -> Option<Self> {
        match kind {
            TensorType::Q4_0 => Some(Self::Q4_0),
            TensorType::Q4_1 => Some(Self::Q4_1),
            TensorType::Q5_0 => Some(Self::Q5_0),
            TensorType::Q5_1 => Some(Self::Q5_1),
            TensorType::Q8_0 => Some(Self::Q8_0),
            TensorType::Q4_K => Some(Self::Q4K),
            TensorType::Q5_K => Some(Self::Q5K),
            TensorType::Q6_K => Some(Self::Q6K),
            _ => None,
        }
    }

    /// Bits that a weight takes in `MatMulNBits`.
    pub(super) fn bits(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q4K => 4,
            Self::Q5_0 | Self::Q5_1 | Self::Q8_0 | Self::Q5K | Self::Q6K => 8,
        }
    }

    /// Weights that share a scale.
    pub(super) fn group(self) -> usize {
        if self == Self::Q6K { 16 } else { 32 }
    }

    pub(super) fn zero_points(self) -> ZeroPoints {
        match self {
            Self::Q4_0 | Self::Q8_0 => ZeroPoints::Middle,
            Self::Q5_0 => ZeroPoints::Whole(16),
            Self::Q6K => ZeroPoints::Whole(32),
            Self::Q4_1 | Self::Q5_1 | Self::Q4K | Self::Q5K => ZeroPoints::Fractional,
        }
    }

    /// Appends the blocks of a row.
    pub(super) fn pack(self, row: &[u8], packed: &mut Packed) -> Result<(), NotFinite> {
        self.groups(row, &mut |group| packed.push(group, self.bits()))
    }

    /// Calls `each` with the groups of a row in their order.
    fn groups(self, row: &[u8], each: &mut dyn FnMut(Group<'_>)) -> Result<(), NotFinite> {
        match self {
            Self::Q4_0 => blocks(row, each, plain::q4_0),
            Self::Q4_1 => blocks(row, each, plain::q4_1),
            Self::Q5_0 => blocks(row, each, plain::q5_0),
            Self::Q5_1 => blocks(row, each, plain::q5_1),
            Self::Q8_0 => blocks(row, each, plain::q8_0),
            Self::Q4K => blocks(row, each, super_blocks::q4_k),
            Self::Q5K => blocks(row, each, super_blocks::q5_k),
            Self::Q6K => blocks(row, each, super_blocks::q6_k),
        }
    }
}

type Unpack<const N: usize> = fn(&[u8; N], &mut dyn FnMut(Group<'_>)) -> Result<(), NotFinite>;

fn blocks<const N: usize>(
    row: &[u8],
    each: &mut dyn FnMut(Group<'_>),
    unpack: Unpack<N>,
) -> Result<(), NotFinite> {
    row.as_chunks().0.iter().try_for_each(|block| unpack(block, each))
}

impl Packed {
    fn push(&mut self, group: Group<'_>, bits: usize) {
        if let Some(minimum) = group.minimum {
            self.minimums.push(minimum);
            if group.scale == 0.0 {
                return self.push_all_minimum(minimum, group.quants.len() * bits / 8);
            }
            self.zero_points.push(-minimum / group.scale);
        }
        self.scales.push(group.scale);
        match bits {
            4 => {
                let pairs = group.quants.as_chunks().0.iter();
                self.quants.extend(pairs.map(|[even, odd]| even | (odd << 4)));
            }
            _ => self.quants.extend_from_slice(group.quants),
        }
    }

    /// A group whose scale is 0 has no zero point: every weight is the minimum, which
    /// `(0 - -1) * minimum` and `0 * minimum + minimum` give exactly.
    fn push_all_minimum(&mut self, minimum: f32, bytes: usize) {
        self.scales.push(minimum);
        self.zero_points.push(-1.0);
        self.quants.resize(self.quants.len() + bytes, 0);
    }
}

fn number(bytes: [u8; 2]) -> Result<f32, NotFinite> {
    let number = f16::from_le_bytes(bytes).to_f32();
    if number.is_finite() { Ok(number) } else { Err(NotFinite) }
}
