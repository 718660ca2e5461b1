//! Reads GGUF files, versions 2 and 3.
//!
//! [`Gguf::parse`] takes the bytes of a whole file, usually mapped into memory, and borrows from
//! them: metadata and tensors are views, nothing is copied. Layout after the GGUF specification of
//! the ggml project; tensor types after `ggml.h`.
//!
//! **Invariants**
//! - No count, length or offset of the file is believed before it is checked against the bytes
//!   that are there. A lying header is an error that names the field and the limit.
//! - Memory taken by parsing is in proportion to the number of metadata keys and tensors, each of
//!   which takes at least that many bytes in the file, and is bounded by [`MAX_KEYS`] and
//!   [`MAX_TENSORS`] in any case.
//! - A [`Tensor`]'s bytes lie within the file, have the length its shape and type ask for, and
//!   overlap no other tensor's.
//!
//! **Not here**: what the values mean for a model (`packages::import`), mapping of files.

mod cursor;
mod tensor;
mod value;

pub use tensor::{Layout, Tensor, TensorType};
pub use value::{Array, Strings, Value, ValueKind};

use std::collections::HashMap;

use cursor::Cursor;

/// Most metadata keys a file may have.
pub const MAX_KEYS: u64 = 65_536;
/// Most tensors a file may have.
pub const MAX_TENSORS: u64 = 65_536;
/// Longest metadata key, in bytes, after the specification.
pub const MAX_KEY_BYTES: u64 = 65_535;
/// Longest tensor name, in bytes. The specification says 64; some writers take more.
pub const MAX_NAME_BYTES: u64 = 256;
/// Most dimensions of a tensor.
pub const MAX_DIMENSIONS: u32 = 4;
/// Deepest nesting of arrays in metadata.
pub const MAX_NESTING: u32 = 4;

const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u64 = 1 << 20;
// Length of the key, type of the value, one byte of value.
const LEAST_KEY_BYTES: u64 = 8 + 4 + 1;
// Length of the name, number of dimensions, type, offset.
const LEAST_TENSOR_BYTES: u64 = 8 + 4 + 4 + 8;

/// Why a file cannot be read as GGUF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
    /// The first four bytes are not `GGUF`.
    #[error("not a GGUF file: it does not begin with GGUF")]
    Magic,
    /// A version this parser does not read.
    #[error("GGUF version {0} is not supported; versions 2 and 3 are")]
    Version(u32),
    /// Written for big-endian machines.
    #[error("the GGUF file is big-endian; only little-endian files are supported")]
    BigEndian,
    /// The file ends inside a field.
    #[error("reading {field} at byte {at} needs {wanted} bytes, the file has {left} more")]
    Short {
        /// The field being read.
        field: String,
        /// Where it begins.
        at: u64,
        /// How long it says it is.
        wanted: u64,
        /// How much is left.
        left: u64,
    },
    /// A count or length above what this parser accepts or the file can hold.
    #[error("{field} is {value}, at most {limit} can be")]
    TooMany {
        /// The field.
        field: String,
        /// What the file says.
        value: u64,
        /// The most that is accepted here.
        limit: u64,
    },
    /// A field whose value is not allowed.
    #[error("{field} is {value}, which is not {allowed}")]
    Bad {
        /// The field.
        field: String,
        /// What the file says.
        value: String,
        /// What would be right.
        allowed: &'static str,
    },
    /// A key or tensor name that occurs twice.
    #[error("{what} {name} occurs twice")]
    Twice {
        /// Metadata key or tensor.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Two tensors that share bytes.
    #[error("tensors {first} and {second} overlap in the file")]
    Overlap {
        /// The one that begins first.
        first: String,
        /// The one that begins before the first ends.
        second: String,
    },
}

/// A parsed GGUF file.
#[derive(Debug)]
pub struct Gguf<'a> {
    metadata: Vec<(&'a str, Value<'a>)>,
    keys: HashMap<&'a str, usize>,
    tensors: Vec<Tensor<'a>>,
    names: HashMap<&'a str, usize>,
}

impl<'a> Gguf<'a> {
    /// Reads header, metadata and tensor table, and checks them against the file.
    pub fn parse(file: &'a [u8]) -> Result<Self, GgufError> {
        let mut cursor = Cursor::new(file);
        check_magic_and_version(&mut cursor)?;
        let tensor_count = cursor.u64("number of tensors")?;
        let key_count = cursor.u64("number of metadata keys")?;
        let key_count =
            cursor.count("number of metadata keys", key_count, MAX_KEYS, LEAST_KEY_BYTES)?;
        let (metadata, keys) = parse_metadata(&mut cursor, key_count)?;
        let tensor_count =
            cursor.count("number of tensors", tensor_count, MAX_TENSORS, LEAST_TENSOR_BYTES)?;
        let alignment = alignment(keys.get("general.alignment").and_then(|&i| metadata.get(i)))?;
        let tensors = tensor::parse_table(&mut cursor, tensor_count, alignment)?;
        let mut names = HashMap::with_capacity(tensors.len());
        for (index, tensor) in tensors.iter().enumerate() {
            if names.insert(tensor.name, index).is_some() {
                return Err(GgufError::Twice { what: "tensor", name: tensor.name.to_owned() });
            }
        }
        Ok(Self { metadata, keys, tensors, names })
    }

    /// All metadata in file order.
    pub fn metadata(&self) -> &[(&'a str, Value<'a>)] {
        &self.metadata
    }

    /// The value of a metadata key.
    pub fn value(&self, key: &str) -> Option<&Value<'a>> {
        self.keys.get(key).and_then(|&i| self.metadata.get(i)).map(|(_, value)| value)
    }

    /// All tensors in the order of the file's table.
    pub fn tensors(&self) -> &[Tensor<'a>] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor<'a>> {
        self.names.get(name).and_then(|&i| self.tensors.get(i))
    }
}

fn check_magic_and_version(cursor: &mut Cursor<'_>) -> Result<(), GgufError> {
    match cursor.take("magic", 4) {
        Ok(b"GGUF") => {}
        _ => return Err(GgufError::Magic),
    }
    match cursor.u32("version")? {
        2 | 3 => Ok(()),
        version if version.swap_bytes() <= 0xffff => Err(GgufError::BigEndian),
        version => Err(GgufError::Version(version)),
    }
}

type Metadata<'a> = (Vec<(&'a str, Value<'a>)>, HashMap<&'a str, usize>);

fn parse_metadata<'a>(cursor: &mut Cursor<'a>, count: usize) -> Result<Metadata<'a>, GgufError> {
    let mut metadata = Vec::with_capacity(count);
    let mut keys = HashMap::with_capacity(count);
    for index in 0..count {
        let key = cursor.string("a metadata key", MAX_KEY_BYTES)?;
        if keys.insert(key, index).is_some() {
            return Err(GgufError::Twice { what: "metadata key", name: key.to_owned() });
        }
        metadata.push((key, Value::parse(cursor, key)?));
    }
    Ok((metadata, keys))
}

fn alignment(entry: Option<&(&str, Value<'_>)>) -> Result<u64, GgufError> {
    let Some((key, value)) = entry else { return Ok(DEFAULT_ALIGNMENT) };
    value.as_u64().filter(|a| a.is_power_of_two() && (8..=MAX_ALIGNMENT).contains(a)).ok_or_else(
        || GgufError::Bad {
            field: (*key).to_owned(),
            value: value.to_string(),
            allowed: "a power of two between 8 and 1048576",
        },
    )
}

#[cfg(test)]
pub(crate) mod writing;

#[cfg(test)]
mod tests;
