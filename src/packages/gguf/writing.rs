//! Writes GGUF for tests, right or wrong.

use super::{Array, Gguf, Value, ValueKind};

/// A file to be written; every part can be changed before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer {
    pub(crate) metadata: Vec<(String, Vec<u8>)>,
    pub(crate) tensors: Vec<Written>,
}

/// A tensor to be written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) name: String,
    pub(crate) dimensions: Vec<u64>,
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
}

impl Writer {
    /// Takes over everything of a file.
    pub(crate) fn copy(gguf: &Gguf<'_>) -> Self {
        let metadata =
            gguf.metadata().iter().map(|(key, value)| ((*key).to_owned(), encode(value)));
        let tensors = gguf.tensors().iter().map(|tensor| Written {
            name: tensor.name.to_owned(),
            dimensions: tensor.dimensions().to_vec(),
            kind: tensor.kind.id(),
            data: tensor.data().to_vec(),
        });
        Self { metadata: metadata.collect(), tensors: tensors.collect() }
    }

    /// Sets a metadata key, replacing it where it is there.
    pub(crate) fn set(&mut self, key: &str, value: &Value<'_>) {
        self.unset(key);
        self.metadata.push((key.to_owned(), encode(value)));
    }

    pub(crate) fn unset(&mut self, key: &str) {
        self.metadata.retain(|(name, _)| name != key);
    }

    pub(crate) fn tensor(&mut self, name: &str) -> &mut Written {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend((self.tensors.len() as u64).to_le_bytes());
        file.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            file.extend(text(key));
            file.extend(value);
        }
        let mut offset = 0_u64;
        for tensor in &self.tensors {
            file.extend(text(&tensor.name));
            file.extend((tensor.dimensions.len() as u32).to_le_bytes());
            file.extend(tensor.dimensions.iter().flat_map(|d| d.to_le_bytes()));
            file.extend(tensor.kind.to_le_bytes());
            file.extend(offset.to_le_bytes());
            offset = (offset + tensor.data.len() as u64).next_multiple_of(32);
        }
        for tensor in &self.tensors {
            file.resize(file.len().next_multiple_of(32), 0);
            file.extend(&tensor.data);
        }
        file
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn encode(value: &Value<'_>) -> Vec<u8> {
    let mut bytes = (kind(value) as u32).to_le_bytes().to_vec();
    bytes.extend(body(value));
    bytes
}

fn kind(value: &Value<'_>) -> ValueKind {
    match value {
        Value::U8(_) => ValueKind::U8,
        Value::I8(_) => ValueKind::I8,
        Value::U16(_) => ValueKind::U16,
        Value::I16(_) => ValueKind::I16,
        Value::U32(_) => ValueKind::U32,
        Value::I32(_) => ValueKind::I32,
        Value::F32(_) => ValueKind::F32,
        Value::Bool(_) => ValueKind::Bool,
        Value::String(_) => ValueKind::String,
        Value::Array(_) => ValueKind::Array,
        Value::U64(_) => ValueKind::U64,
        Value::I64(_) => ValueKind::I64,
        Value::F64(_) => ValueKind::F64,
    }
}

fn body(value: &Value<'_>) -> Vec<u8> {
    match value {
        Value::U8(v) => v.to_le_bytes().to_vec(),
        Value::I8(v) => v.to_le_bytes().to_vec(),
        Value::U16(v) => v.to_le_bytes().to_vec(),
        Value::I16(v) => v.to_le_bytes().to_vec(),
        Value::U32(v) => v.to_le_bytes().to_vec(),
        Value::I32(v) => v.to_le_bytes().to_vec(),
        Value::F32(v) => v.to_le_bytes().to_vec(),
        Value::Bool(v) => vec![u8::from(*v)],
        Value::String(v) => text(v),
        Value::Array(v) => array(v),
        Value::U64(v) => v.to_le_bytes().to_vec(),
        Value::I64(v) => v.to_le_bytes().to_vec(),
        Value::F64(v) => v.to_le_bytes().to_vec(),
    }
}

fn array(array: &Array<'_>) -> Vec<u8> {
    let mut bytes = (array.kind() as u32).to_le_bytes().to_vec();
    bytes.extend((array.len() as u64).to_le_bytes());
    bytes.extend(array.iter().flat_map(|value| body(&value)));
    bytes
}
