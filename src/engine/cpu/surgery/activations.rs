//! Activation functions in their one spelling: `x * Sigmoid(x)`.

use tract_onnx::pb::NodeProto;

use super::build;
use super::graph::{Edits, Graph, float, input, output};

/// `Swish` and `QuickGelu` become a `Sigmoid` and a `Mul`.
pub(super) fn spell_out(graph: &mut Graph) {
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        let default = match node.op_type.as_str() {
            "Swish" => 1.0,
            "QuickGelu" => 1.702,
            _ => continue,
        };
        let alpha = float(node, "alpha").unwrap_or(default);
        if let Some((x, out)) = input(node, 0).zip(output(node, 0)) {
            let (nodes, constant) = swish(x, alpha, out);
            edits.nodes.insert(at, nodes);
            edits.constants.extend(constant);
        }
    }
    graph.apply(edits);
}

fn swish(x: &str, alpha: f32, out: &str) -> (Vec<NodeProto>, Option<tract_onnx::pb::TensorProto>) {
    let gate = format!("{out}/gate");
    let multiply = build::node("Mul", &[x, &gate], out);
    if alpha == 1.0 {
        return (vec![build::node("Sigmoid", &[x], &gate), multiply], None);
    }
    let (factor, scaled) = (format!("{out}/alpha"), format!("{out}/scaled"));
    let nodes = vec![
        build::node("Mul", &[x, &factor], &scaled),
        build::node("Sigmoid", &[&scaled], &gate),
        multiply,
    ];
    (nodes, Some(build::scalar(&factor, alpha)))
}
