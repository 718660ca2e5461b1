//! What is done to a graph that is no decoder before tract sees it.
//!
//! Each pass takes the graph as exporters write it and leaves one that means the same; a pass that
//! meets what it cannot keep refuses with the node's name.

mod halves;
mod names;
mod operators;
mod recurrent;
mod sound;

use std::path::Path;

use tract_onnx::Onnx;
use tract_onnx::pb::{GraphProto, ModelProto};

pub(super) use self::halves::Narrow;
use crate::engine::LoadError;

/// All passes, in their order. External data lies in `folder`.
pub(super) fn prepare(proto: &mut ModelProto, folder: &Path) -> Result<(), LoadError> {
    let Some(graph) = proto.graph.as_mut() else { return Ok(()) };
    names::give(graph);
    trim(graph);
    sound::check(graph)?;
    operators::check(graph)?;
    recurrent::turn(graph);
    halves::widen(graph, folder)
}

/// Operators that the passes leave in a graph.
pub(super) fn register(onnx: &mut Onnx) {
    halves::register(onnx);
}

/// What is left out at the end of a list of inputs or outputs needs no empty name.
fn trim(graph: &mut GraphProto) {
    for node in &mut graph.node {
        for names in [&mut node.input, &mut node.output] {
            while names.last().is_some_and(String::is_empty) {
                names.pop();
            }
        }
        let bodies = node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs));
        bodies.for_each(trim);
    }
}
