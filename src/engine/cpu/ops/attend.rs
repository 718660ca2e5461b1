//! Attention of whole sequences to each other.
//!
//! An `Attend` node has query, key and value as rows of heads side by side, and perhaps a mask that is
//! added to the scores.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{Built, step, uninitialised};
use crate::engine::cpu::kernels::attend::{Mask, Operands, Sizes, attend};

/// Attributes.
pub(in crate::engine::cpu) const HEADS: &str = "num_heads";
pub(in crate::engine::cpu) const SCALE: &str = "scale";
/// Set where a query that may see nothing gives zeros.
pub(in crate::engine::cpu) const BLIND_IS_ZERO: &str = "blind_is_zero";

/// `softmax(query · key * scale + mask) · value` for each head.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine::cpu) struct Attend {
    pub(in crate::engine::cpu) heads: usize,
    /// 1 / √size where it is not told.
    pub(in crate::engine::cpu) scale: Option<f32>,
    pub(in crate::engine::cpu) blind_is_zero: bool,
}

impl Eq for Attend {}

pub(super) fn parse(_: &ParsingContext, node: &NodeProto) -> Built {
    let heads: usize = node.get_attr(HEADS)?;
    ensure!(heads > 0, "no heads");
    let blind_is_zero = node.get_attr_opt::<i64>(BLIND_IS_ZERO)? == Some(1);
    let op = Attend { heads, scale: node.get_attr_opt(SCALE)?, blind_is_zero };
    Ok((expand(op), vec![]))
}

impl Expansion for Attend {
    fn name(&self) -> StaticName {
        "Attend".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([query, _, value, ..], [out]) = (inputs, outputs) else {
            bail!("three or four inputs and one output are expected")
        };
        solver.equals(&out.datum_type, f32::datum_type())?;
        solver.given_2(&query.shape, &value.shape, move |s, query, value| {
            s.equals(&out.shape, shape_of(&query, &value)?)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        for &input in inputs {
            let fact = model.outlet_fact(input)?;
            ensure!(fact.datum_type == f32::datum_type(), "it attends to {:?}", fact.datum_type);
        }
        model.wire_node(prefix, self.clone(), inputs)
    }
}

/// The query's tokens, the value's width.
fn shape_of(query: &[TDim], value: &[TDim]) -> TractResult<TVec<TDim>> {
    let ([batch, tokens, _], [_, _, width]) = (query, value) else {
        bail!("query and value have three axes")
    };
    Ok(tvec![batch.clone(), tokens.clone(), width.clone()])
}

impl Attend {
    fn sizes(&self, query: &[usize], key: &[usize], value: &[usize]) -> TractResult<Sizes> {
        let (&[batch, queries, width], &[_, keys, _], &[_, _, value_width]) = (query, key, value)
        else {
            bail!("query, key and value have three axes")
        };
        ensure!(key == [batch, keys, width], "keys of shape {key:?} for queries {query:?}");
        ensure!(value == [batch, keys, value_width], "values of shape {value:?} for {key:?}");
        let heads = self.heads;
        ensure!(
            width.is_multiple_of(heads) && value_width.is_multiple_of(heads) && width > 0,
            "rows of {width} and {value_width} for {heads} heads"
        );
        let (size, value_size) = (width / heads, value_width / heads);
        Ok(Sizes { batch, queries, keys, heads, size, value_size })
    }
}

impl Op for Attend {
    fn name(&self) -> StaticName {
        "Attend".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Attend {
    not_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let step = step(context)?;
        let [query, key, value, mask @ ..] = &*inputs else { bail!("three inputs or more") };
        let sizes = self.sizes(query.shape(), key.shape(), value.shape())?;
        let shape = [sizes.batch, sizes.queries, sizes.heads * sizes.value_size];
        let mut out = uninitialised(&shape)?;
        if out.len() == 0 {
            return Ok(tvec![out.into()]);
        }
        ensure!(sizes.keys > 0, "there is nothing to attend to");
        let masks = mask.first().map(|mask| mask.try_as_plain_ram()).transpose()?;
        let mask = match (mask.first(), &masks) {
            (Some(mask), Some(values)) => {
                let fitting = Mask::new(values.as_slice()?, mask.shape(), &sizes);
                Some(fitting.with_context(|| format!("a mask of shape {:?}", mask.shape()))?)
            }
            _ => None,
        };
        let views = (query.try_as_plain_ram()?, key.try_as_plain_ram()?, value.try_as_plain_ram()?);
        let operands = Operands {
            query: views.0.as_slice()?,
            key: views.1.as_slice()?,
            value: views.2.as_slice()?,
            mask,
            scale: self.scale.unwrap_or_else(|| 1.0 / (sizes.size as f32).sqrt()),
            blind_is_zero: self.blind_is_zero,
        };
        let mut view = out.try_as_plain_ram_mut()?;
        attend(step.kernel, &step.pool, &sizes, &operands, view.as_slice_mut()?);
        Ok(tvec![out.into()])
    }
}

impl TypedOp for Attend {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [query, _, value, ..] = inputs else { bail!("three inputs or more") };
        Ok(tvec!(f32::fact(shape_of(&query.shape, &value.shape)?)))
    }

    as_op!();
}
