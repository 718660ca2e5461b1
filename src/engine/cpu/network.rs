//! Graphs that are no decoders: tract plans and runs them, with our operators where they are better.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::kernels::Kernel;
use super::kernels::pool::Pool;
use super::ops::{self, Step};
use super::weights::Weights;
use super::{caught, read, tensors, unplannable};
use crate::engine::network::{
    Array, Dim, ElementType, InferError, NetworkReport, NetworkSource, Port,
};
use crate::engine::{Config, LoadError};

/// A graph that is planned and checked.
pub(in crate::engine) struct NetworkPlan {
    runnable: Arc<TypedSimplePlan>,
    weights: Arc<Weights>,
    kernel: Kernel,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// A plan with threads to run on.
pub(in crate::engine) struct NetworkState {
    plan: NetworkPlan,
    state: TypedSimpleState,
}

impl NetworkPlan {
    /// Reads and plans a graph; everything that cannot run is refused here.
    pub(in crate::engine) fn load(source: &NetworkSource) -> Result<Self, LoadError> {
        let path = &source.onnx;
        let proto = read(path)?;
        tensors::check(path, &proto)?;
        let mut onnx = tract_onnx::onnx().with_ignore_output_shapes(true);
        ops::register(&mut onnx);
        let folder = path.parent().and_then(std::path::Path::to_str);
        let model = caught(|| {
            let parsed = onnx.parse(&proto, folder)?;
            ensure!(
                parsed.unresolved_inputs.is_empty(),
                "nothing makes {:?}",
                parsed.unresolved_inputs
            );
            // Before nodes are taken away that do nothing, and their names with them.
            let inputs = names(&parsed.model, parsed.model.input_outlets()?);
            let outputs = names(&parsed.model, parsed.model.output_outlets()?);
            Ok((parsed.model.into_typed()?.into_decluttered()?, inputs, outputs))
        });
        let (model, inputs, outputs) = model.map_err(|error| unplannable(&proto, &error))?;
        let inputs = ports(&model, model.input_outlets(), inputs)?;
        let outputs = ports(&model, model.output_outlets(), outputs)?;
        let runnable = caught(|| model.into_optimized()?.into_runnable())
            .map_err(|error| unplannable(&proto, &error))?;
        let weights = Arc::default();
        Ok(Self { runnable, weights, kernel: Kernel::best(), inputs, outputs })
    }

    pub(in crate::engine) fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    pub(in crate::engine) fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// What it takes to run this plan.
    pub(in crate::engine) fn report(&self) -> NetworkReport {
        let model = self.runnable.model();
        let mut operators = BTreeMap::new();
        let mut weight_bytes = self.weights.bytes();
        for node in &model.nodes {
            *operators.entry(node.op().name().to_string()).or_insert(0) += 1;
            if let Some(constant) = node.op_as::<tract_onnx::tract_core::ops::konst::Const>() {
                let value = constant.val();
                weight_bytes += value.len() as u64 * value.datum_type().size_of() as u64;
            }
        }
        NetworkReport {
            kernel: self.kernel.name(),
            weight_bytes,
            nodes: model.nodes.len(),
            operators: operators.into_iter().collect(),
        }
    }

    /// Gives it threads.
    pub(in crate::engine) fn start(self, config: &Config) -> Result<NetworkState, LoadError> {
        let refuse = |error: TractError| LoadError::Graph { why: format!("{error:#}") };
        let mut state = self.runnable.spawn().map_err(refuse)?;
        let pool = Arc::new(Pool::new(config.threads()));
        let step = Step::new(self.kernel, config.activation, pool, Arc::clone(&self.weights));
        state.turn_state.shared.insert(step);
        Ok(NetworkState { plan: self, state })
    }
}

impl NetworkState {
    /// Computes the outputs at these places from inputs in the graph's order.
    pub(in crate::engine) fn run(
        &mut self,
        inputs: Vec<Array>,
        outputs: &[usize],
    ) -> Result<Vec<Array>, InferError> {
        let refuse = |error: TractError| InferError::Refused { why: format!("{error:#}") };
        let inputs = inputs.into_iter().map(tensor).collect::<TractResult<TVec<_>>>();
        let inputs = inputs.map_err(refuse)?;
        let run = catch_unwind(AssertUnwindSafe(|| self.state.run(inputs)));
        let computed = match run {
            Ok(Ok(computed)) => computed,
            Ok(Err(error)) => {
                // A turn that failed leaves its sizes behind, and the next has others.
                self.state
                    .reset_turn()
                    .map_err(|error| InferError::Internal(format!("{error:#}")))?;
                return Err(refuse(error));
            }
            Err(_) => {
                self.recover()?;
                return Err(InferError::Internal("an operator panicked".to_owned()));
            }
        };
        let wanted = |&at: &usize| {
            let value = computed.get(at).context("the plan has fewer outputs")?;
            array(value)
        };
        outputs
            .iter()
            .map(wanted)
            .collect::<TractResult<_>>()
            .map_err(|error| InferError::Internal(format!("{error:#}")))
    }

    /// Makes the plan usable after a panic inside it.
    fn recover(&mut self) -> Result<(), InferError> {
        let fault = |error: TractError| InferError::Internal(format!("{error:#}"));
        let mut state = self.plan.runnable.spawn().map_err(fault)?;
        if let Some(step) = self.state.turn_state.shared.remove::<Step>() {
            let Step { kernel, activation, pool, weights, .. } = step;
            state.turn_state.shared.insert(Step::new(kernel, activation, pool, weights));
        }
        self.state = state;
        Ok(())
    }
}

/// The element type that tract has for ours, and the other way round.
const TYPES: [(ElementType, DatumType); 13] = [
    (ElementType::Bool, DatumType::Bool),
    (ElementType::UInt8, DatumType::U8),
    (ElementType::UInt16, DatumType::U16),
    (ElementType::UInt32, DatumType::U32),
    (ElementType::UInt64, DatumType::U64),
    (ElementType::Int8, DatumType::I8),
    (ElementType::Int16, DatumType::I16),
    (ElementType::Int32, DatumType::I32),
    (ElementType::Int64, DatumType::I64),
    (ElementType::Float16, DatumType::F16),
    (ElementType::Float32, DatumType::F32),
    (ElementType::Float64, DatumType::F64),
    (ElementType::Bytes, DatumType::String),
];

fn element(datum: DatumType) -> Option<ElementType> {
    // Quantised types are integers to whoever asks; sizes that tract computes are 64-bit integers.
    let datum = if datum == DatumType::TDim { DatumType::I64 } else { datum.unquantized() };
    TYPES.iter().find(|(_, other)| *other == datum).map(|(element, _)| *element)
}

fn tensor(array: Array) -> TractResult<TValue> {
    let datum = TYPES.iter().find(|(element, _)| *element == array.element());
    let (_, datum) = datum.context("no such type in the engine")?;
    if let Some(texts) = array.as_texts() {
        let texts = texts.iter().map(|text| Ok(String::from_utf8(text.clone())?));
        let texts = texts.collect::<TractResult<Vec<_>>>()?;
        return Ok(tensor1(&texts).into_shape(array.shape())?.into_tvalue());
    }
    let bytes = array.bytes().context("an array without bytes")?;
    let mut tensor = Tensor::zero_dt(*datum, array.shape())?;
    let mut view = tensor.try_as_plain_ram_mut()?;
    view.as_bytes_mut().copy_from_slice(bytes);
    Ok(tensor.into_tvalue())
}

fn array(value: &TValue) -> TractResult<Array> {
    let element = element(value.datum_type())
        .with_context(|| format!("an output of type {:?}", value.datum_type()))?;
    let shape = value.shape().to_vec();
    if value.datum_type() == DatumType::TDim {
        let value = value.cast_to::<i64>()?;
        let view = value.try_as_plain_ram()?;
        return Ok(Array::integers(shape, view.as_slice::<i64>()?)?);
    }
    let view = value.try_as_plain_ram()?;
    if element == ElementType::Bytes {
        let texts = view.as_slice::<String>()?.iter().map(|text| text.clone().into_bytes());
        return Ok(Array::texts(shape, texts.collect())?);
    }
    Ok(Array::new(element, shape, view.as_bytes().to_vec())?)
}

fn names(model: &InferenceModel, outlets: &[OutletId]) -> Vec<String> {
    let name = |outlet: &OutletId| match model.outlet_label(*outlet) {
        Some(label) => label.to_owned(),
        None => model.node(outlet.node).name.clone(),
    };
    outlets.iter().map(name).collect()
}

fn ports(
    model: &TypedModel,
    outlets: TractResult<&[OutletId]>,
    names: Vec<String>,
) -> Result<Vec<Port>, LoadError> {
    let refuse = |why: String| LoadError::Graph { why };
    let outlets = outlets.map_err(|error| refuse(format!("{error:#}")))?;
    let port = |(outlet, name): (&OutletId, String)| {
        let fact = model.outlet_fact(*outlet).map_err(|error| refuse(format!("{error:#}")))?;
        let element = element(fact.datum_type)
            .ok_or_else(|| refuse(format!("{name} is of type {:?}", fact.datum_type)))?;
        let dim = |dim: &TDim| match dim.to_usize() {
            Ok(length) => Dim::Fixed(length),
            Err(_) => Dim::Free(dim.to_string()),
        };
        Ok(Port { name, element, dims: Some(fact.shape.iter().map(dim).collect()) })
    };
    outlets.iter().zip(names).map(port).collect()
}
