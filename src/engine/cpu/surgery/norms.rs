//! Root-mean-square normalisation, however it was exported.

use tract_onnx::pb::{NodeProto, TensorProto};

use super::build::{self, With};
use super::evaluate::number;
use super::graph::{Edits, Graph, Links, input, integer, integers, output};
use super::{refuse_node, rows};
use crate::engine::LoadError;
use crate::engine::cpu::ops;

/// Operators that normalise and operators that add and normalise.
const PLAIN: [&str; 2] = ["SimplifiedLayerNormalization", "RMSNormalization"];
const SKIP: &str = "SkipSimplifiedLayerNormalization";

/// Brings fused and decomposed normalisations to one node.
pub(super) fn gather_up(graph: &mut Graph) -> Result<(), LoadError> {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        match node.op_type.as_str() {
            op if PLAIN.contains(&op) => {
                edits.nodes.insert(at, vec![plain(node.clone())?]);
            }
            SKIP => {
                edits.nodes.insert(at, skip(node)?);
            }
            "ReduceMean" => {
                if let Some((at, norm)) = decomposed(&links, node) {
                    edits.nodes.insert(at, vec![norm]);
                }
            }
            _ => {}
        }
    }
    drop(links);
    graph.apply(edits);
    Ok(())
}

fn plain(mut node: NodeProto) -> Result<NodeProto, LoadError> {
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

/// `SkipSimplifiedLayerNormalization` → additions and a normalisation.
fn skip(node: &NodeProto) -> Result<Vec<NodeProto>, LoadError> {
    let [first, skip, gain, rest @ ..] = node.input.as_slice() else {
        return refuse_node(node, "it has fewer than three inputs".to_owned());
    };
    if output(node, 1).or(output(node, 2)).is_some() {
        return refuse_node(node, "mean and inverse deviation are not supported".to_owned());
    }
    let sum = output(node, 3).map_or_else(|| format!("{}/sum", node.name), str::to_owned);
    let mut nodes = match rest.first().filter(|bias| !bias.is_empty()) {
        None => vec![build::node("Add", &[first, skip], &sum)],
        Some(bias) => {
            let biased = format!("{}/biased", node.name);
            vec![
                build::node("Add", &[first, bias], &biased),
                build::node("Add", &[&biased, skip], &sum),
            ]
        }
    };
    nodes.push(NodeProto {
        name: node.name.clone(),
        op_type: ops::NORM.to_owned(),
        input: vec![sum, gain.clone()],
        output: output(node, 0).map(str::to_owned).into_iter().collect(),
        attribute: node.attribute.iter().filter(|a| a.name == "epsilon").cloned().collect(),
        ..Default::default()
    });
    Ok(nodes)
}

/// `x / sqrt(mean(x²) + epsilon) * gain`, from the mean on, with the place of the last product.
fn decomposed(links: &Links<'_>, mean: &NodeProto) -> Option<(usize, NodeProto)> {
    let x = squared(links, input(mean, 0)?)?;
    if !over_last_axis(links, mean) {
        return None;
    }
    let (_, add) = links.consumer(output(mean, 0)?)?;
    let epsilon = constant_operand(links, add, output(mean, 0)?)?;
    if add.op_type != "Add" {
        return None;
    }
    let mut normalised = divided(links, output(add, 0)?, x)?;
    let (mut at, mut last) = links.consumer(normalised)?;
    while last.op_type == "Cast" {
        normalised = output(last, 0)?;
        (at, last) = links.consumer(normalised)?;
    }
    let gain = last.input.iter().find(|name| *name != normalised)?;
    if last.op_type != "Mul" || !links.is_constant(gain) {
        return None;
    }
    let x = before_cast(links, x);
    let norm = build::node(ops::NORM, &[x, gain], output(last, 0)?);
    Some((at, norm.with(build::float_attribute("epsilon", epsilon))))
}

/// Normalisation of each head by itself, before attention: heads become rows of their own for it, so
/// that rows of tokens are rows again when attention lays them out as it likes.
pub(super) fn by_heads(graph: &mut Graph) {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        if node.op_type == ops::NORM
            && let Some((nodes, constants)) = of_heads(&links, node)
        {
            edits.nodes.insert(at, nodes);
            edits.constants.extend(constants);
        }
    }
    drop(links);
    graph.apply(edits);
}

fn of_heads(links: &Links<'_>, norm: &NodeProto) -> Option<(Vec<NodeProto>, [TensorProto; 2])> {
    let layout = links.made_by(input(norm, 0)?, &["Reshape"])?;
    let (rows, shape) = (input(layout, 0)?, input(layout, 1)?);
    let width = rows::made_width(links, rows)?;
    let gain = input(norm, 1)?;
    let &[size] = links.constant_shape(gain)?.as_slice() else { return None };
    if size == 0 || size == width || !width.is_multiple_of(size) {
        return None;
    }
    let out = output(norm, 0)?;
    let name = |what: &str| format!("{out}/{what}");
    let (by_head, by_token) = (name("by_head"), name("by_token"));
    let (heads, normed, tokens) = (name("heads"), name("normed"), name("tokens"));
    let mut normalise = norm.clone();
    normalise.input = vec![heads.clone(), gain.to_owned()];
    normalise.output = vec![normed.clone()];
    let nodes = vec![
        build::node("Reshape", &[rows, &by_head], &heads),
        normalise,
        build::node("Reshape", &[&normed, &by_token], &tokens),
        build::node("Reshape", &[&tokens, shape], out),
    ];
    let layout = |name: &str, width: usize| build::integers(name, &[1, -1, width as i64]);
    Some((nodes, [layout(&by_head, size), layout(&by_token, width)]))
}

/// What `name` is the square of.
fn squared<'g>(links: &Links<'g>, name: &str) -> Option<&'g str> {
    let node = links.made_by(name, &["Pow", "Mul"])?;
    let (x, second) = (input(node, 0)?, input(node, 1)?);
    let square = match node.op_type.as_str() {
        "Pow" => number(links, second) == Some(2.0),
        _ => x == second,
    };
    square.then_some(x)
}

fn over_last_axis(links: &Links<'_>, mean: &NodeProto) -> bool {
    let keeps = integer(mean, "keepdims").unwrap_or(1) == 1;
    let axes = match input(mean, 1) {
        Some(axes) => number(links, axes).map(|axis| axis as i64),
        None => match integers(mean, "axes") {
            Some(&[axis]) => Some(axis),
            _ => None,
        },
    };
    // Rows have three axes wherever they are normalised whole.
    keeps && axes.is_some_and(|axis| [-1, 2].contains(&axis))
}

/// The constant number that a node combines with `one`.
fn constant_operand(links: &Links<'_>, node: &NodeProto, one: &str) -> Option<f32> {
    let other = node.input.iter().find(|name| *name != one)?;
    number(links, other)
}

/// `x` divided by the square root of `sum`: by `Sqrt` and `Div`, `Reciprocal` or `1 / …`, or by `Pow`.
fn divided<'g>(links: &Links<'g>, sum: &str, x: &str) -> Option<&'g str> {
    let (_, root) = links.consumer(sum)?;
    let rooted = output(root, 0)?;
    let inverse = match root.op_type.as_str() {
        "Sqrt" => {
            let (_, next) = links.consumer(rooted)?;
            let is_divisor = input(next, 1) == Some(rooted);
            match next.op_type.as_str() {
                "Reciprocal" => output(next, 0)?,
                "Div" if is_divisor && input(next, 0) == Some(x) => return output(next, 0),
                "Div" if is_divisor && number(links, input(next, 0)?) == Some(1.0) => {
                    output(next, 0)?
                }
                _ => return None,
            }
        }
        "Pow" if number(links, input(root, 1)?) == Some(-0.5) => rooted,
        "Rsqrt" => rooted,
        _ => return None,
    };
    let (_, product) = links.consumer(inverse)?;
    let operands = [input(product, 0)?, input(product, 1)?];
    let fits = product.op_type == "Mul" && operands.contains(&x) && operands.contains(&inverse);
    fits.then(|| output(product, 0)).flatten()
}

/// What was cast to compute more exactly; all is computed in single floats here.
fn before_cast<'g>(links: &Links<'g>, name: &'g str) -> &'g str {
    match links.made_by(name, &["Cast"]).and_then(|cast| input(cast, 0)) {
        Some(before) => before,
        None => name,
    }
}
