//! A graph of arrays: which of its nodes cannot run, who runs the others, how fast, in how much
//! memory.

use std::time::{Duration, Instant};

use super::super::error::PackageError;
use super::inputs;
use crate::engine::{
    Accelerator, Array, Backend, Config, Graphics, Inference, Network, NetworkReport,
    NetworkSource, NodeFault, Port,
};
use crate::telemetry::{forget_peak_memory, peak_memory_bytes};

/// Runs that are measured: at least, at most, and until this time is over.
const LEAST_RUNS: usize = 5;
const MOST_RUNS: usize = 200;
const MEASURED_FOR: Duration = Duration::from_secs(2);

/// What a graph is asked while it is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Length of inputs' first axes where they are free.
    pub batch: usize,
    /// Shapes of inputs by their names; others are made up.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Threads for the kernels; 0 takes every core the process may use.
    pub threads: usize,
    /// What runs it.
    pub backend: Backend,
    /// What a graphics processor may have, and which one may serve.
    pub graphics: Graphics,
}

/// What was found of a graph.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct NetworkCheck {
    /// All nodes that cannot run; with one the graph is refused.
    pub faults: Vec<NodeFault>,
    /// Kernels chosen for this processor.
    pub kernel: &'static str,
    /// The graphics processor that computed its texts; absent where the processor did.
    pub device: Option<Accelerator>,
    /// Why no graphics processor can, whichever it is; absent where one can.
    pub device_fault: Option<String>,
    /// Bytes of weights in memory.
    pub weight_bytes: u64,
    /// Nodes of the plan.
    pub nodes: usize,
    /// Operators of the plan, the most frequent first.
    pub operators: Vec<Operator>,
    /// Name, type and shape of each input.
    pub inputs: Vec<String>,
    /// Name, type and shape of each output.
    pub outputs: Vec<String>,
    /// What running it took; `None` where nothing was to be measured.
    pub measured: Option<Measured>,
    /// Why it could not be measured.
    pub not_measured: Option<String>,
}

/// An operator of a plan.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Operator {
    /// Its name in the plan.
    pub name: String,
    /// How often it occurs.
    pub count: usize,
    /// Who runs it: `own kernel` or `tract`.
    pub backend: &'static str,
}

/// What runs with made-up inputs took.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Measured {
    /// Shape of each input.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Runs that were measured.
    pub runs: usize,
    /// Time of a run in the middle.
    pub median_ms: f64,
    /// Nineteen of twenty runs took less.
    pub p95_ms: f64,
    /// Rows of the first axis of the first input in a second, one run after another.
    pub rows_per_s: f64,
    /// Most memory of the process while it ran, weights and program included; `None` where the
    /// system does not tell.
    pub peak_rss_bytes: Option<u64>,
}

/// Checks a graph and, where a workload is given, runs it.
pub(super) fn check(
    source: &NetworkSource,
    workload: Option<&Workload>,
) -> Result<NetworkCheck, PackageError> {
    let faults = Network::faults(source)?;
    if !faults.is_empty() {
        return Ok(NetworkCheck { faults, ..NetworkCheck::default() });
    }
    // A run alone is what is measured.
    let mut config = Config { max_batch_rows: 1, ..Config::default() };
    if let Some(workload) = workload {
        let Workload { threads, backend, graphics, .. } = workload.clone();
        config = Config { threads, backend, graphics, ..config };
    }
    let network = Network::load_within(&config.budget(), source, &config)?;
    let report = network.report();
    let mut found = NetworkCheck {
        kernel: report.kernel,
        device: report.device.clone(),
        device_fault: report.device_fault.clone(),
        weight_bytes: report.weight_bytes,
        nodes: report.nodes,
        operators: operators(report),
        inputs: network.inputs().iter().map(described).collect(),
        outputs: network.outputs().iter().map(described).collect(),
        ..NetworkCheck::default()
    };
    match workload.map(|workload| measure(&network, workload)) {
        Some(Ok(measured)) => found.measured = Some(measured),
        Some(Err(why)) => found.not_measured = Some(why),
        None => {}
    }
    Ok(found)
}

fn operators(report: &NetworkReport) -> Vec<Operator> {
    let operator = |(name, count): &(String, usize)| Operator {
        name: name.clone(),
        count: *count,
        backend: if NetworkReport::is_own(name) { "own kernel" } else { "tract" },
    };
    let mut operators: Vec<_> = report.operators.iter().map(operator).collect();
    operators.sort_by_key(|operator| std::cmp::Reverse(operator.count));
    operators
}

fn described(port: &Port) -> String {
    format!("{} {} {}", port.name, port.element.name(), port.shape_text())
}

fn measure(network: &Network, workload: &Workload) -> Result<Measured, String> {
    let ports = network.inputs();
    if let Some((name, _)) =
        workload.shapes.iter().find(|(n, _)| ports.iter().all(|p| p.name != *n))
    {
        let known: Vec<_> = ports.iter().map(|port| port.name.as_str()).collect();
        return Err(format!("there is no input {name}; the inputs are {}", known.join(", ")));
    }
    let mut given = Vec::new();
    for port in ports {
        let shape = inputs::shape(port, workload)?;
        given.push((port.name.clone(), inputs::array(port, shape)?));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| format!("no runtime to ask it from: {error}"))?;
    let run = || {
        let request = Inference { inputs: given.clone(), outputs: Vec::new(), deadline: None };
        let began = Instant::now();
        let answer = runtime.block_on(network.infer(request));
        answer.map(|_| began.elapsed()).map_err(|error| error.to_string())
    };
    forget_peak_memory();
    run()?;
    let (began, mut times) = (Instant::now(), Vec::new());
    while times.len() < LEAST_RUNS || (times.len() < MOST_RUNS && began.elapsed() < MEASURED_FOR) {
        times.push(run()?);
    }
    times.sort();
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times.get(place.min(times.len() - 1)).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    let rows = given.first().and_then(|(_, array)| array.shape().first().copied()).unwrap_or(1);
    let all: f64 = times.iter().map(Duration::as_secs_f64).sum();
    Ok(Measured {
        shapes: given
            .iter()
            .map(|(name, a): &(_, Array)| (name.clone(), a.shape().to_vec()))
            .collect(),
        runs: times.len(),
        median_ms: at(0.5),
        p95_ms: at(0.95),
        rows_per_s: (rows * times.len()) as f64 / all.max(f64::MIN_POSITIVE),
        peak_rss_bytes: peak_memory_bytes(),
    })
}
