//! Logits of the wanted rows alone.

use tract_onnx::pb::NodeProto;

use super::build::{self, With};
use super::graph::{Edits, Graph, Links, Shapes, input, output};
use super::rows::Rows;
use super::{LOGITS, WANTED, evaluate, refuse, refuse_node};
use crate::engine::LoadError;
use crate::engine::cpu::ops;

/// Inputs that say how many of the last rows get logits; here each step says which.
const HOW_MANY: [&str; 2] = ["num_logits_to_keep", "logits_to_keep"];

/// Leads past slices by which an exporter lets its caller choose how many rows get logits.
pub(super) fn want_all(graph: &mut Graph) {
    let links = graph.links();
    let mut passed = Vec::new();
    for node in &graph.nodes {
        let chosen = input(node, 1).is_some_and(|starts| {
            let sources = links.sources(starts, Shapes::Ignored, |_| false);
            sources.iter().any(|name| HOW_MANY.contains(name))
        });
        let of_rows = input(node, 3).and_then(|axes| evaluate::list(&links, axes)) == Some(vec![1]);
        if node.op_type == "Slice" && chosen && of_rows {
            let all = input(node, 0).map(str::to_owned);
            passed.extend(all.zip(output(node, 0).map(str::to_owned)));
        }
    }
    drop(links);
    for (all, some) in passed {
        for input in graph.nodes.iter_mut().flat_map(|node| &mut node.input) {
            if *input == some {
                input.clone_from(&all);
            }
        }
    }
}

/// Puts a gather of the wanted rows before the product that makes the logits.
pub(super) fn gather_wanted(graph: &mut Graph) -> Result<(), LoadError> {
    let rows = Rows::of(graph);
    let links = graph.links();
    let (at, head) = head(&links, &rows)?;
    let mut head = head.clone();
    let Some(x) = head.input.first_mut() else {
        return refuse_node(&head, "it has no input".to_owned());
    };
    let all = std::mem::replace(x, "endcap_wanted".to_owned());
    let gather = NodeProto {
        name: "endcap_gather_wanted".to_owned(),
        ..build::node("Gather", &[&all, WANTED], "endcap_wanted")
    };
    let nodes = vec![gather.with(build::integer_attribute("axis", 1)), head];
    drop(links);
    graph.apply(Edits { nodes: [(at, nodes)].into(), constants: vec![] });
    Ok(())
}

/// The last product before the logits, with its place.
fn head<'g>(links: &Links<'g>, rows: &Rows) -> Result<(usize, &'g NodeProto), LoadError> {
    let mut name = LOGITS;
    loop {
        let Some((at, node)) = links.producer(name) else {
            return Err(refuse("no node makes the logits".to_owned()));
        };
        if [ops::QUANTIZED, ops::FLOAT, ops::INTEGER].contains(&node.op_type.as_str()) {
            return Ok((at, node));
        }
        // A bias, a cast or a scale may come after it.
        let mut before = node.input.iter().filter(|name| rows.width(name).is_some());
        match (before.next(), before.next()) {
            (Some(one), None) if rows.width(name).is_some() => name = one,
            _ => return refuse_node(node, "logits that no matrix product makes".to_owned()),
        }
    }
}
