//! Makes a decoder graph whose rows are tokens out of one that was exported for (batch, sequence).
//!
//! Attention loses its past and present: keys and values live in pages outside the graph. What only
//! served them (masks, lengths, caches in and out) goes away with them. The rows that need logits
//! are gathered before the head. Every node that cannot run is refused here, by name.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto};

use super::ops;
use crate::engine::LoadError;

/// The token ids; 1 × rows.
pub(super) const IDS: &str = "input_ids";
/// Which rows get logits.
pub(super) const WANTED: &str = "endcap_wanted_rows";
/// The graph's one output.
pub(super) const LOGITS: &str = "logits";

/// Rewrites the graph in place.
pub(super) fn rows_are_tokens(
    model: &mut ModelProto,
    known: impl Fn(&str) -> bool,
) -> Result<(), LoadError> {
    let graph = model.graph.as_mut().ok_or_else(|| refuse("the file holds no graph".to_owned()))?;
    name_nodes(graph);
    for name in [IDS, LOGITS] {
        let ports = if name == IDS { &graph.input } else { &graph.output };
        if !ports.iter().any(|port| port.name == name) {
            let side = if name == IDS { "input" } else { "output" };
            return Err(refuse(format!("it has no {side} named {name}")));
        }
    }
    let nested =
        |node: &&NodeProto| node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty());
    if let Some(node) = graph.node.iter().find(nested) {
        return refuse_node(node, "graphs inside a node are not supported".to_owned());
    }
    if !graph.sparse_initializer.is_empty() {
        return Err(refuse("sparse weights are not supported".to_owned()));
    }
    let constants = constants(graph);
    let mut nodes = Vec::with_capacity(graph.node.len());
    let mut layers = 0;
    for node in std::mem::take(&mut graph.node) {
        match node.op_type.as_str() {
            "GroupQueryAttention" => {
                nodes.push(attention(node, layers)?);
                layers += 1;
            }
            "SkipSimplifiedLayerNormalization" => nodes.extend(skip_norm(node)?),
            "SimplifiedLayerNormalization" | "RMSNormalization" => nodes.push(norm(node)?),
            "MatMulNBits" => nodes.push(quantized(node)?),
            "MatMul" if node.input.get(1).is_some_and(|w| constants.contains(w)) => {
                nodes.push(NodeProto { op_type: ops::FLOAT.to_owned(), ..node });
            }
            _ => nodes.push(node),
        }
    }
    if layers == 0 {
        return Err(refuse("it has no GroupQueryAttention node".to_owned()));
    }
    graph.node = gather_wanted(nodes)?;
    keep_what_logits_need(graph);
    if let Some(node) = graph.node.iter().find(|node| !known(&node.op_type)) {
        return refuse_node(node, "this engine has no such operator".to_owned());
    }
    let ids = graph.input.iter().find(|input| input.name == IDS).cloned();
    let wanted = ids.clone().map(|ids| ValueInfoProto { name: WANTED.to_owned(), ..ids });
    no_other_input(graph)?;
    graph.input = ids.into_iter().chain(wanted).collect();
    graph.output.retain(|output| output.name == LOGITS);
    graph.value_info.clear();
    Ok(())
}

fn refuse(why: String) -> LoadError {
    LoadError::Graph { why }
}

fn refuse_node<T>(node: &NodeProto, why: String) -> Result<T, LoadError> {
    Err(LoadError::Node { node: node.name.clone(), operator: node.op_type.clone(), why })
}

/// Nameless nodes are called by their first output, so that a refusal can name them.
fn name_nodes(graph: &mut GraphProto) {
    for node in &mut graph.node {
        if node.name.is_empty() {
            node.name = node.output.first().cloned().unwrap_or_default();
        }
    }
}

/// Names whose values do not depend on any input.
fn constants(graph: &GraphProto) -> HashSet<String> {
    let mut names: HashSet<String> = graph.initializer.iter().map(|t| t.name.clone()).collect();
    for node in &graph.node {
        if node.input.iter().all(|input| names.contains(input)) {
            names.extend(node.output.iter().cloned());
        }
    }
    names
}

fn integer(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.i)
}

fn integer_attribute(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: 2, i: value, ..Default::default() }
}

/// `GroupQueryAttention` → attention over pages with inputs q, k, v (and cos, sin).
fn attention(mut node: NodeProto, layer: i64) -> Result<NodeProto, LoadError> {
    for (name, off) in [
        ("softcap", 0),
        ("smooth_softmax", 0),
        ("local_window_size", -1),
        ("qk_output", 0),
        ("k_quant_type", 0),
        ("v_quant_type", 0),
    ] {
        let attribute = node.attribute.iter().find(|a| a.name == name);
        let on = attribute.is_some_and(|a| match a.r#type {
            1 => a.f != 0.0,
            3 => !a.s.is_empty() && a.s != b"NONE",
            _ => a.i != off,
        });
        if on {
            return refuse_node(&node, format!("attribute {name} is not supported"));
        }
    }
    let present = |at: usize| node.input.get(at).filter(|name| !name.is_empty()).cloned();
    let (Some(q), Some(k), Some(v)) = (present(0), present(1), present(2)) else {
        return refuse_node(&node, "packed query, key and value are not supported".to_owned());
    };
    if let Some(at) = (9..node.input.len()).find(|&at| present(at).is_some()) {
        return refuse_node(&node, format!("input {at} is not supported"));
    }
    let mut inputs = vec![q, k, v];
    if integer(&node, "do_rotary").unwrap_or(0) != 0 {
        let (Some(cos), Some(sin)) = (present(7), present(8)) else {
            return refuse_node(&node, "do_rotary is set without rotary caches".to_owned());
        };
        inputs.extend([cos, sin]);
    }
    node.input = inputs;
    node.output.truncate(1);
    node.attribute.push(integer_attribute("layer", layer));
    node.op_type = ops::ATTENTION.to_owned();
    Ok(node)
}

/// `SkipSimplifiedLayerNormalization` → additions and a normalisation.
fn skip_norm(node: NodeProto) -> Result<Vec<NodeProto>, LoadError> {
    let [input, skip, gain, rest @ ..] = node.input.as_slice() else {
        return refuse_node(&node, "it has fewer than three inputs".to_owned());
    };
    let output = |at: usize| node.output.get(at).filter(|name| !name.is_empty()).cloned();
    if output(1).or(output(2)).is_some() {
        return refuse_node(&node, "mean and inverse deviation are not supported".to_owned());
    }
    let sum = output(3).unwrap_or_else(|| format!("{}/sum", node.name));
    let add = |a: &str, b: &str, out: &str| NodeProto {
        name: format!("{out}/Add"),
        op_type: "Add".to_owned(),
        input: vec![a.to_owned(), b.to_owned()],
        output: vec![out.to_owned()],
        ..Default::default()
    };
    let mut nodes = match rest.first().filter(|bias| !bias.is_empty()) {
        None => vec![add(input, skip, &sum)],
        Some(bias) => {
            let biased = format!("{}/biased", node.name);
            vec![add(input, bias, &biased), add(&biased, skip, &sum)]
        }
    };
    nodes.push(NodeProto {
        name: node.name.clone(),
        op_type: ops::NORM.to_owned(),
        input: vec![sum, gain.clone()],
        output: output(0).into_iter().collect(),
        attribute: node.attribute.iter().filter(|a| a.name == "epsilon").cloned().collect(),
        ..Default::default()
    });
    Ok(nodes)
}

fn norm(mut node: NodeProto) -> Result<NodeProto, LoadError> {
    if let Some(axis) = integer(&node, "axis").filter(|&axis| axis != -1) {
        return refuse_node(&node, format!("axis = {axis}; the last axis, -1, is supported"));
    }
    if node.input.len() != 2 || node.output.iter().skip(1).any(|name| !name.is_empty()) {
        return refuse_node(&node, "two inputs and one output are supported".to_owned());
    }
    node.op_type = ops::NORM.to_owned();
    node.attribute.retain(|a| a.name == "epsilon");
    Ok(node)
}

fn quantized(mut node: NodeProto) -> Result<NodeProto, LoadError> {
    let block = integer(&node, "block_size").unwrap_or(0);
    if block <= 0 || block % 16 != 0 {
        return refuse_node(&node, format!("block_size = {block}; multiples of 16 are supported"));
    }
    for (at, what) in [(4, "g_idx"), (5, "bias")] {
        if node.input.get(at).is_some_and(|name| !name.is_empty()) {
            return refuse_node(&node, format!("input {what} is not supported"));
        }
    }
    while node.input.last().is_some_and(String::is_empty) {
        node.input.pop();
    }
    node.op_type = ops::QUANTIZED.to_owned();
    Ok(node)
}

/// Puts a gather of the wanted rows before the head, or before whatever else makes the logits.
fn gather_wanted(nodes: Vec<NodeProto>) -> Result<Vec<NodeProto>, LoadError> {
    let Some(head) = nodes.iter().position(|n| n.output.iter().any(|o| o == LOGITS)) else {
        return Err(refuse("no node makes the logits".to_owned()));
    };
    let mut out = Vec::with_capacity(nodes.len() + 1);
    for (at, mut node) in nodes.into_iter().enumerate() {
        if at != head {
            out.push(node);
            continue;
        }
        let products = [ops::QUANTIZED, ops::FLOAT, "MatMul"];
        let Some(input) = node.input.first_mut().filter(|_| products.contains(&&*node.op_type))
        else {
            return refuse_node(&node, "logits that no matrix product makes".to_owned());
        };
        let all = std::mem::replace(input, "endcap_wanted".to_owned());
        out.push(NodeProto {
            name: "endcap_gather_wanted".to_owned(),
            op_type: "Gather".to_owned(),
            input: vec![all, WANTED.to_owned()],
            output: vec!["endcap_wanted".to_owned()],
            attribute: vec![integer_attribute("axis", 1)],
            ..Default::default()
        });
        out.push(node);
    }
    Ok(out)
}

/// Drops nodes and initialisers from which no path leads to the logits.
pub(super) fn keep_what_logits_need(graph: &mut GraphProto) {
    let producer: HashMap<&str, usize> = graph
        .node
        .iter()
        .enumerate()
        .flat_map(|(at, node)| node.output.iter().map(move |out| (out.as_str(), at)))
        .filter(|(out, _)| !out.is_empty())
        .collect();
    let mut needed: HashSet<&str> = HashSet::new();
    let mut live = HashSet::new();
    let mut open = vec![LOGITS];
    while let Some(name) = open.pop() {
        if !needed.insert(name) {
            continue;
        }
        if let Some(node) = producer.get(name).and_then(|&at| {
            live.insert(at);
            graph.node.get(at)
        }) {
            open.extend(node.input.iter().map(String::as_str).filter(|i| !i.is_empty()));
        }
    }
    let needed: HashSet<String> = needed.into_iter().map(str::to_owned).collect();
    let mut at = 0;
    graph.node.retain(|_| {
        at += 1;
        live.contains(&(at - 1))
    });
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
}

/// After the surgery only the token ids may be asked for.
fn no_other_input(graph: &GraphProto) -> Result<(), LoadError> {
    let constant: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let others: HashSet<&str> = graph
        .input
        .iter()
        .map(|input| input.name.as_str())
        .filter(|name| *name != IDS && !constant.contains(name))
        .collect();
    for node in &graph.node {
        if let Some(input) = node.input.iter().find(|input| others.contains(input.as_str())) {
            return refuse_node(
                node,
                format!("it needs the graph's input {input}, which only attention may use"),
            );
        }
    }
    Ok(())
}
