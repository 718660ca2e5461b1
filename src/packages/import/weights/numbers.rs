//! Tensors of plain numbers.

use std::borrow::Cow;

use half::{bf16, f16};
use tract_onnx::pb::tensor_proto::DataType;

use super::{FLUSH_BYTES, SUPPORTED, Weights, matrix, not_finite, row_bytes, type_error};
use crate::packages::gguf::{Tensor, TensorType};
use crate::packages::import::ImportError;
use crate::packages::import::data::Span;
use crate::packages::import::rotary::RowOrder;

/// How a number lies in the GGUF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberType {
    F32,
    F16,
    Bf16,
}

impl NumberType {
    pub(super) fn of_matrix(tensor: &Tensor<'_>) -> Result<Self, ImportError> {
        Self::of(tensor, SUPPORTED)
    }

    pub(super) fn of_vector(tensor: &Tensor<'_>) -> Result<Self, ImportError> {
        Self::of(tensor, "F32, F16 and BF16")
    }

    fn of(tensor: &Tensor<'_>, supported: &'static str) -> Result<Self, ImportError> {
        match tensor.kind {
            TensorType::F32 => Ok(Self::F32),
            TensorType::F16 => Ok(Self::F16),
            TensorType::BF16 => Ok(Self::Bf16),
            _ => Err(type_error(tensor, supported)),
        }
    }

    /// How it lies in the package: bfloat16 becomes f32, as half has not its range and many
    /// runtimes know no other type of its size.
    pub(super) fn written(self) -> DataType {
        match self {
            Self::F32 | Self::Bf16 => DataType::Float,
            Self::F16 => DataType::Float16,
        }
    }

    fn bytes(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }

    fn written_bytes(self) -> usize {
        if self.written() == DataType::Float { 4 } else { 2 }
    }

    pub(super) fn read(self, bytes: &[u8]) -> Vec<f32> {
        let pairs = bytes.as_chunks().0.iter();
        match self {
            Self::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Self::F16 => pairs.map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            Self::Bf16 => pairs.map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        }
    }

    /// The bytes as the package has them; refuses what is infinite or not a number.
    fn convert<'b>(
        self,
        tensor: &Tensor<'_>,
        bytes: &'b [u8],
    ) -> Result<Cow<'b, [u8]>, ImportError> {
        // All ones in the exponent is infinite or not a number.
        let all = |bits: u16, ones: u16| bits & ones == ones;
        let halves = |ones| bytes.as_chunks().0.iter().any(|b| all(u16::from_le_bytes(*b), ones));
        let fault = match self {
            Self::F32 => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .any(|&[_, _, c, d]| all(u16::from_le_bytes([c, d]), 0x7f80)),
            Self::F16 => halves(0x7c00),
            Self::Bf16 => halves(0x7f80),
        };
        if fault {
            return Err(not_finite(tensor));
        }
        Ok(match self {
            Self::F32 | Self::F16 => Cow::Borrowed(bytes),
            Self::Bf16 => {
                let pairs = bytes.as_chunks::<2>().0.iter();
                Cow::Owned(pairs.flat_map(|&[low, high]| [0, 0, low, high]).collect())
            }
        })
    }
}

impl Weights<'_> {
    /// Writes a matrix as it is, a row after the other.
    pub(super) fn copied(
        &mut self,
        tensor: &Tensor<'_>,
        kind: NumberType,
    ) -> Result<Span, ImportError> {
        let numbers = tensor.data().len() / kind.bytes();
        let span = self.data.begin((numbers * kind.written_bytes()) as u64)?;
        for part in tensor.data().chunks(FLUSH_BYTES) {
            self.data.append(&kind.convert(tensor, part)?)?;
            self.advance(part.len());
        }
        Ok(span)
    }

    /// Writes columns as rows, a few at a time: MatMul wants the inner dimension first.
    pub(super) fn transposed(
        &mut self,
        tensor: &Tensor<'_>,
        kind: NumberType,
        order: RowOrder,
    ) -> Result<Span, ImportError> {
        let (k, n) = matrix(tensor);
        let (from_bytes, to_bytes) = (kind.bytes(), kind.written_bytes());
        let span = self.data.begin((k * n * to_bytes) as u64)?;
        let columns_at_once = (FLUSH_BYTES / (n * to_bytes)).max(16);
        let mut turned = Vec::new();
        for from in (0..k).step_by(columns_at_once) {
            let columns = columns_at_once.min(k - from);
            turned.clear();
            turned.resize(columns * n * to_bytes, 0);
            for row in 0..n {
                let bytes = row_bytes(tensor, order.source(row));
                let part = bytes.get(from * from_bytes..(from + columns) * from_bytes);
                let part = kind.convert(tensor, part.unwrap_or_default())?;
                let places = turned.chunks_exact_mut(to_bytes).skip(row).step_by(n);
                for (place, value) in places.zip(part.chunks_exact(to_bytes)) {
                    place.copy_from_slice(value);
                }
            }
            self.data.append(&turned)?;
            self.advance(columns * n * from_bytes);
        }
        Ok(span)
    }
}
