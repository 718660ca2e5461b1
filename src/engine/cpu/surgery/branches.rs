//! Merged decoders: one `If` that chooses between a graph with a past and one without.

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto};

use super::{build, refuse_node};
use crate::engine::LoadError;

/// The input by which a merged decoder is told that there is a past.
const WITH_PAST: &str = "use_cache_branch";

/// Puts the branch with a past in the place of the whole, where the graph is one `If` about that.
/// Other graphs stay as they are.
pub(in crate::engine::cpu) fn take_cached_branch(model: &mut ModelProto) -> Result<(), LoadError> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let choice = |node: &NodeProto| {
        node.op_type == "If" && node.input.first().is_some_and(|name| name == WITH_PAST)
    };
    let Some(at) = graph.node.iter().position(choice) else { return Ok(()) };
    let mut node = graph.node.remove(at);
    let branch = node.attribute.iter_mut().find(|a| a.name == "then_branch");
    let Some(branch) = branch.and_then(|attribute: &mut AttributeProto| attribute.g.take()) else {
        return refuse_node(&node, "it has no branch for a sequence with a past".to_owned());
    };
    if branch.output.len() != node.output.len() {
        return refuse_node(&node, "its branch has another number of outputs".to_owned());
    }
    inline(graph, at, branch, &node.output);
    Ok(())
}

/// Puts the branch's nodes in place; names inside a branch are unique in the whole graph.
fn inline(graph: &mut GraphProto, at: usize, branch: GraphProto, outputs: &[String]) {
    let inner: Vec<String> = branch.output.into_iter().map(|output| output.name).collect();
    let mut nodes = branch.node;
    for (inner, outer) in inner.iter().zip(outputs) {
        if inner != outer {
            nodes.push(build::node("Identity", &[inner], outer));
        }
    }
    graph.node.splice(at..at, nodes);
    graph.initializer.extend(branch.initializer);
    graph.sparse_initializer.extend(branch.sparse_initializer);
}
