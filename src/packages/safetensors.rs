//! Reads safetensors files: named tensors behind a JSON header.
//!
//! The form is that of <https://huggingface.co/docs/safetensors>: eight bytes with the header's
//! length, the header, the tensors' bytes. A header that names bytes outside the file, or another
//! number of them than a tensor's shape has, is refused.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Bytes of a header at most.
const MAX_HEADER_BYTES: usize = 16 << 20;
const MAX_TENSORS: usize = 1 << 16;

/// Why a file is not sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafetensorsError {
    /// The file ends before its header does.
    #[error("it ends within its header")]
    Short,
    /// A header longer than any that is sensible.
    #[error("its header has {0} bytes; at most {MAX_HEADER_BYTES} are read")]
    Header(u64),
    /// The header is not the JSON that it should be.
    #[error("its header cannot be read: {0}")]
    Json(String),
    /// More tensors than any model has.
    #[error("it has {0} tensors; at most {MAX_TENSORS} are read")]
    TooMany(usize),
    /// A tensor's bytes are not where the header says.
    #[error("tensor {0} lies outside the file or has another size than its shape")]
    Tensor(String),
}

/// How a tensor's numbers are stored; types that are not numbers of a model are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Kind {
    /// IEEE single.
    F32,
    /// IEEE half.
    F16,
    /// Upper half of a single.
    BF16,
    /// IEEE double.
    F64,
    /// Signed, 64 bits.
    I64,
    /// Signed, 32 bits.
    I32,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, 0 or 1.
    BOOL,
}

impl Kind {
    /// Bytes of a number.
    fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::I8 | Self::U8 | Self::BOOL => 1,
        }
    }
}

/// A tensor, row-major.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor<'a> {
    /// How its numbers are stored.
    pub kind: Kind,
    /// Length of each axis.
    pub shape: &'a [usize],
    /// Its bytes, little-endian.
    pub data: &'a [u8],
}

impl Tensor<'_> {
    /// Its numbers as single floats; `None` where they are no floats.
    pub fn floats(&self) -> Option<Vec<f32>> {
        let data = self.data;
        Some(match self.kind {
            Kind::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Kind::F16 => {
                data.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()
            }
            Kind::BF16 => {
                data.as_chunks().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect()
            }
            _ => return None,
        })
    }
}

/// The tensors of a file.
#[derive(Debug)]
pub struct Safetensors<'a> {
    tensors: BTreeMap<String, (Entry, &'a [u8])>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    dtype: Kind,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

impl<'a> Safetensors<'a> {
    /// Reads the header and finds every tensor's bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SafetensorsError> {
        let (length, rest) = bytes.split_first_chunk().ok_or(SafetensorsError::Short)?;
        let length = u64::from_le_bytes(*length);
        let header_bytes = usize::try_from(length).ok().filter(|n| *n <= MAX_HEADER_BYTES);
        let header_bytes = header_bytes.ok_or(SafetensorsError::Header(length))?;
        let (header, data) = rest.split_at_checked(header_bytes).ok_or(SafetensorsError::Short)?;
        let mut header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header)
            .map_err(|error| SafetensorsError::Json(error.to_string()))?;
        header.remove("__metadata__");
        if header.len() > MAX_TENSORS {
            return Err(SafetensorsError::TooMany(header.len()));
        }
        let mut tensors = BTreeMap::new();
        for (name, entry) in header {
            let entry: Entry = serde_json::from_value(entry)
                .map_err(|error| SafetensorsError::Json(format!("{name}: {error}")))?;
            let bytes = entry.bytes(data).ok_or_else(|| SafetensorsError::Tensor(name.clone()))?;
            tensors.insert(name, (entry, bytes));
        }
        Ok(Self { tensors })
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<Tensor<'_>> {
        let (entry, data) = self.tensors.get(name)?;
        Some(Tensor { kind: entry.dtype, shape: &entry.shape, data })
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }
}

impl Entry {
    fn bytes<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        let [start, end] = self.data_offsets;
        let elements = self.shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d))?;
        let size = elements.checked_mul(self.dtype.size())?;
        data.get(start..end).filter(|bytes| bytes.len() == size)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A file of these F32 tensors.
    pub(in super::super) fn file(tensors: &[(String, Vec<usize>, Vec<f32>)]) -> Vec<u8> {
        let (mut header, mut data) = (serde_json::Map::new(), Vec::<u8>::new());
        for (name, shape, values) in tensors {
            let start = data.len();
            data.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            let entry =
                json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]});
            header.insert(name.clone(), entry);
        }
        with_header(&json!(header).to_string(), &data)
    }

    fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn tensors_are_found_by_name_and_read_as_floats() {
        let bytes =
            file(&[("b".into(), vec![2, 1], vec![1.0, -2.0]), ("a".into(), vec![0], vec![])]);
        let file = Safetensors::parse(&bytes).unwrap();
        assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b"]);
        let tensor = file.tensor("b").unwrap();
        assert_eq!((tensor.shape, tensor.floats().unwrap()), (&[2, 1][..], vec![1.0, -2.0]));
        assert!(file.tensor("c").is_none());
        let halves = with_header(
            r#"{"__metadata__":{"x":"y"},"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},
                "b":{"dtype":"BF16","shape":[],"data_offsets":[2,4]},
                "i":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}"#,
            &[0x00, 0x3c, 0x80, 0x3f],
        );
        let file = Safetensors::parse(&halves).unwrap();
        for (name, floats) in [("h", Some(vec![1.0])), ("b", Some(vec![1.0])), ("i", None)] {
            assert_eq!(file.tensor(name).unwrap().floats(), floats, "{name}");
        }
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let entry = |shape: &str, offsets: &str| {
            let header =
                format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
            with_header(&header, &[0; 8])
        };
        Safetensors::parse(&entry("[2]", "[0,8]")).unwrap();
        for bytes in [
            entry("[3]", "[0,8]"),
            entry("[2]", "[0,12]"),
            entry("[2]", "[8,0]"),
            entry("[-1]", "[0,8]"),
            entry("[18446744073709551615, 2]", "[0,8]"),
            entry("[2]", "[0]"),
            Vec::new(),
            vec![255; 9],
            with_header("{", &[]),
            with_header("[]", &[]),
            with_header(r#"{"a":{"dtype":"F4","shape":[],"data_offsets":[0,0]}}"#, &[]),
            100_u64.to_le_bytes().to_vec(),
        ] {
            assert!(Safetensors::parse(&bytes).is_err(), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
}
