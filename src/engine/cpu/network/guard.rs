//! Arrays that a graph makes of nothing are measured before anybody allocates them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::konst::Const;
use tract_onnx::tract_hir::ops::scan::InferenceScan;
use tract_onnx::tract_hir::ops::source::Source;

/// Bytes of all that a graph computes of constants, before anything is asked.
const MAX_COMPUTED_BYTES: u64 = 512 << 20;

/// Puts a guard before each node of a graph and its bodies that lets no array pass that takes more
/// than `limit` bytes, and no more constants be computed than are allowed in all.
pub(in crate::engine::cpu) fn guard(model: &mut InferenceModel, limit: u64) {
    let computed = Arc::new(Computed::default());
    for node in model.nodes_mut() {
        if let Some(branches) = node.op_as_mut::<tract_onnx::ops::logic::If>() {
            guard(&mut branches.then_body, limit);
            guard(&mut branches.else_body, limit);
        } else if let Some(scan) = node.op_as_mut::<InferenceScan>() {
            guard(&mut scan.body, limit);
        } else if !node.op_is::<Source>() && !node.op_is::<Const>() {
            let (inner, computed) = (node.op.clone(), Arc::clone(&computed));
            node.op = Box::new(Guarded { inner, limit, node: node.id, computed });
        }
    }
}

/// Bytes of a shape's elements, as far as it is known.
pub(super) fn bytes(element: DatumType, shape: &[TDim]) -> Option<u64> {
    let mut bytes = element.size_of() as u64;
    for dim in shape {
        // A length that cannot be counted is larger than any limit.
        let length = u64::try_from(dim.to_i64().ok()?).ok()?;
        bytes = bytes.saturating_mul(length);
    }
    Some(bytes)
}

/// Bytes of what a node makes, as far as they are known.
fn known_bytes(outputs: &[InferenceFact]) -> u64 {
    let known = outputs
        .iter()
        .filter_map(|fact| bytes(fact.datum_type.concretize()?, &fact.shape.concretize()?));
    known.fold(0, u64::saturating_add)
}

/// An operator behind a guard.
#[derive(Debug, Clone)]
struct Guarded {
    inner: Box<dyn InferenceOp>,
    limit: u64,
    node: usize,
    computed: Arc<Computed>,
}

/// Bytes of constants that each node of a graph has computed. A node may do so several times, as
/// more becomes known and for each plan, of which the last counts.
#[derive(Debug, Default)]
struct Computed {
    bytes: Mutex<BTreeMap<usize, u64>>,
}

impl Computed {
    fn count(&self, node: usize, bytes: u64) -> TractResult<()> {
        let mut counted = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        counted.insert(node, bytes);
        let all = counted.values().fold(0, |all: u64, bytes| all.saturating_add(*bytes));
        ensure!(
            all <= MAX_COMPUTED_BYTES,
            "constants of {all} bytes would be computed in all; {MAX_COMPUTED_BYTES} are allowed"
        );
        Ok(())
    }
}

impl Guarded {
    /// What tract makes as soon as it knows a shape.
    fn check_made_of_a_shape(&self, inputs: &[&InferenceFact]) -> TractResult<()> {
        if self.inner.name() != "EyeLike" {
            return Ok(());
        }
        let shape = inputs.first().and_then(|fact| fact.shape.concretize());
        match shape.and_then(|shape| bytes(DatumType::F64, &shape)) {
            Some(bytes) => self.computed.count(self.node, bytes),
            None => Ok(()),
        }
    }

    fn check(&self, facts: &TVec<InferenceFact>) -> TractResult<()> {
        for fact in facts {
            let shape = fact.shape.concretize();
            let (Some(element), Some(shape)) = (fact.datum_type.concretize(), shape) else {
                continue;
            };
            if let Some(bytes) = bytes(element, &shape).filter(|&bytes| bytes > self.limit) {
                let limit = self.limit;
                bail!("it makes an array of {bytes} bytes; {limit} are allowed");
            }
        }
        Ok(())
    }

    /// Sizes that are values of inputs, and of which inference tells nothing; and what tract
    /// computes otherwise than ONNX says.
    fn check_values(&self, inputs: &[&InferenceFact]) -> TractResult<()> {
        let name = self.inner.name();
        if name == "ShiftLeft" || name == "ShiftRight" {
            let signed = |fact: &&InferenceFact| {
                fact.datum_type.concretize().is_some_and(|element| element.is_signed())
            };
            ensure!(!inputs.iter().any(signed), "shifts of signed numbers are not defined here");
        }
        self.check_lengths(&name, inputs)?;
        if !(name.starts_with("StftWindow") || name == "MelWeightMatrix" || name == "OneHot") {
            return Ok(());
        }
        for fact in inputs {
            let Some(value) = fact.value.concretize().filter(|v| v.len() == 1) else { continue };
            let Ok(value) = value.cast_to_scalar::<i64>() else { continue };
            let bytes = u64::try_from(value).unwrap_or(0).saturating_mul(8);
            ensure!(bytes <= self.limit, "it makes an array of at least {bytes} bytes");
        }
        Ok(())
    }
}

impl Guarded {
    /// Lengths are counted in 32 bits by tract, and what is larger would be another length.
    fn check_lengths(&self, name: &str, inputs: &[&InferenceFact]) -> TractResult<()> {
        const BY_LENGTH: [&str; 10] = [
            "ConstantOfShape",
            "MultiBroadcastTo",
            "OneHot",
            "Pad",
            "Range",
            "Reshape",
            "Resize",
            "Tile",
            "Topk",
            "onnx.Cast",
        ];
        if !BY_LENGTH.contains(&name) {
            return Ok(());
        }
        let most = i64::from(i32::MAX);
        for fact in
            inputs.iter().filter(|fact| fact.datum_type.concretize() == Some(DatumType::I64))
        {
            let Some(value) = fact.value.concretize() else { continue };
            let view = value.try_as_plain_ram()?;
            if let Some(value) = view.as_slice::<i64>()?.iter().find(|value| value.abs() > most) {
                bail!("{value} is more than {most}, the most that can be planned");
            }
        }
        Ok(())
    }
}

impl PartialEq for Guarded {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Guarded {}

impl Op for Guarded {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.inner.info()
    }

    not_a_typed_op!();
}

impl EvalOp for Guarded {
    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.inner.eval(ctx, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.inner.eval_out_of_plan(inputs)
    }

    fn state(&self, ctx: &EvalContext) -> TractResult<Option<Box<dyn OpState>>> {
        self.inner.state(ctx)
    }
}

type Facts = (TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>);

impl InferenceOp for Guarded {
    fn infer(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<Facts> {
        self.check_made_of_a_shape(&inputs)?;
        let facts = self.inner.infer_facts(inputs.clone(), outputs.clone(), observed.clone())?;
        self.check(&facts.1)?;
        self.check_values(&inputs)?;
        if facts.0.iter().all(|fact| fact.value.concretize().is_some()) {
            // Only now may it be computed.
            self.computed.count(self.node, known_bytes(&facts.1))?;
            return self.inner.infer(inputs, outputs, observed);
        }
        Ok(facts)
    }

    fn observe_outlets(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Vec<OutletId>> {
        self.inner.observe_outlets(model, node)
    }

    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<Facts> {
        self.check_made_of_a_shape(&inputs)?;
        self.inner.infer_facts(inputs, outputs, observed)
    }

    fn incorporate(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Option<InferenceModelPatch>> {
        self.inner.incorporate(model, node)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.inner.nboutputs()
    }

    fn as_op(&self) -> &dyn Op {
        self
    }

    fn as_op_mut(&mut self) -> &mut dyn Op {
        self
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        self.inner.to_typed(source, node, target, mapping)
    }
}

/// Refuses a planned graph in which a node makes more than `limit` bytes whatever the inputs.
pub(in crate::engine::cpu) fn check(model: &TypedModel, limit: u64) -> TractResult<()> {
    for node in model.nodes() {
        for output in &node.outputs {
            let fact = &output.fact;
            if let Some(bytes) = bytes(fact.datum_type, fact.shape.dims()).filter(|&b| b > limit) {
                bail!(
                    "node \"{}\" makes an array of {bytes} bytes; {limit} are allowed",
                    node.name
                );
            }
        }
    }
    Ok(())
}
