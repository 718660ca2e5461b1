//! Small ONNX graphs, written as the tests need them.

use std::path::{Path, PathBuf};

use endcap::engine::NetworkSource;
use prost::Message;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

pub(crate) const FLOAT: i32 = 1;
pub(crate) const INT64: i32 = 7;
pub(crate) const BOOL: i32 = 9;

/// A node called after what it makes first.
pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    NodeProto {
        name: format!("make {}", outputs[0]),
        op_type: operator.to_owned(),
        input: owned(inputs),
        output: owned(outputs),
        ..Default::default()
    }
}

pub(crate) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: 2, i: value, ..Default::default() }
}

pub(crate) fn axes(axes: &[i64]) -> AttributeProto {
    let (name, ints) = ("axes".to_owned(), axes.to_vec());
    AttributeProto { name, r#type: 7, ints, ..Default::default() }
}

pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    let s = value.as_bytes().to_vec();
    AttributeProto { name: name.to_owned(), r#type: 3, s, ..Default::default() }
}

pub(crate) fn with(mut node: NodeProto, attributes: &[AttributeProto]) -> NodeProto {
    node.attribute.extend_from_slice(attributes);
    node
}

pub(crate) fn integers(name: &str, shape: &[i64], values: &[i64]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    stored(name, INT64, shape, raw_data)
}

pub(crate) fn floats(name: &str, shape: &[i64], values: &[f32]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    stored(name, FLOAT, shape, raw_data)
}

pub(crate) fn stored(name: &str, data_type: i32, shape: &[i64], raw_data: Vec<u8>) -> TensorProto {
    let (name, dims) = (name.to_owned(), shape.to_vec());
    TensorProto { name, data_type, dims, raw_data, ..Default::default() }
}

/// An input or output; axes are lengths, names, or `?`. `*` alone says nothing of axes.
pub(crate) fn port(name: &str, elem_type: i32, axes: &str) -> ValueInfoProto {
    let dim = |axis: &str| {
        let value = match axis.parse() {
            Ok(length) => Some(tensor_shape_proto::dimension::Value::DimValue(length)),
            Err(_) if axis == "?" => None,
            Err(_) => Some(tensor_shape_proto::dimension::Value::DimParam(axis.to_owned())),
        };
        tensor_shape_proto::Dimension { value, ..Default::default() }
    };
    let dim = axes.split_whitespace().map(dim).collect();
    let shape = (axes != "*").then_some(TensorShapeProto { dim });
    let tensor = type_proto::Tensor { elem_type, shape };
    let value = Some(type_proto::Value::TensorType(tensor));
    let r#type = Some(TypeProto { value, ..Default::default() });
    ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() }
}

#[derive(Default, Clone)]
pub(crate) struct Graph {
    pub(crate) inputs: Vec<ValueInfoProto>,
    pub(crate) outputs: Vec<ValueInfoProto>,
    pub(crate) nodes: Vec<NodeProto>,
    pub(crate) stored: Vec<TensorProto>,
}

impl Graph {
    pub(crate) fn proto(self) -> GraphProto {
        GraphProto {
            name: "graph".to_owned(),
            input: self.inputs,
            output: self.outputs,
            node: self.nodes,
            initializer: self.stored,
            ..Default::default()
        }
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let opset = OperatorSetIdProto { domain: String::new(), version: 17 };
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![opset],
            graph: Some(self.proto()),
            ..Default::default()
        };
        model.encode_to_vec()
    }

    pub(crate) fn write(self, folder: &Path) -> NetworkSource {
        let onnx = folder.join("model.onnx");
        std::fs::write(&onnx, self.bytes()).unwrap();
        source(onnx)
    }
}

pub(crate) fn source(onnx: PathBuf) -> NetworkSource {
    NetworkSource { name: "test".to_owned(), onnx, derived: None }
}
