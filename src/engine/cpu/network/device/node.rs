//! A device's part as a node of the plan around it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use endcap_gpu as gpu;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Where the encoder is, while there is one on a device.
pub(super) type Slot = Arc<Mutex<Option<gpu::Encoder>>>;

/// Inputs are what is fed, in the order of the part, then its masks; outputs are its results. All but
/// masks are batch × tokens × width. Two are equal when they are the same.
#[derive(Clone)]
pub(super) struct OnDevice {
    slot: Slot,
    fed: usize,
    masks: Vec<gpu::Mask>,
    /// Of each result.
    widths: Vec<usize>,
}

impl OnDevice {
    pub(super) fn new(part: &gpu::Graph<'_>, slot: Slot) -> Self {
        let feeds = |operation: &&gpu::Operation| matches!(operation, gpu::Operation::Feed { .. });
        let fed = part.operations.iter().filter(feeds).count();
        let width = |result: &usize| part.values.get(*result).copied().unwrap_or(0);
        let widths = part.results.iter().map(width).collect();
        Self { slot, fed, masks: part.masks.clone(), widths }
    }
}

impl fmt::Debug for OnDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDevice").field("fed", &self.fed).field("widths", &self.widths).finish()
    }
}

impl PartialEq for OnDevice {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.slot, &other.slot)
    }
}

impl Eq for OnDevice {}

impl Op for OnDevice {
    fn name(&self) -> StaticName {
        "OnDevice".into()
    }

    op_as_typed_op!();
}

impl EvalOp for OnDevice {
    not_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (fed, masks) = inputs.split_at_checked(self.fed).context("it is fed too little")?;
        let first = fed.first().context("it is fed nothing")?;
        let &[batch, tokens, _] = first.shape() else { bail!("rows of three axes are expected") };
        let views = fed.iter().map(|t| t.try_as_plain_ram()).collect::<TractResult<TVec<_>>>()?;
        let rows = views.iter().map(|v| v.as_slice::<f32>()).collect::<TractResult<Vec<_>>>()?;
        let hidden = masks.iter().zip(&self.masks);
        let hidden: Vec<Vec<f32>> = hidden
            .map(|(mask, kind)| spread(mask, *kind, batch, tokens))
            .collect::<TractResult<_>>()?;
        let hidden: Vec<&[f32]> = hidden.iter().map(Vec::as_slice).collect();
        let lengths = vec![tokens; if tokens > 0 { batch } else { 0 }];
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let encoder = slot.as_mut().context("nothing is on a device")?;
        let texts = gpu::Texts { lengths: &lengths, fed: &rows, masks: &hidden };
        let results = encoder.run(&texts).map_err(TractError::new)?;
        let outputs = results.iter().zip(&self.widths).map(|(result, &width)| {
            Ok(Tensor::from_shape(&[batch, tokens, width], result)?.into_tvalue())
        });
        outputs.collect()
    }
}

impl TypedOp for OnDevice {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let first = inputs.first().context("it is fed nothing")?;
        let fact = |&width: &usize| {
            let mut shape = first.shape.to_tvec();
            *shape.last_mut().context("a row has at least one axis")? = width.to_dim();
            Ok(f32::fact(shape))
        };
        self.widths.iter().map(fact).collect()
    }

    as_op!();
}

/// A mask's numbers for each text, where it has some for several.
fn spread(mask: &TValue, kind: gpu::Mask, batch: usize, tokens: usize) -> TractResult<Vec<f32>> {
    let queries = match kind {
        gpu::Mask::Keys => 1,
        gpu::Mask::Pairs => tokens,
    };
    let view = mask.try_as_plain_ram()?;
    let (values, mut shape) = (view.as_slice::<f32>()?, [1; 4]);
    let from = 4usize.checked_sub(mask.rank()).context("a mask of more than four axes")?;
    shape.iter_mut().skip(from).zip(mask.shape()).for_each(|(axis, length)| *axis = *length);
    let [texts, heads, lines, keys] = shape;
    let fits = |length: usize, whole: usize| length == 1 || length == whole;
    ensure!(
        heads == 1 && fits(texts, batch) && fits(lines, queries) && fits(keys, tokens),
        "a mask of shape {:?}",
        mask.shape()
    );
    // Distance between neighbours; 0 where there is one for all.
    let stride = |length: usize, of: usize| if length == 1 { 0 } else { of };
    let (by_key, by_line, by_text) =
        (stride(keys, 1), stride(lines, keys), stride(texts, lines * keys));
    let mut all = Vec::with_capacity(batch * queries * tokens);
    for text in 0..batch {
        for line in 0..queries {
            let from = text * by_text + line * by_line;
            let value = |key: usize| values.get(from + key * by_key).copied();
            all.extend((0..tokens).map(|key| value(key).unwrap_or_default()));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mask_for_all_is_every_texts() {
        let mask = |shape: &[usize], values: &[f32]| -> TValue {
            Tensor::from_shape(shape, values).unwrap().into_tvalue()
        };
        let (keys, pairs) = (gpu::Mask::Keys, gpu::Mask::Pairs);
        let own = mask(&[2, 1, 1, 2], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(spread(&own, keys, 2, 2).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        let all = mask(&[1, 2], &[1.0, 2.0]);
        assert_eq!(spread(&all, keys, 2, 2).unwrap(), [1.0, 2.0, 1.0, 2.0]);
        assert_eq!(spread(&all, pairs, 1, 2).unwrap(), [1.0, 2.0, 1.0, 2.0]);
        let square = mask(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let twice = [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0];
        assert_eq!(spread(&square, pairs, 2, 2).unwrap(), twice);
        let one = mask(&[], &[5.0]);
        assert_eq!(spread(&one, keys, 1, 3).unwrap(), [5.0, 5.0, 5.0]);
        assert!(spread(&mask(&[1, 2, 1, 2], &[0.0; 4]), keys, 1, 2).is_err(), "heads of their own");
        assert!(spread(&own, keys, 3, 2).is_err(), "of other texts");
    }
}
