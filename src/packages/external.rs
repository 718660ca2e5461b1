//! Texts in an ONNX file: the names of the files in which a graph keeps its weights, and what its
//! maker wrote beside it.
//!
//! Walks the protobuf without loading it: a graph may be as large as its weights, and only a few
//! strings are wanted.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::error::PackageError;
use super::protobuf::{Fields, bad};

const MAX_TENSORS: usize = 1 << 20;
const MAX_NAME_BYTES: u64 = 4096;
/// Bytes of a text beside a graph at most, such as the characters that it reads.
const MAX_METADATA_BYTES: u64 = 4 << 20;

/// Field numbers of onnx.proto from the model to an initialiser's external data:
/// `ModelProto.graph`, `GraphProto.initializer`, `TensorProto.external_data`.
const EXTERNAL: &[u64] = &[7, 5, 13];
/// `ModelProto.metadata_props`.
const METADATA: &[u64] = &[14];

/// The `location`s that a graph's initialisers name, each once.
pub(super) fn locations(onnx: &Path) -> Result<BTreeSet<String>, PackageError> {
    let pairs = pairs(onnx, EXTERNAL, MAX_NAME_BYTES)?;
    Ok(pairs.into_iter().filter(|(key, _)| key == "location").map(|(_, name)| name).collect())
}

/// What stands beside the graph under this key.
pub(super) fn metadata(onnx: &Path, key: &str) -> Result<Option<String>, PackageError> {
    let pairs = pairs(onnx, METADATA, MAX_METADATA_BYTES)?;
    Ok(pairs.into_iter().find(|(found, _)| found == key).map(|(_, text)| text))
}

/// Keys and values of the entries at the end of a path of fields, the last of an entry each.
fn pairs(
    onnx: &Path,
    path: &'static [u64],
    max_text_bytes: u64,
) -> Result<Vec<(String, String)>, PackageError> {
    let refuse = |why: String| PackageError::Import { path: onnx.to_owned(), why };
    let (fields, end) = Fields::open(onnx)?;
    let mut walk = Walk { fields, path, max_text_bytes, tensors: 0, found: Vec::new() };
    walk.message(end, 0).map_err(|e| refuse(format!("it is not a readable ONNX model: {e}")))?;
    Ok(walk.found)
}

struct Walk {
    fields: Fields,
    path: &'static [u64],
    max_text_bytes: u64,
    tensors: usize,
    found: Vec<(String, String)>,
}

impl Walk {
    /// Reads the message that ends at `end`; `depth` is how far along the path it lies.
    fn message(&mut self, end: u64, depth: usize) -> io::Result<()> {
        let (mut key, mut value) = (String::new(), String::new());
        while let Some((number, field_end)) = self.fields.next(end)? {
            match self.path.get(depth) {
                Some(field) if *field == number => {
                    self.count(depth)?;
                    self.message(field_end, depth + 1)?;
                }
                None if number == 1 => key = self.fields.text(field_end, self.max_text_bytes)?,
                None if number == 2 => value = self.fields.text(field_end, self.max_text_bytes)?,
                _ => self.fields.skip_to(field_end)?,
            }
        }
        if depth == self.path.len() {
            self.found.push((key, value));
        }
        Ok(())
    }

    fn count(&mut self, depth: usize) -> io::Result<()> {
        self.tensors += usize::from(depth == 1);
        if self.tensors > MAX_TENSORS { Err(bad("too many tensors")) } else { Ok(()) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One field of a protobuf message.
    pub(in super::super) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        assert!(bytes.len() < 1 << 14, "two bytes of length are enough for tests");
        let length = [bytes.len() as u8 | 0x80, (bytes.len() >> 7) as u8];
        [&[number << 3 | 2], &length[..], bytes].concat()
    }

    /// A graph with one initialiser in a file of that name.
    pub(in super::super) fn graph(location: &str) -> Vec<u8> {
        let pair = |k: &str, v: &str| {
            field(13, &[field(1, k.as_bytes()), field(2, v.as_bytes())].concat())
        };
        let tensor =
            [field(8, b"weight"), pair("location", location), pair("offset", "0")].concat();
        [vec![0x08, 10], field(7, &[field(2, b"graph"), field(5, &tensor)].concat())].concat()
    }

    /// The same with the inputs and outputs of a decoder.
    pub(in super::super) fn decoder(location: &str) -> Vec<u8> {
        let port = |number: u8, name: &str| field(number, &field(1, name.as_bytes()));
        let inputs = [port(11, "input_ids"), port(11, "past_key_values.0.key")].concat();
        let ports = [inputs, port(12, "logits")].concat();
        // Messages of one field are joined by their reader.
        [graph(location), field(7, &ports)].concat()
    }

    #[test]
    fn the_files_of_a_graph_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.onnx");
        std::fs::write(&path, graph("weights.bin")).unwrap();
        assert_eq!(locations(&path).unwrap(), BTreeSet::from(["weights.bin".to_owned()]));
    }

    #[test]
    fn what_stands_beside_a_graph_is_found_by_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.onnx");
        let entry = |k: &str, v: &str| {
            field(14, &[field(1, k.as_bytes()), field(2, v.as_bytes())].concat())
        };
        let file = [graph("weights.bin"), entry("author", "us"), entry("character", "a\n \nß")];
        std::fs::write(&path, file.concat()).unwrap();
        assert_eq!(metadata(&path, "character").unwrap().as_deref(), Some("a\n \nß"));
        assert_eq!(metadata(&path, "characters").unwrap(), None);
    }

    #[test]
    fn a_damaged_graph_is_refused_and_never_panics() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.onnx");
        let sound = graph("weights.bin");
        for end in 0..sound.len() {
            std::fs::write(&path, &sound[..end]).unwrap();
            let _ = locations(&path);
            let mut flipped = sound.clone();
            flipped[end] ^= 0xff;
            std::fs::write(&path, &flipped).unwrap();
            let _ = locations(&path);
        }
        std::fs::write(&path, &sound[..sound.len() - 3]).unwrap();
        assert!(locations(&path).is_err());
    }
}
