//! Inputs and outputs of a package, read without its weights.

use std::io;
use std::path::Path;

use prost::Message as _;
use tract_onnx::pb::{GraphProto, TensorProto, ValueInfoProto};

use super::error::PackageError;
use super::protobuf::{Fields, bad};

/// `ModelProto.graph`.
const GRAPH: u64 = 7;
/// `GraphProto.initializer`, `.input` and `.output`.
const STORED: u64 = 5;
const INPUT: u64 = 11;
const OUTPUT: u64 = 12;
/// `TensorProto.name`.
const NAME: u64 = 8;

/// Bytes of the description of one input or output at most.
const MAX_PORT_BYTES: u64 = 64 << 10;
const MAX_NAME_BYTES: u64 = 4096;
/// Inputs, outputs and stored tensors at most.
const MAX_PORTS: usize = 1 << 17;

/// A graph of which only inputs, outputs and the names of stored tensors were read.
pub(super) fn outline(onnx: &Path) -> Result<GraphProto, PackageError> {
    let (mut fields, end) = Fields::open(onnx)?;
    let mut graph = GraphProto::default();
    let mut read = || {
        while let Some((number, field_end)) = fields.next(end)? {
            match number {
                GRAPH => graph_of(&mut fields, field_end, &mut graph)?,
                _ => fields.skip_to(field_end)?,
            }
        }
        Ok(())
    };
    let why = |error: io::Error| format!("it is not a readable ONNX model: {error}");
    read().map_err(|error| PackageError::Import { path: onnx.to_owned(), why: why(error) })?;
    Ok(graph)
}

fn graph_of(fields: &mut Fields, end: u64, graph: &mut GraphProto) -> io::Result<()> {
    while let Some((number, field_end)) = fields.next(end)? {
        match number {
            STORED => graph.initializer.push(stored(fields, field_end)?),
            INPUT => graph.input.push(port(fields, field_end)?),
            OUTPUT => graph.output.push(port(fields, field_end)?),
            _ => fields.skip_to(field_end)?,
        }
        if graph.initializer.len() + graph.input.len() + graph.output.len() > MAX_PORTS {
            return Err(bad("too many tensors"));
        }
    }
    Ok(())
}

fn port(fields: &mut Fields, end: u64) -> io::Result<ValueInfoProto> {
    let bytes = fields.bytes(end, MAX_PORT_BYTES)?;
    ValueInfoProto::decode(bytes.as_slice()).map_err(io::Error::other)
}

fn stored(fields: &mut Fields, end: u64) -> io::Result<TensorProto> {
    let mut tensor = TensorProto::default();
    while let Some((number, field_end)) = fields.next(end)? {
        match number {
            NAME => tensor.name = fields.text(field_end, MAX_NAME_BYTES)?,
            _ => fields.skip_to(field_end)?,
        }
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use super::super::external::tests::{decoder, field};
    use super::*;

    #[test]
    fn inputs_and_outputs_are_read_and_weights_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.onnx");
        let weights = field(7, &field(5, &[field(9, &[7; 4000]), field(8, b"w")].concat()));
        std::fs::write(&path, [weights, decoder("weights.bin")].concat()).unwrap();
        let graph = outline(&path).unwrap();
        let names = |ports: &[ValueInfoProto]| {
            ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&graph.input), "input_ids past_key_values.0.key");
        assert_eq!(names(&graph.output), "logits");
        let stored: Vec<_> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(stored, ["w", "weight"]);
        assert!(graph.initializer.iter().all(|tensor| tensor.raw_data.is_empty()));
        let whole = std::fs::read(&path).unwrap();
        for length in 1..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let _ = outline(&path);
        }
    }
}
