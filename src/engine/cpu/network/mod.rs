//! Graphs that are no decoders: tract plans and runs them, with our operators where they are better.

mod arrays;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use self::arrays::{array, element, tensor};
use super::kernels::Kernel;
use super::kernels::pool::Pool;
use super::ops::{self, Step};
use super::weights::Weights;
use super::{caught, general, read, tensors, unplannable};
use crate::engine::network::{Array, Dim, InferError, NetworkReport, NetworkSource, Port};
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
        let mut proto = read(path)?;
        tensors::check(path, &proto)?;
        general::prepare(&mut proto)?;
        let mut onnx = tract_onnx::onnx().with_ignore_output_shapes(true);
        ops::register(&mut onnx);
        let folder = path.parent().and_then(std::path::Path::to_str);
        let model = caught(|| typed(&onnx, &proto, folder));
        let model = model.map_err(|error| unplannable(&proto, &error))?;
        let inputs = ports(&model, true)?;
        let outputs = ports(&model, false)?;
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

/// The graph as tract understands it, with shapes known as far as inputs allow. Passes that put our
/// operators in the place of tract's come last.
fn typed(onnx: &Onnx, proto: &ModelProto, folder: Option<&str>) -> TractResult<TypedModel> {
    let parsed = onnx.parse(proto, folder)?;
    ensure!(parsed.unresolved_inputs.is_empty(), "nothing makes {:?}", parsed.unresolved_inputs);
    parsed.model.into_typed()?.into_decluttered()
}

fn ports(model: &TypedModel, inputs: bool) -> Result<Vec<Port>, LoadError> {
    let outlets = if inputs { model.input_outlets() } else { model.output_outlets() };
    let refuse = |why: String| LoadError::Graph { why };
    let outlets = outlets.map_err(|error| refuse(format!("{error:#}")))?;
    let port = |outlet: &OutletId| {
        let fact = model.outlet_fact(*outlet).map_err(|error| refuse(format!("{error:#}")))?;
        let name = match model.outlet_label(*outlet) {
            Some(label) => label.to_owned(),
            None => model.node(outlet.node).name.clone(),
        };
        let element = element(fact.datum_type)
            .ok_or_else(|| refuse(format!("{name} is of type {:?}", fact.datum_type)))?;
        let dim = |dim: &TDim| match dim.to_usize() {
            Ok(length) => Dim::Fixed(length),
            Err(_) => Dim::Free(dim.to_string()),
        };
        Ok(Port { name, element, dims: Some(fact.shape.iter().map(dim).collect()) })
    };
    outlets.iter().map(port).collect()
}
