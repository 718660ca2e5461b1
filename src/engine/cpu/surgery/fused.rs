//! Attention and rotation that are operators of their own already.

use tract_onnx::pb::NodeProto;

use super::build::{self, With};
use super::evaluate::{Setting, as_integers, evaluate, inputs_at, zeros};
use super::graph::{Edits, Graph, Links, input, integer, port};
use super::{ROTARY, refuse_node, rows};
use crate::engine::LoadError;
use crate::engine::cpu::ops;

/// `GroupQueryAttention` → attention over pages with inputs q, k, v (and cos, sin).
pub(super) fn group_query(graph: &mut Graph) -> Result<(), LoadError> {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        if node.op_type == "GroupQueryAttention" {
            let nodes = attention(&links, node.clone(), &mut edits)?;
            edits.nodes.insert(at, nodes);
        }
    }
    drop(links);
    graph.apply(edits);
    Ok(())
}

/// Attributes of `GroupQueryAttention` and the value at which they do nothing.
const OFF: [(&str, i64); 6] = [
    ("softcap", 0),
    ("smooth_softmax", 0),
    ("local_window_size", -1),
    ("qk_output", 0),
    ("k_quant_type", 0),
    ("v_quant_type", 0),
];

fn attention(
    links: &Links<'_>,
    mut node: NodeProto,
    edits: &mut Edits,
) -> Result<Vec<NodeProto>, LoadError> {
    for (name, off) in OFF {
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
    let present = |at: usize| input(&node, at).map(str::to_owned);
    if let Some(positions) = present(9).filter(|name| !are_positions(links, name)) {
        return refuse_node(&node, format!("{positions} is not the tokens' positions"));
    }
    if let Some(at) = (10..node.input.len()).find(|&at| present(at).is_some()) {
        return refuse_node(&node, format!("input {at} is not supported"));
    }
    let mut nodes = Vec::new();
    let mut inputs = match (present(0), present(1), present(2)) {
        (Some(q), Some(k), Some(v)) => vec![q, k, v],
        (Some(packed), None, None) => {
            let (split, sizes) = unpacked(links, &node, &packed)?;
            edits.constants.extend(sizes);
            let parts = split.output.clone();
            nodes.push(split);
            parts
        }
        _ => return refuse_node(&node, "it has a query but not both key and value".to_owned()),
    };
    if integer(&node, "do_rotary").unwrap_or(0) != 0 {
        let (Some(cos), Some(sin)) = (present(7), present(8)) else {
            return refuse_node(&node, "do_rotary is set without rotary caches".to_owned());
        };
        inputs.extend([cos, sin]);
    }
    node.input = inputs;
    node.output.truncate(1);
    node.op_type = ops::ATTENTION.to_owned();
    nodes.push(node);
    Ok(nodes)
}

/// Query, key and value that lie side by side, taken apart.
fn unpacked(
    links: &Links<'_>,
    node: &NodeProto,
    packed: &str,
) -> Result<(NodeProto, Option<tract_onnx::pb::TensorProto>), LoadError> {
    let heads = integer(node, "num_heads").unwrap_or(0);
    let kv_heads = integer(node, "kv_num_heads").unwrap_or(0);
    // The cache may tell the head size; otherwise what made the packed rows tells their width.
    let cache = input(node, 3).and_then(|name| links.graph.inputs.iter().find(|i| i.name == name));
    let cached = cache.and_then(port).and_then(|(_, dims)| dims.last().copied().flatten());
    let size = cached.and_then(|size| i64::try_from(size).ok()).or_else(|| {
        let width = i64::try_from(rows::made_width(links, packed)?).ok()?;
        let all = heads.checked_add(kv_heads.checked_mul(2)?).filter(|&all| all > 0)?;
        (width % all == 0).then_some(width / all)
    });
    let Some(size) = size else {
        let why = "its packed query, key and value cannot be taken apart: the head size is unknown";
        return refuse_node(node, why.to_owned());
    };
    let sizes = [heads * size, kv_heads * size, kv_heads * size];
    let parts = ["query", "key", "value"].map(|part| format!("{packed}/{part}"));
    let mut split = NodeProto {
        name: format!("{packed}/Split"),
        op_type: "Split".to_owned(),
        input: vec![packed.to_owned()],
        output: parts.into(),
        ..Default::default()
    }
    .with(build::integer_attribute("axis", -1));
    if links.graph.opset() < 13 {
        return Ok((split.with(build::integers_attribute("split", &sizes)), None));
    }
    let name = format!("{packed}/sizes");
    split.input.push(name.clone());
    Ok((split, Some(build::integers(&name, &sizes))))
}

/// Whether `name` is, for each token, how many come before it; or for the first of them only.
fn are_positions(links: &Links<'_>, name: &str) -> bool {
    let setting = Setting::of(links.graph);
    let values = inputs_at(links.graph, setting, |_, shape| zeros(shape))
        .and_then(|feeds| evaluate(links, &[name], &feeds))
        .and_then(|values| values.first().map(as_integers).unwrap_or(Ok(Vec::new())));
    let past = setting.past as i64;
    values.is_ok_and(|values| values == [past, past + 1, past + 2] || values == [past])
}

/// Rotations of whole rows before attention become the attention's own.
pub(super) fn rotate_inside(graph: &mut Graph) -> Result<(), LoadError> {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        if node.op_type != ops::ATTENTION {
            continue;
        }
        let rotation = |at: usize| input(node, at).and_then(|name| links.made_by(name, &[ROTARY]));
        match (rotation(0), rotation(1)) {
            (None, None) => {}
            (Some(query), Some(key)) => {
                edits.nodes.insert(at, vec![rotating(&links, node, query, key)?]);
            }
            (Some(one), None) | (None, Some(one)) => {
                return refuse_node(one, "of query and key only one is rotated".to_owned());
            }
        }
    }
    drop(links);
    graph.apply(edits);
    Ok(())
}

fn rotating(
    links: &Links<'_>,
    node: &NodeProto,
    query: &NodeProto,
    key: &NodeProto,
) -> Result<NodeProto, LoadError> {
    let flag = |node: &NodeProto, name| integer(node, name).unwrap_or(0);
    if flag(node, "do_rotary") != 0 {
        return refuse_node(node, "its query and key are rotated twice".to_owned());
    }
    for rotation in [query, key] {
        if flag(rotation, "rotary_embedding_dim") != 0 {
            let why = "rotary_embedding_dim: heads that are rotated in part are not supported";
            return refuse_node(rotation, why.to_owned());
        }
        if !rotation_inputs(rotation).2.is_some_and(|name| are_positions(links, name)) {
            return refuse_node(rotation, "it does not rotate by the tokens' positions".to_owned());
        }
    }
    let (cos, sin, _) = rotation_inputs(query);
    let differs = rotation_inputs(key).0 != cos || rotation_inputs(key).1 != sin;
    if differs || flag(query, "interleaved") != flag(key, "interleaved") {
        return refuse_node(node, "its query and key are rotated differently".to_owned());
    }
    let (Some(cos), Some(sin), Some(q), Some(k), Some(v)) =
        (cos, sin, input(query, 0), input(key, 0), input(node, 2))
    else {
        return refuse_node(query, "it has too few inputs".to_owned());
    };
    let mut node = node.clone();
    node.input = [q, k, v, cos, sin].map(str::to_owned).into();
    node.attribute.retain(|a| !["do_rotary", "rotary_interleaved"].contains(&a.name.as_str()));
    Ok(node
        .with(build::integer_attribute("do_rotary", 1))
        .with(build::integer_attribute("rotary_interleaved", flag(query, "interleaved"))))
}

/// Cosines, sines and positions: the contributed operator has positions first, ONNX's own last.
pub(super) fn rotation_inputs(node: &NodeProto) -> (Option<&str>, Option<&str>, Option<&str>) {
    if node.domain == "com.microsoft" {
        (input(node, 2), input(node, 3), input(node, 1))
    } else {
        (input(node, 1), input(node, 2), input(node, 3))
    }
}

/// Gives attention layers their numbers, in the order in which they are computed.
pub(super) fn number_layers(graph: &mut Graph) -> usize {
    let layers = graph.nodes.iter_mut().filter(|node| node.op_type == ops::ATTENTION);
    let mut count = 0;
    for node in layers {
        node.attribute.retain(|a| a.name != "layer");
        node.attribute.push(build::integer_attribute("layer", count as i64));
        count += 1;
    }
    count
}
