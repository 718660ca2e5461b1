//! Building blocks of an ONNX graph in protobuf.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

use super::DATA_FILE;
use super::data::Span;

/// The first operator set with `RMSNormalization`, and the format version that goes with it.
const OPSET: i64 = 23;
const IR_VERSION: i64 = 11;
/// Counts up when import writes another graph for the same file.
const FORM: &str = "1";

/// Domain of the operators that ONNX itself does not have.
pub(super) const MICROSOFT: &str = "com.microsoft";
/// Domain of ONNX's own operators.
pub(super) const STANDARD: &str = "";

/// An attribute of a node.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attribute {
    Int(&'static str, i64),
    Float(&'static str, f32),
    Ints(&'static str, &'static [i64]),
}

/// A dimension of an input or output.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dim {
    Fixed(usize),
    Named(&'static str),
}

/// A graph as it grows.
#[derive(Debug, Default)]
pub(super) struct Graph {
    proto: GraphProto,
}

impl Graph {
    pub(super) fn input(&mut self, name: &str, kind: DataType, shape: &[Dim]) {
        self.proto.input.push(value_info(name, kind, shape));
    }

    pub(super) fn output(&mut self, name: &str, kind: DataType, shape: &[Dim]) {
        self.proto.output.push(value_info(name, kind, shape));
    }

    /// Adds a node `scope/op` with one output, `scope/op/output_0`, and returns its name.
    pub(super) fn node(
        &mut self,
        scope: &str,
        domain: &str,
        op: &str,
        inputs: &[&str],
        attributes: &[Attribute],
    ) -> String {
        let output = format!("{scope}/{op}/output_0");
        self.node_into(scope, domain, op, inputs, &[&output], attributes);
        output
    }

    /// Adds a node `scope/op` with outputs of given names.
    pub(super) fn node_into(
        &mut self,
        scope: &str,
        domain: &str,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[Attribute],
    ) {
        self.proto.node.push(NodeProto {
            name: format!("{scope}/{op}"),
            op_type: op.to_owned(),
            domain: domain.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            attribute: attributes.iter().map(attribute).collect(),
            ..NodeProto::default()
        });
    }

    /// Gives the result `from` of the last node the name of a graph output.
    pub(super) fn rename_output(&mut self, from: &str, to: &str) {
        let outputs = self.proto.node.last_mut().into_iter().flat_map(|node| &mut node.output);
        for output in outputs.filter(|output| *output == from) {
            to.clone_into(output);
        }
    }

    /// Adds an initialiser that lies in the data file.
    pub(super) fn external(&mut self, name: &str, kind: DataType, shape: &[usize], span: Span) {
        let entry = |key: &str, value: String| StringStringEntryProto { key: key.into(), value };
        self.proto.initializer.push(TensorProto {
            name: name.to_owned(),
            dims: shape.iter().map(|&d| d as i64).collect(),
            data_type: kind.into(),
            data_location: Some(DataLocation::External.into()),
            external_data: vec![
                entry("location", DATA_FILE.to_owned()),
                entry("offset", span.offset.to_string()),
                entry("length", span.bytes.to_string()),
            ],
            ..TensorProto::default()
        });
    }

    /// Adds a small initialiser of whole numbers; no shape makes a scalar.
    pub(super) fn integers(&mut self, name: &str, shape: &[usize], values: &[i64]) {
        self.proto.initializer.push(TensorProto {
            name: name.to_owned(),
            dims: shape.iter().map(|&d| d as i64).collect(),
            data_type: DataType::Int64.into(),
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
    }

    /// Adds a single float as a scalar initialiser.
    pub(super) fn float(&mut self, name: &str, value: f32) {
        self.proto.initializer.push(TensorProto {
            name: name.to_owned(),
            data_type: DataType::Float.into(),
            raw_data: value.to_le_bytes().to_vec(),
            ..TensorProto::default()
        });
    }

    pub(super) fn into_model(mut self, name: &str, properties: &[(&str, String)]) -> ModelProto {
        self.proto.name = name.to_owned();
        let opset = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: "endcap".to_owned(),
            producer_version: FORM.to_owned(),
            opset_import: vec![opset(STANDARD, OPSET), opset(MICROSOFT, 1)],
            graph: Some(self.proto),
            metadata_props: properties
                .iter()
                .map(|(key, value)| StringStringEntryProto {
                    key: (*key).to_owned(),
                    value: value.clone(),
                })
                .collect(),
            ..ModelProto::default()
        }
    }
}

fn attribute(attribute: &Attribute) -> AttributeProto {
    let named = |name: &str, kind: AttributeType| AttributeProto {
        name: name.to_owned(),
        r#type: kind.into(),
        ..AttributeProto::default()
    };
    match *attribute {
        Attribute::Int(name, i) => AttributeProto { i, ..named(name, AttributeType::Int) },
        Attribute::Float(name, f) => AttributeProto { f, ..named(name, AttributeType::Float) },
        Attribute::Ints(name, ints) => {
            AttributeProto { ints: ints.to_vec(), ..named(name, AttributeType::Ints) }
        }
    }
}

fn value_info(name: &str, kind: DataType, shape: &[Dim]) -> ValueInfoProto {
    let dim = |dim: &Dim| Dimension {
        value: Some(match *dim {
            Dim::Fixed(size) => dimension::Value::DimValue(size as i64),
            Dim::Named(name) => dimension::Value::DimParam(name.to_owned()),
        }),
        ..Dimension::default()
    };
    let shape = TensorShapeProto { dim: shape.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: kind.into(), shape: Some(shape) };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}
