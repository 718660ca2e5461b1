//! Graphs that are no decoders: tract plans and runs them, with our operators where they are better.
//!
//! One plan with symbols for lengths serves all requests where tract can make one. Where it cannot,
//! as with a number of axes or a target shape that only a request knows, plans are made for the
//! shapes and values of a request, and the last few are kept.

#[cfg(not(feature = "gpu"))]
mod absent;
mod arrays;
mod casts;
mod decisive;
#[cfg(feature = "gpu")]
mod device;
mod extremes;
pub(in crate::engine::cpu) mod guard;
mod memory;
mod meter;
mod one_hot;
mod parsed;
mod places;
mod probe;
mod runner;
mod state;
mod training;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

#[cfg(not(feature = "gpu"))]
use self::absent as device;
use self::device::Cut;
use self::parsed::{Declared, Parsed};
pub(in crate::engine) use self::state::{NetworkState, Side, Took};
use super::kernels::Kernel;
use super::kernels::pool::Pool;
use super::ops::Step;
use super::weights::{self, Weights};
use super::{caught, general, read, surgery, tensors, unplannable};
use crate::engine::budget::Budget;
use crate::engine::network::{Dim, NetworkReport, NetworkSource, Port};
use crate::engine::{Activation, LoadError, NodeFault};

/// Stack for whoever plans or runs: tract walks expressions of lengths by recursion.
pub(in crate::engine) const STACK_BYTES: usize = 256 << 20;
/// How long a graph that loads waits for others to give back what they only keep.
const PATIENCE: Duration = Duration::from_secs(5);

/// A graph that is planned and checked.
pub(in crate::engine) struct NetworkPlan {
    /// The plan for all shapes, where there is one.
    whole: Option<Arc<TypedSimplePlan>>,
    /// What other plans are made of; needed where there is none for all shapes.
    parsed: Option<Parsed>,
    weights: Arc<Weights>,
    kernel: Kernel,
    inputs: Vec<Declared>,
    outputs: Vec<Declared>,
    /// Inputs whose values decide lengths.
    decisive: Vec<bool>,
    /// Whether the first axis of everything is the same free one.
    batched: bool,
    /// The plan around what a device computes, where it can compute something.
    cut: Result<Cut, Unfit>,
    report: NetworkReport,
}

/// Why no device computes a part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::engine) enum Unfit {
    /// It is no encoder of texts.
    #[error("{0}")]
    Other(String),
    /// It is one, and something in it has no kernel.
    #[error("{0}")]
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "nobody looks for one"))]
    Texts(String),
}

impl Unfit {
    fn no_encoder() -> Self {
        Self::Other("it is no encoder whose tokens attend to each other".to_owned())
    }
}

/// What came of trying a plan.
enum Settled {
    Ready,
    /// For weights and trial there is too little of the budget just now.
    NoRoom {
        bytes: u64,
    },
}

impl NetworkPlan {
    /// Reads and plans a graph, and tries it; what cannot run is refused here. No array that it makes
    /// may take more than all of `budget`; weights and trial wait for what they need of it.
    pub(in crate::engine) fn load(
        source: &NetworkSource,
        budget: &Budget,
    ) -> Result<Self, LoadError> {
        let refuse = |why: &str| LoadError::Unsound { why: why.to_owned() };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let load = thread.spawn_scoped(scope, || Self::load_here(source, budget));
            let load = load.map_err(|error| refuse(&format!("no thread to plan it: {error}")))?;
            load.join().unwrap_or_else(|_| Err(refuse("planning it failed")))
        })
    }

    fn load_here(source: &NetworkSource, budget: &Budget) -> Result<Self, LoadError> {
        let path = &source.onnx;
        let limit = budget.total_bytes();
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut proto = read(path)?;
        tensors::check(path, &proto)?;
        let graph = proto.graph.as_ref();
        let graph = graph.ok_or_else(|| LoadError::Unsound { why: "it has no graph".into() })?;
        let weight_bytes = memory::declared(graph);
        let mut loading = budget.open();
        if !loading.hold_run(weight_bytes, PATIENCE) {
            return Err(no_room(budget, weight_bytes));
        }
        let [inputs, outputs] = Parsed::ports(graph)?;
        general::prepare(&mut proto, folder)?;
        let weights = Arc::new(ours(&mut proto, folder, limit)?);
        let (parsed, whole) = planned(&proto, folder, &inputs, limit)?;
        let kernel = Kernel::best();
        let (batched, outputs) = match &whole {
            Some(model) => (is_batched(model), with_dims(model, outputs)),
            None => (false, outputs),
        };
        let report = report(&parsed, whole.as_ref(), kernel);
        let cut = match &whole {
            Some(model) => caught_cut(model, &weights),
            None => Err(Unfit::no_encoder()),
        };
        let runnable = whole.map(|model| caught(|| model.into_optimized()?.into_runnable()));
        let whole = runnable.transpose().map_err(|error| unplannable(&proto, &error))?;
        let decisive = parsed.decisive.clone();
        let parsed = Some(parsed);
        let mut plan = Self {
            whole,
            parsed,
            weights,
            kernel,
            inputs,
            outputs,
            decisive,
            batched,
            cut,
            report,
        };
        // From here on what there really is is held.
        drop(loading);
        let tried = plan.settle(budget).map_err(|error| unplannable(&proto, &error))?;
        plan.report.weight_bytes = plan.weight_bytes();
        plan.report.device_fault = plan.unfit().map(Unfit::to_string);
        match tried {
            Settled::Ready => Ok(plan),
            Settled::NoRoom { bytes } => Err(no_room(budget, bytes)),
        }
    }

    /// Inputs and outputs as a graph declares them.
    pub(in crate::engine) fn declared(graph: &GraphProto) -> Result<[Vec<Port>; 2], LoadError> {
        let ports = |declared: Vec<Declared>| declared.into_iter().map(|d| d.port).collect();
        Ok(Parsed::ports(graph)?.map(ports))
    }

    /// All nodes of a graph that cannot run for what they are, whatever else is wrong.
    pub(in crate::engine) fn faults(source: &NetworkSource) -> Result<Vec<NodeFault>, LoadError> {
        let mut proto = read(&source.onnx)?;
        Ok(general::faults(&mut proto))
    }

    /// Tries the plan for all shapes, and keeps what is needed from now on.
    fn settle(&mut self, budget: &Budget) -> TractResult<Settled> {
        let Some(parsed) = &self.parsed else { return Ok(Settled::Ready) };
        if let Some(whole) = &self.whole {
            let step = self.step(Arc::new(Pool::new(1)), Activation::default());
            let (weights, mut account) = (self.weight_bytes(), budget.open());
            if !account.hold_run(weights, PATIENCE) {
                return Ok(Settled::NoRoom { bytes: weights });
            }
            match probe::probe(whole, step, &self.inputs, self.batched, &mut account)? {
                probe::Outcome::Fails => {
                    self.whole = None;
                    self.cut = Err(Unfit::no_encoder());
                }
                probe::Outcome::NoRoom { bytes } => {
                    return Ok(Settled::NoRoom { bytes: weights.saturating_add(bytes) });
                }
                probe::Outcome::Runs { joins } => {
                    self.batched = joins;
                    self.parsed = None;
                    return Ok(Settled::Ready);
                }
            }
        }
        self.batched = false;
        // Without a value there is nothing to try.
        if !parsed.decisive.contains(&true) {
            probe::some_shape(parsed, &self.inputs)?;
        }
        Ok(Settled::Ready)
    }

    fn step(&self, pool: Arc<Pool>, activation: Activation) -> Step {
        Step::new(self.kernel, activation, pool, Arc::clone(&self.weights))
    }

    fn weight_bytes(&self) -> u64 {
        let mut counted = HashSet::new();
        let whole = self.whole.as_ref().map_or(0, |w| memory::weights(w.model(), &mut counted));
        let stored = self.parsed.as_ref().map_or(0, |p| memory::stored(p.stored(), &mut counted));
        self.weights.bytes() + whole + stored
    }

    pub(in crate::engine) fn inputs(&self) -> Vec<Port> {
        self.inputs.iter().map(|declared| declared.port.clone()).collect()
    }

    pub(in crate::engine) fn outputs(&self) -> Vec<Port> {
        self.outputs.iter().map(|declared| declared.port.clone()).collect()
    }

    /// Whether rows of several requests may be joined along the first axis.
    pub(in crate::engine) fn joins(&self) -> bool {
        self.batched
    }

    /// Why no device computes a part of it; none where one can.
    pub(in crate::engine) fn unfit(&self) -> Option<&Unfit> {
        self.cut.as_ref().err()
    }

    /// What it takes to run this plan.
    pub(in crate::engine) fn report(&self) -> &NetworkReport {
        &self.report
    }
}

/// A panic while cutting says that the graph is strange; the processor runs it all the same.
fn caught_cut(model: &TypedModel, weights: &Weights) -> Result<Cut, Unfit> {
    let cut = std::panic::AssertUnwindSafe(|| Cut::of(model, weights));
    std::panic::catch_unwind(cut).unwrap_or(Err(Unfit::no_encoder()))
}

fn no_room(budget: &Budget, weight_bytes: u64) -> LoadError {
    let (free_bytes, budget_bytes) = (budget.free_bytes(), budget.total_bytes());
    LoadError::Memory { weight_bytes, free_bytes, budget_bytes }
}

/// Gives our operators what they compute better, and takes their weights out of the graph.
fn ours(proto: &mut ModelProto, folder: &Path, limit: u64) -> Result<Weights, LoadError> {
    surgery::claim(proto, folder)?;
    let Some(graph) = &mut proto.graph else { return Ok(Weights::default()) };
    let weights = weights::take_products(graph, folder)?;
    let guarded = |model: &mut InferenceModel| guard::guard(model, limit);
    surgery::join(proto, folder, &Parsed::onnx(false), guarded);
    Ok(weights)
}

/// The graph with the plan for all shapes, where there is one. What a file tells of shapes inside it
/// is believed only where nothing else helps, as it is often wrong.
fn planned(
    proto: &ModelProto,
    folder: &Path,
    inputs: &[Declared],
    limit: u64,
) -> Result<(Parsed, Option<TypedModel>), LoadError> {
    let mut first = None;
    for hints in [false, true] {
        let parsed = caught(|| Parsed::read(proto, folder, inputs, limit, hints));
        let parsed = parsed.map_err(|error| unplannable(proto, &error))?;
        match caught(|| parsed.whole()) {
            Ok(model) => return Ok((parsed, Some(model))),
            Err(_) => first = first.or(Some(parsed)),
        }
    }
    let parsed = first.ok_or_else(|| LoadError::Unsound { why: "it cannot be read".into() })?;
    Ok((parsed, None))
}

fn report(parsed: &Parsed, whole: Option<&TypedModel>, kernel: Kernel) -> NetworkReport {
    let mut operators = BTreeMap::new();
    let mut count = |name: String| *operators.entry(name).or_insert(0) += 1;
    match whole {
        Some(model) => model.nodes().iter().for_each(|n| count(n.op().name().to_string())),
        None => parsed.operators().for_each(count),
    }
    let nodes = operators.values().sum();
    let operators = operators.into_iter().collect();
    let (device, device_fault) = (None, None);
    NetworkReport { kernel: kernel.name(), device, device_fault, weight_bytes: 0, nodes, operators }
}

/// Whether the first axis of every input and output has the same free length, and no other has.
fn is_batched(model: &TypedModel) -> bool {
    let (Ok(inputs), Ok(outputs)) = (model.input_outlets(), model.output_outlets()) else {
        return false;
    };
    let mut batch = None;
    for outlet in inputs.iter().chain(outputs) {
        let Ok(fact) = model.outlet_fact(*outlet) else { return false };
        let Some(TDim::Sym(symbol)) = fact.shape.first() else { return false };
        if *batch.get_or_insert_with(|| symbol.clone()) != *symbol {
            return false;
        }
        if fact.shape.iter().skip(1).any(|dim| dim.symbols().contains(symbol)) {
            return false;
        }
    }
    batch.is_some()
}

/// Outputs with the lengths that planning found.
fn with_dims(model: &TypedModel, mut outputs: Vec<Declared>) -> Vec<Declared> {
    let outlets = model.output_outlets().unwrap_or_default().iter();
    for (output, outlet) in outputs.iter_mut().zip(outlets) {
        let Ok(fact) = model.outlet_fact(*outlet) else { continue };
        let dim = |dim: &TDim| match dim.to_usize() {
            Ok(length) => Dim::Fixed(length),
            Err(_) => Dim::Free(dim.to_string()),
        };
        output.port.dims = Some(fact.shape.iter().map(dim).collect());
    }
    outputs
}
