//! Graphs of any kind: arrays in, arrays out.
//!
//! [`Network::load`] reads an ONNX graph and starts the one thread that runs it;
//! [`Network::infer`] hands it a request and waits for the answer.
//!
//! **Invariants**
//! - An answer does not depend on what else is asked at the same time.
//! - What does not fit the graph's inputs is refused before it is queued, with the input's name.
//! - The queue is bounded; an answer that nobody waits for is not computed.
//! - Rows of several requests are one run only where a trial at load has shown that rows are
//!   independent; a request alone does not wait for others.
//! - What a run takes is held from the [`Budget`] while it lasts, and refused where it is not there.

mod array;
mod language;
mod ports;
mod queue;
mod statistics;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tract_onnx::pb::GraphProto;

pub use array::{Array, ArrayError, ElementType};
pub use statistics::{BatchStatistics, NetworkObserver, Statistics, Total};

use super::backend;
use super::cpu::NetworkPlan;
use super::{Accelerator, Budget, Config, Derived, LoadError, NodeFault};
use queue::Job;
use statistics::Silent;
use worker::Worker;

/// The files of a graph that is ready to load.
#[derive(Debug, Clone)]
pub struct NetworkSource {
    /// Name by which logs and metrics call the model.
    pub name: String,
    /// The ONNX graph; external data is looked up beside it.
    pub onnx: PathBuf,
    /// Where the graph may be kept as the kernels read it.
    pub derived: Option<Derived>,
}

/// The length of an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Always this.
    Fixed(usize),
    /// Chosen by each request; equal names are equal lengths.
    Free(String),
}

/// An input or output of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// What its elements are.
    pub element: ElementType,
    /// Its axes; `None` for an output whose rank depends on the input.
    pub dims: Option<Vec<Dim>>,
}

impl Port {
    /// Its axes for people, such as `[batch, 3]`.
    pub fn shape_text(&self) -> String {
        let shown = |dim: &Dim| match dim {
            Dim::Fixed(length) => length.to_string(),
            Dim::Free(name) => name.clone(),
        };
        match &self.dims {
            Some(dims) => format!("[{}]", dims.iter().map(shown).collect::<Vec<_>>().join(", ")),
            None => "[...]".to_owned(),
        }
    }
}

/// What is asked of a network.
#[derive(Debug, Clone)]
pub struct Inference {
    /// Each input of the graph by its name, in any order.
    pub inputs: Vec<(String, Array)>,
    /// Names of the outputs that are wanted; none is all.
    pub outputs: Vec<String>,
    /// The answer is there by then, or the request fails.
    pub deadline: Option<Instant>,
}

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    /// The graph has no such input.
    #[error("there is no input {name}; the inputs are {known}")]
    UnknownInput {
        /// The name asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The graph has no such output.
    #[error("there is no output {name}; the outputs are {known}")]
    UnknownOutput {
        /// The name asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// An input was left out.
    #[error("input {name} is missing")]
    MissingInput {
        /// Its name.
        name: String,
    },
    /// An input was given twice.
    #[error("input {name} is given twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// An input of another type.
    #[error("input {name} is {given}; it must be {wanted}")]
    Element {
        /// Its name.
        name: String,
        /// The type given.
        given: &'static str,
        /// The type of the graph.
        wanted: &'static str,
    },
    /// An input whose shape does not fit.
    #[error("input {name} has shape {given:?}; it must be {wanted}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape given.
        given: Vec<usize>,
        /// The shape of the graph.
        wanted: String,
    },
    /// The graph cannot be evaluated on this input.
    #[error("the graph refuses these inputs: {why}")]
    Refused {
        /// Which node, and why.
        why: String,
    },
    /// It takes more memory than the budget can ever give it.
    #[error("this request takes {bytes} bytes while it runs; {most_bytes} can be had at most")]
    TooLarge {
        /// What it takes.
        bytes: u64,
        /// What the budget has beside the model's own weights.
        most_bytes: u64,
    },
    /// It takes more memory than is to be had just now.
    #[error(
        "this request takes {bytes} bytes while it runs, and {free_bytes} are free of the memory \
         budget just now"
    )]
    Memory {
        /// What it takes.
        bytes: u64,
        /// What was free.
        free_bytes: u64,
    },
    /// Too many requests wait.
    #[error("{queued} requests are waiting already")]
    QueueFull {
        /// Requests in the queue.
        queued: usize,
        /// When a place is expected to be free.
        retry_after: Duration,
    },
    /// The deadline passed.
    #[error("the time allowed for this request is over")]
    Deadline,
    /// The model is being unloaded or the server stops.
    #[error("the model is shutting down")]
    ShuttingDown,
    /// A fault of ours; the request failed, the model goes on.
    #[error("the engine failed on this request: {0}")]
    Internal(String),
}

/// What a network needs and which kernels run it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NetworkReport {
    /// Kernels chosen for this processor.
    pub kernel: &'static str,
    /// The graphics processor that computes its texts; none where the processor does.
    pub device: Option<Accelerator>,
    /// Why no graphics processor can, whichever it is; none where one can.
    pub device_fault: Option<String>,
    /// Bytes of weights in memory.
    pub weight_bytes: u64,
    /// Nodes of the plan.
    pub nodes: usize,
    /// How often each operator occurs in the plan.
    pub operators: Vec<(String, usize)>,
}

impl NetworkReport {
    /// Whether an operator of [`Self::operators`] is one of this engine's own kernels; the others
    /// are tract's.
    pub fn is_own(operator: &str) -> bool {
        crate::engine::cpu::is_own_operator(operator)
    }
}

/// A loaded graph; clones share it. The last one dropped ends its thread.
#[derive(Clone)]
pub struct Network {
    inner: Arc<Inner>,
}

struct Inner {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    report: NetworkReport,
    worker: Worker,
}

impl Network {
    /// Loads and starts a graph beside other models, with which it shares `budget`. Takes seconds
    /// and blocks.
    pub fn load_within(
        budget: &Budget,
        source: &NetworkSource,
        config: &Config,
    ) -> Result<Self, LoadError> {
        Self::load_observed(budget, source, config, Arc::new(Silent))
    }

    /// [`Self::load_within`], and what it does from then on is told to `observer`.
    pub fn load_observed(
        budget: &Budget,
        source: &NetworkSource,
        config: &Config,
        observer: Arc<dyn NetworkObserver>,
    ) -> Result<Self, LoadError> {
        let plan = NetworkPlan::load(source, budget)?;
        let (inputs, outputs) = (plan.inputs(), plan.outputs());
        let network = backend::Network::new(plan, source.derived.as_ref(), config, budget)?;
        let report = network.report();
        let worker = Worker::start(&source.name, network, config, observer)?;
        Ok(Self { inner: Arc::new(Inner { inputs, outputs, report, worker }) })
    }

    /// Does what [`Self::load_within`] does up to the point of running, and reports.
    pub fn check(budget: &Budget, source: &NetworkSource) -> Result<NetworkReport, LoadError> {
        Ok(NetworkPlan::load(source, budget)?.report().clone())
    }

    /// All nodes of a graph that cannot run here for what they are: none says that what is left to
    /// refuse is only found by [`Self::check`].
    pub fn faults(source: &NetworkSource) -> Result<Vec<NodeFault>, LoadError> {
        NetworkPlan::faults(source)
    }

    /// Inputs and outputs as a graph declares them, in its order. Planning may find more lengths.
    pub fn declared(graph: &GraphProto) -> Result<[Vec<Port>; 2], LoadError> {
        NetworkPlan::declared(graph)
    }

    /// What it has done since it was loaded.
    pub fn statistics(&self) -> Statistics {
        self.inner.worker.statistics()
    }

    /// The graph's inputs, in its order.
    pub fn inputs(&self) -> &[Port] {
        &self.inner.inputs
    }

    /// The graph's outputs, in its order.
    pub fn outputs(&self) -> &[Port] {
        &self.inner.outputs
    }

    /// What it takes to run it.
    pub fn report(&self) -> &NetworkReport {
        &self.inner.report
    }

    /// Computes the wanted outputs, in the order they were asked for. Dropping the future before
    /// its turn came cancels the request.
    pub async fn infer(&self, request: Inference) -> Result<Vec<(String, Array)>, InferError> {
        let inputs = ports::arrange(self.inputs(), request.inputs)?;
        let outputs = ports::wanted(self.outputs(), &request.outputs)?;
        let (answer, receiver) = oneshot::channel();
        let (deadline, arrived) = (request.deadline, Instant::now());
        self.inner.worker.submit(Job { inputs, outputs, deadline, arrived, answer })?;
        let answer = receiver.await.map_err(|_| InferError::ShuttingDown)??;
        let names = if request.outputs.is_empty() {
            self.outputs().iter().map(|port| port.name.clone()).collect()
        } else {
            request.outputs
        };
        Ok(names.into_iter().zip(answer).collect())
    }

    /// Refuses new requests from now on; those accepted finish.
    pub fn shut_down(&self) {
        self.inner.worker.close();
    }

    /// Waits until the network has ended and its memory is given back. It does not end as long as
    /// nobody shuts it down and a handle is left.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.inner.worker.ending().come()
    }
}
