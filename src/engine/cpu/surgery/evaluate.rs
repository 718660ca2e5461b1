//! Parts of a graph, computed: what a constant is, what a mask allows, how a rotation turns.
//!
//! Whatever a pass takes an exporter's nodes to mean it can check here, on the nodes themselves.

use std::collections::{HashMap, HashSet};

use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    GraphProto, ModelProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::graph::{Graph, Links, inputs, port};
use super::{IDS, build};
use crate::engine::cpu::caught;
use crate::engine::cpu::network::guard;

/// Bytes of an array that is computed to look at it.
const MAX_BYTES: u64 = 1 << 30;

/// Where in a sequence a graph is evaluated: this many tokens after so many in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) past: usize,
    pub(super) tokens: usize,
}

impl Setting {
    /// Where to look at a graph: after some tokens where it has a cache for them.
    pub(super) fn of(graph: &Graph) -> Self {
        Self { past: if caches(graph).is_empty() { 0 } else { 5 }, tokens: 3 }
    }
}

/// Values by name that stand for what would be computed or fed.
pub(super) type Feeds = HashMap<String, Tensor>;

/// Computes the tensors `wanted` from `feeds` and constants.
pub(super) fn evaluate(
    links: &Links<'_>,
    wanted: &[&str],
    feeds: &Feeds,
) -> TractResult<Vec<Tensor>> {
    let graph = links.graph;
    let part = part(links, wanted, feeds)?;
    let onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
    let order: Vec<String> = part.input.iter().map(|input| input.name.clone()).collect();
    let proto =
        ModelProto { graph: Some(part), opset_import: graph.opsets.clone(), ..Default::default() };
    let folder = graph.folder.to_str();
    let model = caught(|| planned(&onnx, &proto, folder))?;
    let fed = order.iter().filter_map(|name| feeds.get(name)).cloned().map(Tensor::into_tvalue);
    let outputs = caught(|| model.run(fed.collect()))?;
    Ok(outputs.into_iter().map(TValue::into_tensor).collect())
}

fn planned(
    onnx: &Onnx,
    proto: &ModelProto,
    folder: Option<&str>,
) -> TractResult<Arc<TypedSimplePlan>> {
    let parsed = onnx.parse(proto, folder)?;
    ensure!(parsed.unresolved_inputs.is_empty(), "nothing makes {:?}", parsed.unresolved_inputs);
    let mut model = parsed.model;
    guard::guard(&mut model, MAX_BYTES);
    let model = model.into_typed()?;
    guard::check(&model, MAX_BYTES)?;
    model.into_runnable()
}

/// The nodes between `feeds` and `wanted` as a graph of their own.
fn part(links: &Links<'_>, wanted: &[&str], feeds: &Feeds) -> TractResult<GraphProto> {
    let graph = links.graph;
    let (mut seen, mut live) = (HashSet::new(), HashSet::new());
    let mut part = GraphProto { name: "part".to_owned(), ..Default::default() };
    let mut open = wanted.to_vec();
    while let Some(name) = open.pop() {
        if !seen.insert(name) {
            continue;
        }
        if let Some(value) = feeds.get(name) {
            part.input.push(fed(name, value)?);
        } else if let Some(tensor) = graph.initializer(name) {
            part.initializer.push(tensor.clone());
        } else if let Some((at, node)) = links.producer(name) {
            live.insert(at);
            open.extend(inputs(node));
        } else {
            bail!("it depends on {name}");
        }
    }
    let nodes = graph.nodes.iter().enumerate().filter(|(at, _)| live.contains(at));
    part.node = nodes.map(|(_, node)| node.clone()).collect();
    for (at, name) in wanted.iter().enumerate() {
        let output = format!("endcap_wanted_{at}");
        part.node.push(build::node("Identity", &[name], &output));
        part.output.push(ValueInfoProto { name: output, ..Default::default() });
    }
    Ok(part)
}

fn fed(name: &str, value: &Tensor) -> TractResult<ValueInfoProto> {
    use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
    let elem_type = match value.datum_type() {
        DatumType::F32 => DataType::Float,
        DatumType::I64 => DataType::Int64,
        DatumType::I32 => DataType::Int32,
        DatumType::Bool => DataType::Bool,
        other => bail!("{name} would be {other:?}"),
    };
    let dim = |&dim: &usize| Dimension {
        value: Some(dimension::Value::DimValue(dim as i64)),
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: value.shape().iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: elem_type as i32, shape: Some(shape) };
    let value = Some(type_proto::Value::TensorType(tensor));
    let r#type = Some(TypeProto { value, ..Default::default() });
    Ok(ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() })
}

/// What a graph's inputs are in a setting, for one sequence: those whose names tell what they are.
///
/// Caches are filled by `cache`. An input that is not understood is left out, and whatever depends
/// on it cannot be evaluated.
pub(super) fn inputs_at(
    graph: &Graph,
    setting: Setting,
    mut cache: impl FnMut(&str, &[usize]) -> Tensor,
) -> TractResult<Feeds> {
    let Setting { past, tokens } = setting;
    let mut feeds = Feeds::new();
    for input in &graph.inputs {
        let Some((kind, dims)) = port(input) else { continue };
        let name = input.name.as_str();
        let value = match name {
            IDS => whole(0..tokens, &[1, tokens], kind)?,
            "attention_mask" => whole((0..past + tokens).map(|_| 1), &[1, past + tokens], kind)?,
            "position_ids" => whole(past..past + tokens, &[1, tokens], kind)?,
            "cache_position" => whole(past..past + tokens, &[tokens], kind)?,
            "seqlens_k" => whole([past + tokens - 1], &shape_of_one(&dims), kind)?,
            "total_sequence_length" | "total_seq_len" => {
                whole([past + tokens], &shape_of_one(&dims), kind)?
            }
            "past_sequence_length" | "past_seq_len" => whole([past], &shape_of_one(&dims), kind)?,
            "use_cache_branch" => whole([1], &shape_of_one(&dims), kind)?,
            _ => match cache_shape(kind, &dims, past) {
                Some(shape) => cache(name, &shape),
                None => continue,
            },
        };
        feeds.insert(name.to_owned(), value);
    }
    Ok(feeds)
}

/// An empty cache, or one whose content does not matter.
pub(super) fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zero::<f32>(shape).unwrap_or_default()
}

/// Names of the graph's inputs that are caches.
pub(super) fn caches(graph: &Graph) -> Vec<&str> {
    let inputs = graph.inputs.iter();
    let caches = inputs
        .filter(|i| port(i).is_some_and(|(kind, dims)| cache_shape(kind, &dims, 0).is_some()));
    caches.map(|input| input.name.as_str()).collect()
}

/// A cache is sequences × heads × positions × head size.
fn cache_shape(kind: i32, dims: &[Option<usize>], past: usize) -> Option<Vec<usize>> {
    match dims {
        &[_, Some(heads), _, Some(size)] if kind == DataType::Float as i32 => {
            Some(vec![1, heads, past, size])
        }
        _ => None,
    }
}

fn shape_of_one(dims: &[Option<usize>]) -> Vec<usize> {
    vec![1; dims.len()]
}

fn whole(
    values: impl IntoIterator<Item = usize>,
    shape: &[usize],
    kind: i32,
) -> TractResult<Tensor> {
    let values: Vec<i64> = values.into_iter().map(|value| value as i64).collect();
    let kind = DataType::try_from(kind).map_err(|error| format_err!("{error}"))?;
    let tensor = Tensor::from_shape(shape, &values)?;
    Ok(tensor.cast_to_dt(DatumType::try_from(kind)?)?.into_owned())
}

/// The values of a tensor as floats.
pub(super) fn as_floats(tensor: &Tensor) -> TractResult<Vec<f32>> {
    let floats = tensor.cast_to::<f32>()?;
    Ok(floats.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

/// The values of a tensor as integers.
pub(super) fn as_integers(tensor: &Tensor) -> TractResult<Vec<i64>> {
    let integers = tensor.cast_to::<i64>()?;
    Ok(integers.try_as_plain_ram()?.as_slice::<i64>()?.to_vec())
}

/// The value of a constant.
pub(super) fn constant(links: &Links<'_>, name: &str) -> Option<Tensor> {
    if !links.is_constant(name) {
        return None;
    }
    match links.graph.initializer(name).and_then(inline) {
        Some(stored) => Some(stored),
        None => evaluate(links, &[name], &Feeds::new()).ok()?.pop(),
    }
}

/// A small stored constant as it lies in the graph.
fn inline(tensor: &TensorProto) -> Option<Tensor> {
    let shape: Vec<usize> =
        tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect::<Option<_>>()?;
    let raw = &tensor.raw_data;
    match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float if raw.is_empty() => Tensor::from_shape(&shape, &tensor.float_data).ok(),
        DataType::Int64 if raw.is_empty() => Tensor::from_shape(&shape, &tensor.int64_data).ok(),
        DataType::Float => little::<f32, 4>(&shape, raw, f32::from_le_bytes),
        DataType::Int64 => little::<i64, 8>(&shape, raw, i64::from_le_bytes),
        _ => None,
    }
}

fn little<T: Datum + Copy, const BYTES: usize>(
    shape: &[usize],
    raw: &[u8],
    read: impl Fn([u8; BYTES]) -> T,
) -> Option<Tensor> {
    let chunks = raw.chunks_exact(BYTES).map(|bytes| bytes.try_into().map(&read));
    Tensor::from_shape(shape, &chunks.collect::<Result<Vec<T>, _>>().ok()?).ok()
}

/// The value of a constant that is a number.
pub(super) fn number(links: &Links<'_>, name: &str) -> Option<f32> {
    // What is large is no number, and is not worth computing to learn that.
    if links.constant_shape(name).is_some_and(|shape| shape.iter().any(|&dim| dim != 1)) {
        return None;
    }
    let value = constant(links, name)?;
    if value.len() == 1 { as_floats(&value).ok()?.first().copied() } else { None }
}

/// The values of a constant list of integers.
pub(super) fn list(links: &Links<'_>, name: &str) -> Option<Vec<i64>> {
    let value = constant(links, name)?;
    (value.rank() <= 1).then(|| as_integers(&value).ok()).flatten()
}
