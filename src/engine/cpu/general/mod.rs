//! What is done to a graph that is no decoder before tract sees it.
//!
//! Each pass takes the graph as exporters write it and leaves one that means the same; a pass that
//! meets what it cannot keep refuses with the node's name.

mod names;

use tract_onnx::pb::ModelProto;

use crate::engine::LoadError;

/// All passes, in their order.
pub(super) fn prepare(proto: &mut ModelProto) -> Result<(), LoadError> {
    let Some(graph) = proto.graph.as_mut() else { return Ok(()) };
    names::give(graph);
    Ok(())
}
