//! Weights as stored constants, where an exporter left the making of them to the graph.

use super::evaluate::{Feeds, evaluate};
use super::graph::Graph;
use super::{build, refuse_node};
use crate::engine::LoadError;
use crate::engine::cpu::ops;
use tract_onnx::tract_hir::internal::*;

/// Computes what our operators need as constants (transposed heads, widened halves) and stores it.
pub(super) fn store(graph: &mut Graph) -> Result<(), LoadError> {
    const OURS: [&str; 6] =
        [ops::QUANTIZED, ops::GATHER, ops::FLOAT, ops::INTEGER, ops::ATTENTION, ops::NORM];
    let mut wanted: Vec<(usize, String)> = Vec::new();
    {
        let links = graph.links();
        for (at, node) in graph.nodes.iter().enumerate() {
            let ours = OURS.contains(&node.op_type.as_str());
            let computed = super::graph::inputs(node).filter(|name| {
                ours && links.is_constant(name) && graph.initializer(name).is_none()
            });
            wanted.extend(computed.map(|name| (at, name.to_owned())));
        }
    }
    for (at, name) in wanted {
        if graph.initializer(&name).is_some() {
            continue;
        }
        let stored = evaluate(&graph.links(), &[&name], &Feeds::new())
            .and_then(|mut values| values.pop().context("nothing was computed"))
            .and_then(|value| tensor(&name, &value));
        match (stored, graph.nodes.get(at)) {
            (Ok(tensor), _) => {
                graph.withdraw(&name);
                graph.define(tensor);
            }
            (Err(error), Some(node)) => {
                return refuse_node(node, format!("its constant {name}: {error:#}"));
            }
            (Err(_), None) => {}
        }
    }
    Ok(())
}

fn tensor(name: &str, value: &Tensor) -> TractResult<tract_onnx::pb::TensorProto> {
    use tract_onnx::pb::tensor_proto::DataType;
    let kind = match value.datum_type() {
        DatumType::F32 => DataType::Float,
        DatumType::U8 => DataType::Uint8,
        DatumType::I8 => DataType::Int8,
        DatumType::I64 => DataType::Int64,
        DatumType::I32 => DataType::Int32,
        other => bail!("it is {other:?}"),
    };
    Ok(build::tensor(name, kind as i32, value.shape(), value.as_bytes().to_vec()))
}
