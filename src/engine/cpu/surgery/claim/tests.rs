//! What is joined, and what is left as it is. That what is joined gives the same numbers is seen on
//! whole graphs, against ONNX Runtime.

use std::path::Path;

use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

use super::super::build;
use crate::engine::cpu::{ops, weights};

/// A port of floats of these axes; a negative length is free.
fn port(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = |&dim: &i64| Dimension {
        value: Some(if dim < 0 {
            dimension::Value::DimParam(format!("free{dim}"))
        } else {
            dimension::Value::DimValue(dim)
        }),
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: 1, shape: Some(shape) };
    let value = Some(type_proto::Value::TensorType(tensor));
    let r#type = Some(TypeProto { value, ..Default::default() });
    ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() }
}

/// A graph with an input `x` of rows of 4 and weights `w` and `v`, 4 × 4, after all passes.
fn passed(nodes: Vec<NodeProto>, inputs: &[ValueInfoProto], outputs: &[&str]) -> Vec<NodeProto> {
    let mut input = vec![port("x", &[-1, -2, 4])];
    input.extend(inputs.iter().cloned());
    let output = |name: &&str| ValueInfoProto { name: (*name).to_owned(), ..Default::default() };
    let values: Vec<f32> = (0..16).map(|i| i as f32 * 0.1).collect();
    let graph = GraphProto {
        node: nodes,
        input,
        output: outputs.iter().map(output).collect(),
        initializer: vec![
            build::floats("w", &[4, 4], &values),
            build::floats("v", &[4, 4], &values),
            build::floats("bias", &[4], &[0.5; 4]),
            build::scalar("root", std::f32::consts::SQRT_2),
            build::scalar("one", 1.0),
            build::scalar("half", 0.5),
        ],
        ..Default::default()
    };
    let opset = OperatorSetIdProto { domain: String::new(), version: 17 };
    let mut model =
        ModelProto { graph: Some(graph), opset_import: vec![opset], ..Default::default() };
    let folder = Path::new(".");
    super::claim(&mut model, folder).unwrap();
    let graph = model.graph.as_mut().unwrap();
    weights::take_products(graph, folder).unwrap();
    let mut onnx = tract_onnx::onnx();
    ops::register(&mut onnx);
    super::join(&mut model, folder, &onnx, |_| ());
    model.graph.unwrap().node
}

fn operators(nodes: &[NodeProto]) -> Vec<&str> {
    nodes.iter().map(|node| node.op_type.as_str()).collect()
}

#[test]
fn bias_and_a_residual_of_the_same_shape_are_part_of_a_product() {
    let nodes = || {
        vec![
            build::node("MatMul", &["x", "w"], "product"),
            build::node("Add", &["bias", "product"], "biased"),
            build::node("Add", &["biased", "rows"], "y"),
        ]
    };
    let same = passed(nodes(), &[port("rows", &[-1, -2, 4])], &["y"]);
    assert_eq!(operators(&same), [ops::DENSE]);
    assert_eq!(same[0].input.len(), 3, "rows, residual and bias");
    // One row for all of them would have to be repeated.
    let other = passed(nodes(), &[port("rows", &[1, 1, 4])], &["y"]);
    assert_eq!(operators(&other), [ops::DENSE, "Add"]);
    let visible = passed(nodes(), &[port("rows", &[-1, -2, 4])], &["y", "product"]);
    assert_eq!(operators(&visible), [ops::DENSE, "Add", "Add"]);
}

#[test]
fn a_function_is_part_of_a_product_only_where_nothing_else_reads_its_steps() {
    let nodes = |more: Option<NodeProto>| {
        let spelled = vec![
            build::node("MatMul", &["x", "w"], "h"),
            build::node("Div", &["h", "root"], "a"),
            build::node("Erf", &["a"], "b"),
            build::node("Add", &["b", "one"], "c"),
            build::node("Mul", &["h", "c"], "d"),
            build::node("Mul", &["d", "half"], "y"),
        ];
        spelled.into_iter().chain(more).collect::<Vec<_>>()
    };
    assert_eq!(operators(&passed(nodes(None), &[], &["y"])), [ops::DENSE]);
    assert_eq!(passed(nodes(None), &[], &["y", "c"]).len(), 6);
    let read = build::node("Tanh", &["d"], "z");
    assert_eq!(passed(nodes(Some(read)), &[], &["y", "z"]).len(), 7);
}

#[test]
fn products_of_one_input_are_one_node() {
    let nodes = vec![
        build::node("MatMul", &["x", "w"], "a"),
        build::node("MatMul", &["x", "v"], "b"),
        build::node("Relu", &["b"], "c"),
    ];
    let joined = passed(nodes, &[], &["a", "c"]);
    assert_eq!(operators(&joined), [ops::DENSE]);
    assert_eq!(joined[0].output, ["a", "c"]);
}
