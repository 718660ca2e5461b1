//! Arrays of requests as tensors of tract, and back.

use std::borrow::Cow;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use crate::engine::cpu::general::Narrow;
use crate::engine::network::{Array, ElementType};

/// Types of ONNX, as they go over the wire and as tract computes them.
const TYPES: [(DataType, ElementType, DatumType); 14] = [
    (DataType::Bool, ElementType::Bool, DatumType::Bool),
    (DataType::Uint8, ElementType::UInt8, DatumType::U8),
    (DataType::Uint16, ElementType::UInt16, DatumType::U16),
    (DataType::Uint32, ElementType::UInt32, DatumType::U32),
    (DataType::Uint64, ElementType::UInt64, DatumType::U64),
    (DataType::Int8, ElementType::Int8, DatumType::I8),
    (DataType::Int16, ElementType::Int16, DatumType::I16),
    (DataType::Int32, ElementType::Int32, DatumType::I32),
    (DataType::Int64, ElementType::Int64, DatumType::I64),
    (DataType::Float16, ElementType::Float16, DatumType::F32),
    (DataType::Bfloat16, ElementType::BFloat16, DatumType::F32),
    (DataType::Float, ElementType::Float32, DatumType::F32),
    (DataType::Double, ElementType::Float64, DatumType::F64),
    (DataType::String, ElementType::Bytes, DatumType::String),
];

/// What the elements of an input or output are, outside and inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    element: ElementType,
    datum: DatumType,
    narrow: Option<Narrow>,
}

impl Kind {
    /// The kind of an ONNX data type, where there is one.
    pub(super) fn of(data_type: i32) -> Option<Self> {
        let wanted = DataType::try_from(data_type).ok()?;
        let (_, element, datum) = TYPES.iter().find(|(known, ..)| *known == wanted)?;
        Some(Self { element: *element, datum: *datum, narrow: Narrow::of(data_type) })
    }

    pub(super) fn element(self) -> ElementType {
        self.element
    }
}

/// An array as tract takes it.
pub(super) fn tensor(array: &Array, kind: Kind) -> TractResult<Tensor> {
    if let Some(texts) = array.as_texts() {
        let texts = texts.iter().map(|text| Ok(String::from_utf8(text.clone())?));
        let texts = texts.collect::<TractResult<Vec<_>>>().context("a text is not UTF-8")?;
        return tensor1(&texts).into_shape(array.shape());
    }
    let bytes = array.bytes().context("an array without bytes")?;
    let mut tensor = Tensor::zero_dt(kind.datum, array.shape())?;
    let mut view = tensor.try_as_plain_ram_mut()?;
    match kind.narrow {
        None => view.as_bytes_mut().copy_from_slice(bytes),
        Some(narrow) => {
            let pairs = bytes.as_chunks::<2>().0;
            for (value, pair) in view.as_slice_mut::<f32>()?.iter_mut().zip(pairs) {
                *value = narrow.widen(*pair);
            }
        }
    }
    Ok(tensor)
}

/// What tract computed, as an array of the type that the graph declares.
pub(super) fn array(value: &Tensor, kind: Kind) -> TractResult<Array> {
    let shape = value.shape().to_vec();
    // Sizes and quantised numbers are integers to whoever asks.
    let same = value.datum_type().unquantized() == kind.datum;
    let value = if same { Cow::Borrowed(value) } else { value.cast_to_dt(kind.datum)? };
    let view = value.try_as_plain_ram()?;
    if kind.element == ElementType::Bytes {
        let texts = view.as_slice::<String>()?.iter().map(|text| text.clone().into_bytes());
        return Ok(Array::texts(shape, texts.collect())?);
    }
    let bytes = match kind.narrow {
        None => view.as_bytes().to_vec(),
        Some(narrow) => {
            view.as_slice::<f32>()?.iter().flat_map(|value| narrow.narrow(*value)).collect()
        }
    };
    Ok(Array::new(kind.element, shape, bytes)?)
}

/// A tensor whose values decide lengths, which tract counts in 32 bits. The largest and the smallest
/// number are what exporters write for "to the end".
pub(super) fn countable(mut tensor: Tensor) -> TractResult<Tensor> {
    if tensor.datum_type() != DatumType::I64 {
        return Ok(tensor);
    }
    let most = i64::from(i32::MAX);
    for value in tensor.try_as_plain_ram_mut()?.as_slice_mut::<i64>()? {
        match *value {
            i64::MAX => *value = most,
            i64::MIN => *value = -most,
            value => ensure!(
                value.abs() <= most,
                "{value} decides a length; {most} is the most that can be planned"
            ),
        }
    }
    Ok(tensor)
}
