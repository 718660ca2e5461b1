//! Graphs of half floats computed in single floats, as all our operators are.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{NodeProto, TensorProto, type_proto};

use super::build;
use super::graph::Graph;

const HALF: i32 = DataType::Float16 as i32;
const SINGLE: i32 = DataType::Float as i32;

/// Casts to halves become casts to singles, stored halves are widened by a cast of their own.
pub(super) fn widen(graph: &mut Graph) {
    for input in &mut graph.inputs {
        if let Some(type_proto::Value::TensorType(tensor)) =
            input.r#type.as_mut().and_then(|t| t.value.as_mut())
            && tensor.elem_type == HALF
        {
            tensor.elem_type = SINGLE;
        }
    }
    for node in &mut graph.nodes {
        for attribute in &mut node.attribute {
            match (node.op_type.as_str(), attribute.name.as_str()) {
                ("Cast", "to") if attribute.i == i64::from(HALF) => attribute.i = SINGLE.into(),
                ("ConstantOfShape", "value") => attribute.t.iter_mut().for_each(widen_small),
                _ => {}
            }
        }
    }
    widen_constants(graph);
}

/// Each stored half gets a cast; what is only one or two numbers is widened at once.
fn widen_constants(graph: &mut Graph) {
    const SMALL: i64 = 16;
    let mut casts: Vec<NodeProto> = Vec::new();
    let mut renamed = Vec::new();
    for tensor in graph.initializers_mut() {
        if tensor.data_type != HALF {
            continue;
        }
        if tensor.external_data.is_empty() && tensor.dims.iter().product::<i64>() <= SMALL {
            widen_small(tensor);
        } else {
            renamed.push(tensor.name.clone());
        }
    }
    for name in renamed {
        let Some(tensor) = graph.initializer(&name).cloned() else { continue };
        let half = format!("{name}/half");
        graph.define(TensorProto { name: half.clone(), ..tensor });
        graph.forget(&name);
        let cast = build::node("Cast", &[&half], &name);
        casts.push(build::With::with(cast, build::integer_attribute("to", SINGLE.into())));
    }
    graph.nodes.splice(0..0, casts);
}

fn widen_small(tensor: &mut TensorProto) {
    if tensor.data_type != HALF {
        return;
    }
    let bits: Vec<u16> = if tensor.raw_data.is_empty() {
        tensor.int32_data.iter().map(|&bits| bits as u16).collect()
    } else {
        let pairs = tensor.raw_data.chunks_exact(2);
        pairs.filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?))).collect()
    };
    let wide = bits.into_iter().flat_map(|bits| half::f16::from_bits(bits).to_f32().to_le_bytes());
    tensor.raw_data = wide.collect();
    tensor.int32_data.clear();
    tensor.data_type = SINGLE;
}
