//! Gives our operators what they compute better, in a graph of any kind; all else stays as it is.
//!
//! [`claim`] works on names and constants alone: products with constant weights, however they are
//! quantised, and operators that optimised exports contain. Their weights are then taken out of the
//! graph. [`join`] works on what is left, for which tract knows types and shapes: what follows a
//! product, normalisations, attention.
//!
//! **Invariants**
//! - Integers that are visible outside a pattern keep ONNX's exact meaning: only what goes back to
//!   floats at once is computed in our way, each row with a scale of its own.
//! - A pattern whose types or shapes are not known to fit is left to tract.

mod attention;
mod contributed;
mod embeddings;
mod facts;
mod functions;
mod heads;
mod joined;
mod norms;
mod products;
#[cfg(test)]
mod tests;

use std::path::Path;

use tract_onnx::Onnx;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};
use tract_onnx::prelude::InferenceModel;

pub(in crate::engine::cpu) use self::contributed::SPELLED;
use self::facts::Facts;
use super::graph::{Graph, inputs};
use super::{integers, tidy};
use crate::engine::LoadError;

/// Names the products that our kernels compute; [`weights`](crate::engine::cpu::weights) then takes
/// their weights.
pub(in crate::engine::cpu) fn claim(
    model: &mut ModelProto,
    folder: &Path,
) -> Result<(), LoadError> {
    let mut graph = taken(model, folder);
    tidy::name_nodes(&mut graph);
    // What stands before what it needs is for tract to judge.
    if tidy::check_order(&graph).is_ok() {
        tidy::without_detours(&mut graph);
        contributed::spell_out(&mut graph)?;
        integers::gather_up(&mut graph);
        embeddings::gather_before_scaling(&mut graph);
        products::name(&mut graph)?;
        graph.keep_what_is_needed();
    }
    graph.put_back(model);
    Ok(())
}

/// Joins what belongs to a product with it, and names normalisations and attention. `guard` sees the
/// graph before shapes are inferred, and so before anything of it is computed.
pub(in crate::engine::cpu) fn join(
    model: &mut ModelProto,
    folder: &Path,
    onnx: &Onnx,
    guard: impl Fn(&mut InferenceModel),
) {
    // Weights that were taken are not looked at again.
    let mut graph = taken(model, folder);
    graph.keep_what_is_needed();
    graph.put_back(model);
    let facts = Facts::of(model, folder, onnx, guard);
    let mut graph = taken(model, folder);
    if tidy::check_order(&graph).is_ok() {
        attention::recognise(&mut graph, &facts);
        norms::recognise(&mut graph, &facts);
        joined::biases(&mut graph, &facts);
        functions::recognise(&mut graph);
        joined::residuals(&mut graph, &facts);
        joined::siblings(&mut graph);
        graph.keep_what_is_needed();
    }
    graph.put_back(model);
}

/// The graph, of which outputs are wanted and what graphs inside its nodes read.
fn taken(model: &mut ModelProto, folder: &Path) -> Graph {
    let mut wanted = Vec::new();
    if let Some(graph) = &model.graph {
        wanted.extend(graph.output.iter().map(|output| output.name.clone()));
        graph.node.iter().for_each(|node| read_inside(node, &mut wanted));
    }
    Graph::take(model, folder, wanted)
}

/// Names that graphs inside a node read; those that they make themselves do no harm.
fn read_inside(node: &NodeProto, names: &mut Vec<String>) {
    let inside = node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs));
    for GraphProto { node: nodes, output, .. } in inside {
        names.extend(output.iter().map(|output| output.name.clone()));
        for node in nodes {
            names.extend(inputs(node).map(str::to_owned));
            read_inside(node, names);
        }
    }
}
