//! One way of writing constants, and no nodes that do nothing.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{NodeProto, TensorProto};

use super::evaluate::{Setting, as_integers, evaluate, inputs_at, zeros};
use super::fused::rotation_inputs;
use super::graph::{Edits, Graph, Shapes, input, inputs, port, set_last_dimension};
use super::{IDS, ROTARY, build, refuse_node};
use crate::engine::LoadError;

/// Each node stands after what it needs, and no name is made twice: then nothing goes in circles.
pub(super) fn check_order(graph: &Graph) -> Result<(), LoadError> {
    let mut made: HashSet<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
    made.extend(graph.initializers().map(|tensor| tensor.name.as_str()));
    for node in &graph.nodes {
        if let Some(input) = inputs(node).find(|input| !made.contains(input)) {
            return refuse_node(node, format!("nothing before it makes its input {input}"));
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if !made.insert(output) {
                return refuse_node(node, format!("{output} is made twice"));
            }
        }
    }
    Ok(())
}

/// Nameless nodes are called by their first output, so that a refusal can name them.
pub(super) fn name_nodes(graph: &mut Graph) {
    for node in &mut graph.nodes {
        if node.name.is_empty() {
            node.name = node.output.first().cloned().unwrap_or_default();
        }
    }
}

/// Stores every `Constant`, and leads the consumers of copies to the originals.
pub(super) fn tidy(graph: &mut Graph) {
    without_detours(graph);
    read_ids_directly(graph);
    size_caches(graph);
}

/// [`tidy`] as far as it holds for a graph of any kind.
pub(super) fn without_detours(graph: &mut Graph) {
    store_constants(graph);
    skip_copies(graph);
}

fn store_constants(graph: &mut Graph) {
    let (constants, nodes) =
        std::mem::take(&mut graph.nodes).into_iter().partition(|n| n.op_type == "Constant");
    graph.nodes = nodes;
    let constants: Vec<NodeProto> = constants;
    for node in constants {
        match (constant(&node), node.output.first()) {
            (Some(tensor), Some(name)) => {
                graph.define(TensorProto { name: name.clone(), ..tensor });
            }
            // Strings and the like: it stays, and is refused where anything needs it.
            _ => graph.nodes.insert(0, node),
        }
    }
}

fn constant(node: &NodeProto) -> Option<TensorProto> {
    let attribute = node.attribute.first()?;
    match attribute.name.as_str() {
        "value" => attribute.t.clone(),
        "value_float" => Some(build::scalar("", attribute.f)),
        "value_floats" => Some(build::floats("", &[attribute.floats.len()], &attribute.floats)),
        "value_int" => Some(TensorProto { dims: vec![], ..build::integers("", &[attribute.i]) }),
        "value_ints" => Some(build::integers("", &attribute.ints)),
        _ => None,
    }
}

/// `Identity`, `Dropout` that drops nothing.
fn skip_copies(graph: &mut Graph) {
    let mut originals: HashMap<String, String> = HashMap::new();
    for node in &mut graph.nodes {
        for input in &mut node.input {
            if let Some(original) = originals.get(input.as_str()) {
                input.clone_from(original);
            }
        }
        let training = input(node, 2).is_some();
        let copies = node.op_type == "Identity" || (node.op_type == "Dropout" && !training);
        if let ([output, ..], [input, ..], true) = (&*node.output, &*node.input, copies)
            && !graph.outputs.contains(output)
        {
            originals.insert(output.clone(), input.clone());
        }
    }
}

/// Builders leave the head size of a cache open; half of it is the width of the rotary caches.
///
/// A wrong guess cannot pass the proof of any attention that uses the cache.
fn size_caches(graph: &mut Graph) {
    let links = graph.links();
    let tables = graph.nodes.iter().filter_map(|node| match node.op_type.as_str() {
        ROTARY => rotation_inputs(node).0,
        _ => None,
    });
    let half = tables.filter_map(|table| links.constant_shape(table)?.last().copied()).next();
    drop(links);
    let Some(half) = half else { return };
    for input in &mut graph.inputs {
        if let Some((_, dims)) = port(input)
            && let [_, Some(_), _, None] = *dims
        {
            set_last_dimension(input, 2 * half);
        }
    }
}

/// Exporters reshape and cast the ids to what they are already.
fn read_ids_directly(graph: &mut Graph) {
    let setting = Setting { past: 0, tokens: 3 };
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        let Some(index) = input(node, 1) else { continue };
        let gathers = ["Gather", "GatherBlockQuantized"].contains(&node.op_type.as_str());
        if !gathers || index == IDS || links.sources(index, Shapes::Ignored, |_| false) != [IDS] {
            continue;
        }
        let Ok(feeds) = inputs_at(graph, setting, |_, shape| zeros(shape)) else {
            continue;
        };
        let same = evaluate(&links, &[index], &feeds).is_ok_and(|values| {
            let values = values.first();
            values.is_some_and(|v| {
                v.shape() == [1, 3] && as_integers(v).is_ok_and(|v| v == [0, 1, 2])
            })
        });
        if same {
            let mut direct = node.clone();
            if let Some(index) = direct.input.get_mut(1) {
                *index = IDS.to_owned();
            }
            edits.nodes.insert(at, vec![direct]);
        }
    }
    drop(links);
    graph.apply(edits);
}
