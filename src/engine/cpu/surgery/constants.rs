//! Weights as stored constants, where an exporter left the making of them to the graph.

use tract_onnx::pb::TensorProto;
use tract_onnx::tract_hir::internal::*;

use super::evaluate::{Feeds, evaluate};
use super::graph::{Graph, Links, input, integer, integers};
use super::{build, refuse_node};
use crate::engine::LoadError;
use crate::engine::cpu::ops;

/// `TensorProto.DataType` of single, half and brain floats.
const FLOATS: [i32; 3] = [1, 10, 16];

/// Computes what our operators need as constants (transposed heads, widened halves) and stores it.
pub(super) fn store(graph: &mut Graph) -> Result<(), LoadError> {
    const OURS: [&str; 6] =
        [ops::QUANTIZED, ops::GATHER, ops::FLOAT, ops::INTEGER, ops::ATTENTION, ops::NORM];
    const PRODUCTS: [&str; 2] = [ops::FLOAT, ops::QUANTIZED];
    let mut wanted: Vec<(usize, String)> = Vec::new();
    {
        let links = graph.links();
        for (at, node) in graph.nodes.iter().enumerate() {
            let ours = OURS.contains(&node.op_type.as_str());
            let computed = super::graph::inputs(node).filter(|name| {
                ours && links.is_constant(name)
                    && graph.initializer(name).is_none()
                    && !(PRODUCTS.contains(&node.op_type.as_str()) && is_view(&links, name))
            });
            wanted.extend(computed.map(|name| (at, name.to_owned())));
        }
    }
    for (at, name) in wanted {
        if graph.initializer(&name).is_some() {
            continue;
        }
        if let Some(tensor) = laid_out_anew(graph, &name) {
            graph.withdraw(&name);
            graph.define(tensor);
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

/// Whether a stored matrix is only turned or widened: where weights are taken out of the graph that
/// is seen, and one matrix serves the embedding and the head.
fn is_view(links: &Links<'_>, name: &str) -> bool {
    let Some(node) = links.made_by(name, &["Transpose", "Cast", "Identity"]) else { return false };
    let Some(source) = input(node, 0) else { return false };
    let turns = integers(node, "perm").is_none_or(|perm| perm == [1, 0]);
    let widens = node.op_type != "Cast" || integer(node, "to") == Some(1);
    let floats =
        links.graph.initializer(source).is_none_or(|tensor| FLOATS.contains(&tensor.data_type));
    let stored = links.graph.initializer(source).is_some() || is_view(links, source);
    turns && widens && floats && stored
}

/// A stored constant under other dimensions: its bytes are the same, and stay where they are.
fn laid_out_anew(graph: &Graph, name: &str) -> Option<TensorProto> {
    let links = graph.links();
    let node = links.made_by(name, &["Reshape"])?;
    let stored = graph.initializer(input(node, 0)?)?.clone();
    let shape = links.constant_shape(name)?;
    let dims = shape.into_iter().map(|dim| dim as i64).collect();
    Some(TensorProto { name: name.to_owned(), dims, ..stored })
}

/// A computed value as a constant to be stored.
pub(super) fn tensor(name: &str, value: &Tensor) -> TractResult<TensorProto> {
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
