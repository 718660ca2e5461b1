//! The part of a plan that a device can compute, and the plan around it.
//!
//! A device computes an encoder from the first operation on rows of tokens to the last: what tokens
//! begin with (their embeddings) and what is hidden from whom goes there, what became of the tokens
//! comes back. Tables of embeddings stay here: a device would hold them for a few rows of each text.
//! The plan around has one node in the part's place.

mod masks;
mod node;
mod part;

use std::sync::{Arc, Mutex, PoisonError};

use endcap_gpu as gpu;
use tract_onnx::prelude::*;

use self::node::{OnDevice, Slot};
use self::part::Part;
use super::Unfit;
use crate::engine::cpu::device::weights;
use crate::engine::cpu::weights::Weights;

/// A plan with a device's part cut out.
pub(super) struct Cut {
    around: TypedModel,
    /// Without its matrices.
    part: gpu::Graph<'static>,
    slot: Slot,
}

impl Cut {
    /// Finds the part, where there is one.
    pub(super) fn of(model: &TypedModel, weights: &Weights) -> Result<Self, Unfit> {
        if !part::attends(model) {
            return Err(Unfit::no_encoder());
        }
        Self::within(model, weights).map_err(|error| {
            let why = format!("{error:#}");
            if takes_tokens(model) { Unfit::Texts(why) } else { Unfit::Other(why) }
        })
    }

    fn within(model: &TypedModel, weights: &Weights) -> TractResult<Self> {
        let found = Part::find(model)?;
        let matrices = (0..).map_while(|number| weights.get(number)).count();
        let part = found.lower(model, matrices)?;
        let slot: Slot = Arc::new(Mutex::new(None));
        let op = OnDevice::new(&part, Arc::clone(&slot));
        let around = found.replaced(model, op)?;
        Ok(Self { around, part, slot })
    }

    /// The plan around, with nothing on a device yet.
    pub(super) fn plan(&self) -> TractResult<Arc<TypedSimplePlan>> {
        self.around.clone().into_optimized()?.into_runnable()
    }

    /// The part with its weights: first the matrices, then those that many rows share.
    pub(super) fn graph<'w>(&self, all: &'w Weights) -> gpu::Graph<'w> {
        let matrices = (0..).map_while(|number| all.get(number)).map(weights);
        let dense = (0..).map_while(|number| all.dense(number));
        let dense = dense.map(|dense| -> &'w dyn gpu::Weights { dense });
        gpu::Graph {
            matrices: matrices.chain(dense).collect(),
            values: self.part.values.clone(),
            operations: self.part.operations.clone(),
            masks: self.part.masks.clone(),
            results: self.part.results.clone(),
        }
    }

    /// From now on the plan around computes its part with this; with none it fails there.
    pub(super) fn put(&self, encoder: Option<gpu::Encoder>) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = encoder;
    }
}

/// Whether an input is numbers of tokens: integers of texts × tokens.
fn takes_tokens(model: &TypedModel) -> bool {
    model
        .inputs
        .iter()
        .filter_map(|&input| model.outlet_fact(input).ok())
        .any(|fact| fact.rank() == 2 && [DatumType::I64, DatumType::I32].contains(&fact.datum_type))
}
