//! Attention that an exporter spelled out, recognised and put into one node.
//!
//! Exporters differ in every detail: how heads are repeated, where the scale is, how positions become
//! a rotation, how the mask is made. So only the skeleton is looked for (`pattern`): a softmax
//! between two products, and the rows that become query, key and value. What happens between them is
//! measured on the nodes themselves (`measure`), and then the whole is compared with what our
//! attention would compute (`proof`), masks and caches included. What does not compare is refused.

mod measure;
mod pattern;
mod proof;
mod rotary;

use tract_onnx::pb::NodeProto;

use self::measure::Bench;
use self::pattern::Pattern;
use self::rotary::Turning;
use super::build::{self, With};
use super::graph::{Edits, Graph};
use super::rows::Rows;
use super::{Surroundings, refuse_node};
use crate::engine::LoadError;
use crate::engine::cpu::ops;

/// Attention as our operator has it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Attention {
    heads: usize,
    kv_heads: usize,
    head_size: usize,
    scale: f32,
}

/// Puts one node in the place of each attention that is spelled out.
pub(super) fn recognise(
    graph: &mut Graph,
    surroundings: &Surroundings<'_>,
) -> Result<(), LoadError> {
    // Models share their rotary tables among layers.
    let mut known: Vec<Turning> = Vec::new();
    let mut masks = Vec::new();
    // Only when a layer's attention is one node is it known which tensors after it are rows.
    while let Some((at, nodes)) = next(graph, surroundings, &mut known, &mut masks)? {
        let constants = known.iter().flat_map(Turning::tables).cloned().collect();
        graph.apply(Edits { nodes: [(at, nodes)].into(), constants });
        graph.keep_what_is_needed();
    }
    Ok(())
}

/// The first attention that is spelled out, as one node, with the place where it belongs.
fn next(
    graph: &Graph,
    surroundings: &Surroundings<'_>,
    known: &mut Vec<Turning>,
    masks: &mut Vec<String>,
) -> Result<Option<(usize, Vec<NodeProto>)>, LoadError> {
    let links = graph.links();
    let softmaxes = graph.nodes.iter().filter(|node| node.op_type == "Softmax");
    let Some(pattern) = softmaxes.filter_map(|node| Pattern::find(&links, node)).next() else {
        return Ok(None);
    };
    let refuse = |why: String| refuse_node(pattern.softmax, why);
    let rows = Rows::of(graph);
    let cuts = match pattern.cuts(&links, &rows) {
        Ok(cuts) => cuts,
        Err(why) => return refuse(why),
    };
    let bench = Bench::new(&links, &rows, &pattern, cuts);
    let understood = bench.attention().and_then(|attention| {
        let turning = rotary::turning(&bench, attention, known, surroundings.context_tokens)?;
        proof::compare(&bench, attention, turning.as_ref())?;
        proof::sees_all(&bench, &pattern, masks, surroundings.context_tokens)?;
        Ok((attention, turning))
    });
    let (attention, turning) = match understood {
        Ok(understood) => understood,
        Err(error) => return refuse(format!("its attention is not understood: {error:#}")),
    };
    let Some((at, out)) = bench.output().and_then(|out| Some((links.producer(out)?.0, out))) else {
        return refuse("its attention has no rows as output".to_owned());
    };
    Ok(Some((at, vec![node(&bench, attention, turning.as_ref(), out)])))
}

fn node(
    bench: &Bench<'_>,
    attention: Attention,
    turning: Option<&Turning>,
    out: &str,
) -> NodeProto {
    let [q, k, v] = bench.cuts.names();
    let mut inputs = vec![q, k, v];
    inputs.extend(turning.into_iter().flat_map(Turning::tables).map(|table| table.name.as_str()));
    let interleaved = turning.is_some_and(|turning| turning.interleaved);
    build::node(ops::ATTENTION, &inputs, out)
        .with(build::integer_attribute("num_heads", attention.heads as i64))
        .with(build::integer_attribute("kv_num_heads", attention.kv_heads as i64))
        .with(build::float_attribute("scale", attention.scale))
        .with(build::integer_attribute("do_rotary", turning.is_some().into()))
        .with(build::integer_attribute("rotary_interleaved", interleaved.into()))
}
