//! Margins that a graph puts around a picture, left to the windows that read it.
//!
//! A convolution copies its input anyway and has zeros around it for nothing; a margin that repeats
//! the edge changes no largest value.

use tract_onnx::tract_core::ops::array::{Pad, PadMode};
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::cnn::conv::Conv;
use tract_onnx::tract_core::ops::cnn::{MaxPool, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_hir::internal::*;

/// Takes margins away from what convolutions and the largest of windows read.
pub(super) fn replace(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes.len() {
        if let Some(patch) = without_margin(model, id)? {
            patch.apply(model)?;
        }
    }
    Ok(())
}

fn without_margin(model: &TypedModel, id: usize) -> TractResult<Option<TypedModelPatch>> {
    let node = model.node(id);
    let Some(&input) = node.inputs.first() else { return Ok(None) };
    let (geometry, convolves) = if let Some(conv) = node.op_as::<Conv>() {
        (&conv.pool_spec, true)
    } else if let Some(pool) = node.op_as::<MaxPool>().filter(|p| p.with_index_outputs.is_none()) {
        (&pool.pool_spec, false)
    } else {
        return Ok(None);
    };
    let Some(margin) = Margin::behind(model, input)? else { return Ok(None) };
    let Some([before, behind]) = margin.around(geometry) else { return Ok(None) };
    let fits = match margin.mode {
        PadMode::Constant(fill) if convolves => {
            matches!(fill.cast_to_scalar::<f32>(), Ok(0.0))
        }
        PadMode::Edge if !convolves => is_narrow(geometry, &before) && is_narrow(geometry, &behind),
        _ => false,
    };
    if !fits {
        return Ok(None);
    }
    let padding = PaddingSpec::Explicit(before, behind);
    let geometry = PoolSpec { padding, ..geometry.clone() };
    let op: Box<dyn TypedOp> = match (node.op_as::<Conv>(), node.op_as::<MaxPool>()) {
        (Some(conv), _) => Box::new(Conv { pool_spec: geometry, ..conv.clone() }),
        (_, Some(pool)) => Box::new(MaxPool { pool_spec: geometry, ..pool.clone() }),
        _ => return Ok(None),
    };
    let mut patch = TypedModelPatch::default();
    let mut inputs = patch.taps(model, &node.inputs)?;
    let mut picture = patch.tap_model(model, margin.picture)?;
    if let Some((name, turn)) = margin.turned {
        let turned = patch.wire_node(name, turn.clone(), &[picture])?;
        picture = *turned.first().context("no output")?;
    }
    *inputs.first_mut().context("no input")? = picture;
    let out = *patch.wire_node(&node.name, op, &inputs)?.first().context("no output")?;
    if patch.outlet_fact(out)?.shape != model.outlet_fact(id.into())?.shape {
        // The same lengths, said in another way; nobody could compare them.
        return Ok(None);
    }
    patch.shunt_outside(model, id.into(), out)?;
    Ok(Some(patch))
}

/// Whether every window that shows some of what is around shows the edge, too.
fn is_narrow(geometry: &PoolSpec, around: &[usize]) -> bool {
    let dense = geometry.dilations().iter().all(|&dilation| dilation == 1);
    dense && around.iter().zip(&geometry.kernel_shape).all(|(around, size)| around < size)
}

/// A picture of floats with something around it, which one node reads.
struct Margin<'a> {
    picture: OutletId,
    mode: &'a PadMode,
    /// Before and behind, of each axis as it is read.
    lengths: Vec<(usize, usize)>,
    /// Where an axis is moved in between: that node's name and what it does.
    turned: Option<(&'a str, &'a AxisOp)>,
}

impl<'a> Margin<'a> {
    fn behind(model: &'a TypedModel, outlet: OutletId) -> TractResult<Option<Self>> {
        let outputs = model.output_outlets()?;
        let only_here = |node: &TypedNode| {
            let read = node.outputs.iter().map(|output| output.successors.len()).sum::<usize>();
            read == 1 && !outputs.iter().any(|outlet| outlet.node == node.id)
        };
        let mut node = model.node(outlet.node);
        let mut turned = None;
        loop {
            let same = match node.op_as::<Cast>() {
                Some(cast) => {
                    model.node_input_facts(node.id)?.iter().all(|f| f.datum_type == cast.to)
                }
                None => false,
            };
            match node.op_as::<AxisOp>() {
                Some(turn @ AxisOp::Move(..)) if turned.is_none() => {
                    turned = Some((node.name.as_str(), turn));
                }
                _ if same => {}
                _ => break,
            }
            if !only_here(node) {
                return Ok(None);
            }
            node = model.node(node.inputs.first().context("no input")?.node);
        }
        let Some(pad) = node.op_as::<Pad>() else { return Ok(None) };
        let picture = *node.inputs.first().context("no input")?;
        if !only_here(node) || model.outlet_fact(picture)?.datum_type != f32::datum_type() {
            return Ok(None);
        }
        let mut lengths = pad.pads.clone();
        if let Some((_, AxisOp::Move(from, to))) = turned {
            let moved = lengths.remove(*from);
            lengths.insert(*to, moved);
        }
        Ok(Some(Self { picture, mode: &pad.mode, lengths, turned }))
    }

    /// Places before and behind the picture for a window with a padding of its own, where they can be
    /// told.
    fn around(&self, geometry: &PoolSpec) -> Option<[TVec<usize>; 2]> {
        let none = |lengths: &[(usize, usize)]| lengths.iter().all(|&both| both == (0, 0));
        let (others, places) = self.lengths.split_at_checked(2)?;
        let planes = geometry.data_format == DataFormat::NCHW && none(others);
        if !planes || places.len() != geometry.rank() {
            return None;
        }
        let (before, behind) = match &geometry.padding {
            PaddingSpec::Valid => (tvec![0; places.len()], tvec![0; places.len()]),
            PaddingSpec::Explicit(before, behind)
            | PaddingSpec::ExplicitOnnxPool(before, behind, false) => {
                (before.clone(), behind.clone())
            }
            _ => return None,
        };
        let before = before.iter().zip(places).map(|(own, place)| own + place.0).collect();
        let behind = behind.iter().zip(places).map(|(own, place)| own + place.1).collect();
        Some([before, behind])
    }
}
