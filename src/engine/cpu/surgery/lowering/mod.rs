//! Attention operators spelled out in small ones, to be recognised like any other.
//!
//! `MultiHeadAttention` and ONNX's `Attention` are used in too many ways to be taken at their word:
//! heads may be repeated and caches joined before them, masks may do anything. Spelled out they go
//! through the same proof as what an exporter spelled out itself.

mod attention;
mod mask;
mod multi_head;
mod rotary;
mod sketch;

use tract_onnx::pb::NodeProto;

use super::graph::{Edits, Graph, Links};
use super::{ROTARY, refuse_node};
use crate::engine::LoadError;

use self::sketch::Sketch;

/// Spells out every operator of that kind.
pub(super) fn spell_out(graph: &mut Graph) -> Result<(), LoadError> {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        let spelled = match node.op_type.as_str() {
            "MultiHeadAttention" => multi_head::spelled(&links, node),
            "Attention" if node.domain.is_empty() || node.domain == "ai.onnx" => {
                attention::spelled(&links, node)
            }
            ROTARY if rotary::of_heads(&links, node) => rotary::spelled(&links, node),
            _ => continue,
        };
        match spelled {
            Ok(sketch) => {
                edits.nodes.insert(at, sketch.nodes);
                edits.constants.extend(sketch.constants);
            }
            Err(why) => return refuse_node(node, why),
        }
    }
    drop(links);
    graph.apply(edits);
    Ok(())
}

type Spelled = Result<Sketch, String>;

fn needed<'n>(node: &'n NodeProto, at: usize, what: &str) -> Result<&'n str, String> {
    super::graph::input(node, at).ok_or_else(|| format!("it has no {what}"))
}

/// Refuses the inputs at `places`.
fn absent(node: &NodeProto, places: &[(usize, &str)]) -> Result<(), String> {
    match places.iter().find(|(at, _)| super::graph::input(node, *at).is_some()) {
        Some((_, what)) => Err(format!("input {what} is not supported")),
        None => Ok(()),
    }
}

/// Joins a key or value with the cached ones, where there are such, and tells where both are.
fn joined(sketch: &mut Sketch, cached: Option<&str>, new: &str, present: Option<&str>) -> String {
    let Some(cached) = cached else { return new.to_owned() };
    let axis = super::build::integer_attribute("axis", 2);
    match present {
        Some(present) => sketch.named("Concat", &[cached, new], present, [axis]),
        None => sketch.with("Concat", &[cached, new], [axis]),
    }
}

/// Whether a mask is one of true and false.
fn is_boolean(links: &Links<'_>, mask: &str) -> Result<bool, String> {
    use super::evaluate::{Setting, evaluate, inputs_at, zeros};
    let value = inputs_at(links.graph, Setting::of(links.graph), |_, shape| zeros(shape))
        .and_then(|feeds| evaluate(links, &[mask], &feeds));
    match value.as_ref().map(|values| values.first()) {
        Ok(Some(value)) => Ok(value.datum_type() == tract_onnx::prelude::DatumType::Bool),
        Ok(None) => Err(format!("the mask {mask} is not there")),
        Err(error) => Err(format!("the mask {mask} cannot be computed: {error:#}")),
    }
}
