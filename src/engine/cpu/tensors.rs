//! Stored tensors are checked before tract allocates anything for them.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use tract_onnx::pb::{ModelProto, TensorProto};

use crate::engine::LoadError;

/// Each stored tensor has as many bytes as its shape says, in the graph or in a file beside it.
pub(super) fn check(path: &Path, proto: &ModelProto) -> Result<(), LoadError> {
    let graphs = proto.graph.iter();
    let stored = graphs.clone().flat_map(|graph| &graph.initializer);
    let attributes = graphs.flat_map(|graph| &graph.node).flat_map(|node| &node.attribute);
    let inline = attributes.flat_map(|a| a.t.iter().chain(&a.tensors));
    let mut files =
        Files { folder: path.parent().unwrap_or(Path::new(".")), lengths: BTreeMap::new() };
    for tensor in stored.chain(inline) {
        check_tensor(tensor, &mut files).map_err(|fault| match fault {
            Fault::Read(error) => error,
            Fault::Words(why) => LoadError::NotOnnx {
                path: path.to_owned(),
                why: format!("tensor {}: {why}", tensor.name),
            },
        })?;
    }
    Ok(())
}

enum Fault {
    Read(LoadError),
    Words(String),
}

struct Files<'a> {
    folder: &'a Path,
    lengths: BTreeMap<String, u64>,
}

impl Files<'_> {
    fn length(&mut self, location: &str) -> Result<u64, Fault> {
        if let Some(length) = self.lengths.get(location) {
            return Ok(*length);
        }
        if !Path::new(location).components().all(|c| matches!(c, Component::Normal(_))) {
            return Err(Fault::Words(format!("{location} lies outside the model's folder")));
        }
        let path = self.folder.join(location);
        let unread = |source| Fault::Read(LoadError::Read { path: path.clone(), source });
        // A link may lead anywhere.
        let folder = self.folder.canonicalize().map_err(unread)?;
        if !path.canonicalize().map_err(unread)?.starts_with(folder) {
            return Err(Fault::Words(format!("{location} leads outside the model's folder")));
        }
        let length = std::fs::metadata(&path).map_err(unread)?.len();
        self.lengths.insert(location.to_owned(), length);
        Ok(length)
    }
}

fn check_tensor(tensor: &TensorProto, files: &mut Files<'_>) -> Result<(), Fault> {
    let words = |why: &str| Fault::Words(why.to_owned());
    let elements = tensor
        .dims
        .iter()
        .try_fold(1u64, |product, &dim| product.checked_mul(u64::try_from(dim).ok()?))
        .ok_or_else(|| Fault::Words(format!("its shape {:?} is impossible", tensor.dims)))?;
    // Bits of an element by `TensorProto.DataType`; strings have no fixed size.
    let bits = match tensor.data_type {
        1 | 6 | 12 => 32,
        2 | 3 | 9 | 17..=20 => 8,
        4 | 5 | 10 | 16 => 16,
        7 | 11 | 13 | 14 => 64,
        15 => 128,
        21 | 22 => 4,
        8 => 0,
        other => return Err(Fault::Words(format!("its data type {other} is not known"))),
    };
    let bytes = elements
        .checked_mul(bits)
        .map(|bits| bits.div_ceil(8))
        .ok_or_else(|| words("its size overflows"))?;
    let found = match external(tensor, files)? {
        Some(length) => length,
        None if !tensor.raw_data.is_empty() || bits == 4 => tensor.raw_data.len() as u64,
        None => {
            // Typed data: one entry an element (two for complex numbers).
            let entries = tensor.float_data.len()
                + tensor.int32_data.len()
                + tensor.int64_data.len()
                + tensor.double_data.len()
                + tensor.uint64_data.len()
                + tensor.string_data.len();
            return match entries as u64 {
                found if found == elements => Ok(()),
                found => {
                    Err(Fault::Words(format!("{found} values where its shape has {elements}")))
                }
            };
        }
    };
    if found == bytes {
        Ok(())
    } else {
        Err(Fault::Words(format!("{found} bytes where its shape has {bytes}")))
    }
}

/// Bytes that the tensor has in another file, where it does.
fn external(tensor: &TensorProto, files: &mut Files<'_>) -> Result<Option<u64>, Fault> {
    let entry =
        |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let Some(location) = entry("location") else { return Ok(None) };
    let file = files.length(location)?;
    let number = |key: &str| {
        let parse = |text: &str| {
            text.parse::<u64>().map_err(|_| Fault::Words(format!("{key} `{text}` is not a number")))
        };
        entry(key).map(parse).transpose()
    };
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(file.saturating_sub(offset));
    match offset.checked_add(length) {
        Some(end) if end <= file => Ok(Some(length)),
        _ => Err(Fault::Words(format!("it ends beyond {location}, which has {file} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{GraphProto, StringStringEntryProto};

    fn refusal(tensor: TensorProto) -> Option<String> {
        let graph = GraphProto { initializer: vec![tensor], ..Default::default() };
        let model = ModelProto { graph: Some(graph), ..Default::default() };
        check(Path::new("/nowhere/model.onnx"), &model).err().map(|error| error.to_string())
    }

    #[test]
    fn shapes_and_bytes_must_agree() {
        let floats = |dims: &[i64], bytes| TensorProto {
            name: "w".into(),
            dims: dims.to_vec(),
            data_type: 1,
            raw_data: vec![0; bytes],
            ..Default::default()
        };
        assert_eq!(refusal(floats(&[2, 3], 24)), None);
        assert_eq!(refusal(floats(&[], 4)), None);
        for (dims, bytes, why) in [
            (&[2, 3][..], 20, "20 bytes where its shape has 24"),
            (&[-1], 4, "impossible"),
            (&[i64::MAX, 3], 4, "impossible"),
            (&[i64::MAX], 4, "overflows"),
            (&[1 << 40], 0, "0 values where"),
        ] {
            let refusal = refusal(floats(dims, bytes)).unwrap();
            assert!(refusal.contains(why) && refusal.contains("tensor w"), "{refusal}");
        }
        let strange = TensorProto { data_type: 99, ..floats(&[1], 4) };
        assert!(refusal(strange).unwrap().contains("data type 99"));
    }

    #[test]
    fn external_data_stays_beside_the_model() {
        for location in ["../secret", "/etc/passwd", "a/../../b"] {
            let entry = |key: &str, value: &str| StringStringEntryProto {
                key: key.into(),
                value: value.into(),
            };
            let tensor = TensorProto {
                dims: vec![1],
                data_type: 1,
                external_data: vec![entry("location", location)],
                ..Default::default()
            };
            assert!(refusal(tensor).unwrap().contains("outside"), "{location}");
        }
    }
}
