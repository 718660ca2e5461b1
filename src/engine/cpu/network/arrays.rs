//! Arrays of requests as tensors of tract, and back.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use crate::engine::network::{Array, ElementType};

/// The element type that tract has for ours, and the other way round.
const TYPES: [(ElementType, DatumType); 13] = [
    (ElementType::Bool, DatumType::Bool),
    (ElementType::UInt8, DatumType::U8),
    (ElementType::UInt16, DatumType::U16),
    (ElementType::UInt32, DatumType::U32),
    (ElementType::UInt64, DatumType::U64),
    (ElementType::Int8, DatumType::I8),
    (ElementType::Int16, DatumType::I16),
    (ElementType::Int32, DatumType::I32),
    (ElementType::Int64, DatumType::I64),
    (ElementType::Float16, DatumType::F16),
    (ElementType::Float32, DatumType::F32),
    (ElementType::Float64, DatumType::F64),
    (ElementType::Bytes, DatumType::String),
];

pub(super) fn element(datum: DatumType) -> Option<ElementType> {
    // Quantised types are integers to whoever asks; sizes that tract computes are 64-bit integers.
    let datum = if datum == DatumType::TDim { DatumType::I64 } else { datum.unquantized() };
    TYPES.iter().find(|(_, other)| *other == datum).map(|(element, _)| *element)
}

pub(super) fn tensor(array: Array) -> TractResult<TValue> {
    let datum = TYPES.iter().find(|(element, _)| *element == array.element());
    let (_, datum) = datum.context("no such type in the engine")?;
    if let Some(texts) = array.as_texts() {
        let texts = texts.iter().map(|text| Ok(String::from_utf8(text.clone())?));
        let texts = texts.collect::<TractResult<Vec<_>>>()?;
        return Ok(tensor1(&texts).into_shape(array.shape())?.into_tvalue());
    }
    let bytes = array.bytes().context("an array without bytes")?;
    let mut tensor = Tensor::zero_dt(*datum, array.shape())?;
    let mut view = tensor.try_as_plain_ram_mut()?;
    view.as_bytes_mut().copy_from_slice(bytes);
    Ok(tensor.into_tvalue())
}

pub(super) fn array(value: &TValue) -> TractResult<Array> {
    let element = element(value.datum_type())
        .with_context(|| format!("an output of type {:?}", value.datum_type()))?;
    let shape = value.shape().to_vec();
    if value.datum_type() == DatumType::TDim {
        let value = value.cast_to::<i64>()?;
        let view = value.try_as_plain_ram()?;
        return Ok(Array::integers(shape, view.as_slice::<i64>()?)?);
    }
    let view = value.try_as_plain_ram()?;
    if element == ElementType::Bytes {
        let texts = view.as_slice::<String>()?.iter().map(|text| text.clone().into_bytes());
        return Ok(Array::texts(shape, texts.collect())?);
    }
    Ok(Array::new(element, shape, view.as_bytes().to_vec())?)
}
