//! An array's elements in JSON, one flat list.

use half::f16;
use serde::ser::{Error, Serialize, SerializeSeq, Serializer};

use super::Fault;
use crate::engine::{Array, ElementType};

/// Whether JSON has a word for every element of an array. It has none for BF16, for what is no
/// finite number, and for bytes that are no text.
pub(in crate::api::inference) fn check_json(array: &Array) -> Result<(), Fault> {
    let place = match array.element() {
        ElementType::BFloat16 => {
            return Err(Fault::whole("BF16 has no form in JSON"));
        }
        ElementType::Bytes => {
            let texts = array.as_texts().unwrap_or_default();
            let place = texts.iter().position(|text| std::str::from_utf8(text).is_err());
            place.map(|at| (at, "it is not UTF-8"))
        }
        ElementType::Float16 => not_finite(array, |v| f16::from_le_bytes(v).is_finite()),
        ElementType::Float32 => not_finite(array, |v| f32::from_le_bytes(v).is_finite()),
        ElementType::Float64 => not_finite(array, |v| f64::from_le_bytes(v).is_finite()),
        _ => None,
    };
    match place {
        Some((at, why)) => Err(Fault { at: vec![at], what: format!("{why}, which JSON needs") }),
        None => Ok(()),
    }
}

fn not_finite<const N: usize>(
    array: &Array,
    is_finite: fn([u8; N]) -> bool,
) -> Option<(usize, &'static str)> {
    let (values, _) = array.bytes().unwrap_or_default().as_chunks::<N>();
    let place = values.iter().position(|value| !is_finite(*value));
    place.map(|at| (at, "it is not a finite number"))
}

/// The elements of an array that [`check_json`] lets pass.
pub(in crate::api::inference) struct Elements<'a>(pub(in crate::api::inference) &'a Array);

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let array = self.0;
        match array.element() {
            ElementType::Bool => list(serializer, array, |[byte]: [u8; 1]| byte != 0),
            ElementType::UInt8 => list(serializer, array, u8::from_le_bytes),
            ElementType::UInt16 => list(serializer, array, u16::from_le_bytes),
            ElementType::UInt32 => list(serializer, array, u32::from_le_bytes),
            ElementType::UInt64 => list(serializer, array, u64::from_le_bytes),
            ElementType::Int8 => list(serializer, array, i8::from_le_bytes),
            ElementType::Int16 => list(serializer, array, i16::from_le_bytes),
            ElementType::Int32 => list(serializer, array, i32::from_le_bytes),
            ElementType::Int64 => list(serializer, array, i64::from_le_bytes),
            ElementType::Float16 => list(serializer, array, |v| f16::from_le_bytes(v).to_f32()),
            ElementType::Float32 => list(serializer, array, f32::from_le_bytes),
            ElementType::Float64 => list(serializer, array, f64::from_le_bytes),
            ElementType::BFloat16 => Err(S::Error::custom("BF16 has no form in JSON")),
            ElementType::Bytes => {
                let texts = array.as_texts().unwrap_or_default();
                let mut list = serializer.serialize_seq(Some(texts.len()))?;
                for text in texts {
                    let text = std::str::from_utf8(text).map_err(S::Error::custom)?;
                    list.serialize_element(text)?;
                }
                list.end()
            }
        }
    }
}

fn list<S: Serializer, T: Serialize, const N: usize>(
    serializer: S,
    array: &Array,
    value: fn([u8; N]) -> T,
) -> Result<S::Ok, S::Error> {
    let (values, _) = array.bytes().unwrap_or_default().as_chunks::<N>();
    let mut list = serializer.serialize_seq(Some(values.len()))?;
    for bytes in values {
        list.serialize_element(&value(*bytes))?;
    }
    list.end()
}
