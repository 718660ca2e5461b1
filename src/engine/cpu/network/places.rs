//! Gathering checks its places first: one outside is the asker's fault and told with the node's name,
//! never another's value.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::Gather;

/// Puts the check before every Gather.
pub(super) fn check(model: &mut TypedModel) {
    for node in &mut model.nodes {
        if let Some(gather) = node.op_as::<Gather>() {
            let inner = gather.clone();
            node.op = Box::new(Inside { inner, name: node.name.clone() });
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Inside {
    inner: Gather,
    name: String,
}

impl Op for Inside {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.inner.info()
    }

    op_as_typed_op!();
}

impl EvalOp for Inside {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.inner.eval_out_of_plan(inputs)
    }

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        if let [data, places] = inputs.as_slice()
            && data.is_plain_ram()
            && let Some(&length) = data.shape().get(self.inner.axis)
            && places.datum_type() == i64::datum_type()
        {
            let length = i64::try_from(length)?;
            let places = places.try_as_plain_ram()?;
            let outside = |place: &&i64| **place >= length || **place < -length;
            if let Some(place) = places.as_slice::<i64>()?.iter().find(outside) {
                bail!("node \"{}\" asks for place {place} of {length}", self.name);
            }
        }
        self.inner.eval(ctx, inputs)
    }
}

impl TypedOp for Inside {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.inner.output_facts(inputs)
    }
}
