//! Tensor data as bytes: little-endian, row-major, texts led by their length in four bytes.

use super::{Fault, count};
use crate::engine::{Array, ElementType};

const PREFIX_BYTES: usize = 4;

/// Reads an array from exactly these bytes.
pub(in crate::api::inference) fn from_raw(
    bytes: &[u8],
    element: ElementType,
    shape: Vec<usize>,
) -> Result<Array, Fault> {
    let array = match element {
        ElementType::Bytes => Array::texts(shape.clone(), texts(bytes, count(&shape)?)?),
        plain => Array::new(plain, shape, bytes.to_vec()),
    };
    array.map_err(|error| Fault::whole(error.to_string()))
}

fn texts(mut bytes: &[u8], count: usize) -> Result<Vec<Vec<u8>>, Fault> {
    let mut texts = Vec::with_capacity(count.min(bytes.len() / PREFIX_BYTES));
    while !bytes.is_empty() {
        let at = vec![texts.len()];
        if texts.len() == count {
            let what = format!("{} bytes are left after the {count} texts", bytes.len());
            return Err(Fault::whole(what));
        }
        let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX_BYTES>() else {
            return Err(Fault { at, what: "its length is cut off".to_owned() });
        };
        let length = u32::from_le_bytes(*prefix) as usize;
        let Some((text, rest)) = rest.split_at_checked(length) else {
            let what = format!("it has {length} bytes, but {} are left", rest.len());
            return Err(Fault { at, what });
        };
        texts.push(text.to_vec());
        bytes = rest;
    }
    Ok(texts)
}

/// Bytes of [`to_raw`].
pub(in crate::api::inference) fn raw_bytes(array: &Array) -> usize {
    match (array.bytes(), array.as_texts()) {
        (Some(bytes), _) => bytes.len(),
        (None, texts) => {
            texts.unwrap_or_default().iter().map(|text| PREFIX_BYTES + text.len()).sum()
        }
    }
}

/// Writes an array behind what is there.
pub(in crate::api::inference) fn to_raw(array: &Array, out: &mut Vec<u8>) -> Result<(), Fault> {
    if let Some(bytes) = array.bytes() {
        out.extend_from_slice(bytes);
    }
    for (at, text) in array.as_texts().unwrap_or_default().iter().enumerate() {
        let length = u32::try_from(text.len()).map_err(|_| {
            let what = format!("the text has {} bytes; the form ends at {}", text.len(), u32::MAX);
            Fault { at: vec![at], what }
        })?;
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(text);
    }
    Ok(())
}
