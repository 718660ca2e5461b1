//! Rows of quantised tables: they are picked first and made into floats then, so that the table is
//! never held as floats. The numbers are the same.

use tract_onnx::pb::NodeProto;

use super::super::build::{self, With};
use super::super::graph::{Edits, Graph, Links, input, integer, output};

/// `Gather(scaled table, ids)` → scaled `Gather(table, ids)`.
pub(super) fn gather_before_scaling(graph: &mut Graph) {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        if node.op_type == "Gather"
            && integer(node, "axis").unwrap_or(0) == 0
            && let Some(nodes) = before(&links, node)
        {
            edits.nodes.insert(at, nodes);
        }
    }
    drop(links);
    graph.apply(edits);
}

fn before(links: &Links<'_>, gather: &NodeProto) -> Option<Vec<NodeProto>> {
    let (table, ids, out) = (input(gather, 0)?, input(gather, 1)?, output(gather, 0)?);
    if links.graph.initializer(table).is_some() || !links.is_constant(table) {
        return None;
    }
    let (_, scaling) = links.producer(table)?;
    let stored = format!("{out}/stored");
    match scaling.op_type.as_str() {
        "DequantizeLinear" => {
            let values = matrix(links, input(scaling, 0)?)?;
            let one = |at| input(scaling, at).is_none_or(|name| count(links, name) == Some(1));
            if !one(1) || !one(2) {
                return None;
            }
            let mut back = NodeProto { name: gather.name.clone(), ..scaling.clone() };
            *back.input.first_mut()? = stored.clone();
            back.output = vec![out.to_owned()];
            Some(vec![build::node("Gather", &[values, ids], &stored), back])
        }
        "Mul" => {
            let (cast, scale) = (input(scaling, 0)?, input(scaling, 1)?);
            let cast = links.made_by(cast, &["Cast"])?;
            let values = matrix(links, input(cast, 0)?)?;
            let rows = links.constant_shape(values)?.first().copied()?;
            let factors = format!("{out}/factors");
            let floats = format!("{out}/floats");
            let mut nodes = vec![build::node("Gather", &[values, ids], &stored)];
            let factor = match links.graph.initializer(scale)?.dims.as_slice() {
                [] | [1] | [1, _] => scale,
                // A scale for each row.
                &[first, 1] if usize::try_from(first) == Ok(rows) => {
                    nodes.push(build::node("Gather", &[scale, ids], &factors));
                    &factors
                }
                _ => return None,
            };
            let to = build::integer_attribute("to", integer(cast, "to")?);
            nodes.push(build::node("Cast", &[&stored], &floats).with(to));
            nodes.push(build::node("Mul", &[&floats, factor], out));
            Some(nodes)
        }
        _ => None,
    }
}

/// A stored matrix.
fn matrix<'n>(links: &Links<'_>, name: &'n str) -> Option<&'n str> {
    let tensor = links.graph.initializer(name)?;
    (tensor.dims.len() == 2).then_some(name)
}

fn count(links: &Links<'_>, name: &str) -> Option<usize> {
    Some(links.constant_shape(name)?.iter().product())
}
