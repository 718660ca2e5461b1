//! Types and shapes of a graph's values, as far as tract finds them.

use std::collections::HashMap;
use std::path::Path;

use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use crate::engine::cpu::caught;

/// What is known about values by their names.
#[derive(Default)]
pub(super) struct Facts {
    known: HashMap<String, InferenceFact>,
}

impl Facts {
    /// Of a graph whose weights were taken out. `guard` sees it first.
    pub(super) fn of(
        model: &ModelProto,
        folder: &Path,
        onnx: &Onnx,
        guard: impl Fn(&mut InferenceModel),
    ) -> Self {
        let found = caught(|| {
            let parsed = onnx.parse(model, folder.to_str())?;
            let mut inferred = parsed.model;
            guard(&mut inferred);
            for outlet in inferred.input_outlets()?.to_vec() {
                let fact = inferred.outlet_fact(outlet)?.clone();
                if !fact.shape.is_open() {
                    let symbols = inferred.symbols.clone();
                    let free = || symbols.new_with_prefix("d").to_dim();
                    let dims = fact.shape.dims().map(|dim| dim.concretize().unwrap_or_else(free));
                    let shape: TVec<TDim> = dims.collect();
                    inferred.set_outlet_fact(outlet, fact.with_shape(shape))?;
                }
            }
            // Where it does not come to an end, what it found until then holds.
            if let Err(error) = inferred.analyse(true) {
                tracing::debug!(error = format!("{error:#}"), "not all shapes are known");
            }
            let known = parsed.outlets_by_name.into_iter();
            let known =
                known.map(|(name, outlet)| Ok((name, inferred.outlet_fact(outlet)?.clone())));
            known.collect::<TractResult<HashMap<_, _>>>()
        });
        Self { known: found.unwrap_or_default() }
    }

    /// The shape of a value, where all of it is known.
    pub(super) fn shape(&self, name: &str) -> Option<TVec<TDim>> {
        self.known.get(name)?.shape.concretize()
    }

    /// The value of what is one number, even where the graph computes it from shapes.
    pub(super) fn number(&self, name: &str) -> Option<f32> {
        let value = self.known.get(name)?.value.concretize()?;
        let value = value.cast_to::<f32>().ok()?;
        let view = value.try_as_plain_ram().ok()?;
        match view.as_slice::<f32>() {
            Ok(&[number]) => Some(number),
            _ => None,
        }
    }

    /// The shape of a value of floats.
    pub(super) fn floats(&self, name: &str) -> Option<TVec<TDim>> {
        let fact = self.known.get(name)?;
        (fact.datum_type.concretize()? == DatumType::F32).then(|| fact.shape.concretize())?
    }
}

/// The length of an axis that is a number.
pub(super) fn length(dim: &TDim) -> Option<usize> {
    dim.to_usize().ok()
}
