//! Makes a decoder graph whose rows are tokens out of one that was exported for (batch, sequence).
//!
//! Small passes bring every form to the same few nodes (the names in [`super::ops`]):
//!
//! 1. [`branches`], [`halves`], [`tidy`]: one graph, of single floats, without detours;
//! 2. [`integers`], [`norms`], [`activations`], [`products`]: what computes each token by itself;
//! 3. [`fused`], [`lowering`], [`attention`]: what looks back. Attention loses its past and
//!    present: keys and values live in pages outside the graph. What only served them (masks,
//!    lengths, positions, caches in and out) goes away with them;
//! 4. [`logits`], [`constants`], [`rows`]: logits of the wanted rows alone, weights as constants, and
//!    the proof that nothing is left which could mix tokens.
//!
//! Every node that cannot run is refused here, by name.

mod activations;
mod attention;
mod branches;
mod build;
mod claim;
mod constants;
mod evaluate;
mod fused;
mod graph;
mod halves;
mod integers;
mod logits;
mod lowering;
mod norms;
mod products;
mod rows;
mod tidy;

use std::path::Path;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};

use self::graph::Graph;
use crate::engine::LoadError;

pub(super) use self::branches::take_cached_branch;
pub(super) use self::claim::{claim, join};

/// The token ids; 1 × rows.
pub(super) const IDS: &str = "input_ids";
/// Which rows get logits.
pub(super) const WANTED: &str = "endcap_wanted_rows";
/// The graph's one output.
pub(super) const LOGITS: &str = "logits";

/// A model's files and size, as far as the passes must know them.
pub(super) struct Surroundings<'a> {
    /// Where external data lies.
    pub(super) folder: &'a Path,
    /// Positions that rotary tables are computed for, where a graph computes its own.
    pub(super) context_tokens: usize,
}

/// Rotation of rows or heads by position, both ONNX Runtime's and ONNX's own.
const ROTARY: &str = "RotaryEmbedding";

/// Rewrites the graph in place. `known` tells which operators tract and we have.
pub(super) fn rows_are_tokens(
    model: &mut ModelProto,
    surroundings: &Surroundings<'_>,
    known: impl Fn(&str) -> bool,
) -> Result<(), LoadError> {
    check_ports(model)?;
    let mut graph = Graph::take(model, surroundings.folder, vec![LOGITS.to_owned()]);
    tidy::name_nodes(&mut graph);
    tidy::check_order(&graph)?;
    tidy::tidy(&mut graph);
    graph.keep_what_is_needed();
    halves::widen(&mut graph);
    integers::gather_up(&mut graph);
    norms::gather_up(&mut graph)?;
    norms::by_heads(&mut graph);
    activations::spell_out(&mut graph);
    products::check_quantized(&mut graph)?;
    logits::want_all(&mut graph);
    fused::group_query(&mut graph)?;
    lowering::spell_out(&mut graph)?;
    attention::recognise(&mut graph, surroundings)?;
    fused::rotate_inside(&mut graph)?;
    graph.keep_what_is_needed();
    if fused::number_layers(&mut graph) == 0 {
        return Err(refuse("it has no attention that is known here".to_owned()));
    }
    check_nodes(&graph, known)?;
    products::name_products(&mut graph);
    logits::gather_wanted(&mut graph)?;
    graph.keep_what_is_needed();
    constants::store(&mut graph)?;
    graph.keep_what_is_needed();
    put_back(graph, model);
    Ok(())
}

/// Drops nodes and constants from which no path leads to the logits.
pub(super) fn keep_what_logits_need(graph: &mut GraphProto) {
    let wanted = [LOGITS.to_owned()];
    graph::keep_what_is_needed(&mut graph.node, &mut graph.initializer, &wanted);
}

fn check_ports(model: &ModelProto) -> Result<(), LoadError> {
    let graph = model.graph.as_ref().ok_or_else(|| refuse("the file holds no graph".to_owned()))?;
    for (name, side, ports) in [(IDS, "input", &graph.input), (LOGITS, "output", &graph.output)] {
        if !ports.iter().any(|port| port.name == name) {
            return Err(refuse(format!("it has no {side} named {name}")));
        }
    }
    if !graph.sparse_initializer.is_empty() {
        return Err(refuse("sparse weights are not supported".to_owned()));
    }
    Ok(())
}

/// What is left must be known, need nothing from outside but ids, and keep tokens apart.
fn check_nodes(graph: &Graph, known: impl Fn(&str) -> bool) -> Result<(), LoadError> {
    let links = graph.links();
    let rows = rows::Rows::of(graph);
    for node in &graph.nodes {
        if node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty()) {
            return refuse_node(node, "graphs inside a node are not supported".to_owned());
        }
        if !known(&node.op_type) {
            return refuse_node(node, "this engine has no such operator".to_owned());
        }
        let outside = |name: &&str| graph.is_input(name) && *name != IDS;
        if let Some(input) = graph::inputs(node).find(outside) {
            let why = format!("it needs the graph's input {input}, which only attention may use");
            return refuse_node(node, why);
        }
        if node.op_type == ROTARY {
            return refuse_node(node, "what it rotates does not go into attention".to_owned());
        }
        let apart =
            |name: &String| name.is_empty() || rows.keeps_apart(name) || links.is_constant(name);
        if !node.output.iter().all(apart) {
            return refuse_node(node, "it is not seen to keep tokens apart".to_owned());
        }
    }
    Ok(())
}

fn put_back(graph: Graph, model: &mut ModelProto) {
    let ids = graph.inputs.iter().find(|input| input.name == IDS).cloned();
    let wanted = ids.clone().map(|ids| ValueInfoProto { name: WANTED.to_owned(), ..ids });
    graph.put_back(model);
    if let Some(graph) = &mut model.graph {
        graph.input = ids.into_iter().chain(wanted).collect();
        graph.output.retain(|output| output.name == LOGITS);
        graph.value_info.clear();
    }
}

fn refuse(why: String) -> LoadError {
    LoadError::Graph { why }
}

fn refuse_node<T>(node: &NodeProto, why: String) -> Result<T, LoadError> {
    Err(LoadError::Node { node: node.name.clone(), operator: node.op_type.clone(), why })
}
