//! Nodes and constants that the passes put into a graph.

use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

/// A node of ONNX's own operators with one output, named after it.
pub(super) fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("{output}/{operator}"),
        op_type: operator.to_owned(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

pub(super) fn integer_attribute(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: 2, i: value, ..Default::default() }
}

pub(super) fn float_attribute(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: 1, f: value, ..Default::default() }
}

pub(super) fn integers_attribute(name: &str, values: &[i64]) -> AttributeProto {
    let ints = values.to_vec();
    AttributeProto { name: name.to_owned(), r#type: 7, ints, ..Default::default() }
}

pub(super) trait With {
    /// Adds an attribute.
    fn with(self, attribute: AttributeProto) -> Self;
}

impl With for NodeProto {
    fn with(mut self, attribute: AttributeProto) -> Self {
        self.attribute.push(attribute);
        self
    }
}

/// A constant of floats.
pub(super) fn floats(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, 1, shape, raw)
}

/// A constant of 64-bit integers, one axis.
pub(super) fn integers(name: &str, values: &[i64]) -> TensorProto {
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, 7, &[values.len()], raw)
}

/// A constant of one number, no axis.
pub(super) fn scalar(name: &str, value: f32) -> TensorProto {
    floats(name, &[], &[value])
}

/// A constant with its bytes, `data_type` as in `TensorProto.DataType`.
pub(super) fn tensor(name: &str, data_type: i32, shape: &[usize], raw: Vec<u8>) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type,
        dims: shape.iter().map(|&dim| dim as i64).collect(),
        raw_data: raw,
        ..Default::default()
    }
}
