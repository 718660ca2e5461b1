//! One run of a graph whose inputs and outputs a head describes.

use std::time::Instant;

use crate::api::error::of_own_inference;
use crate::api::service::ServedNetwork;
use crate::engine::{Array, ElementType, Inference};
use crate::http::Problem;
use crate::skills::heads::{OutputError, Tensor, Values};

/// Floats that came out of a graph.
pub(super) struct Output {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Vec<f32>,
}

/// Runs a graph on one input; the input is the first where the head names none, and so is the
/// output. Faults are the package's, not the caller's.
pub(super) async fn run(
    served: &ServedNetwork,
    input: Option<&str>,
    tensor: Tensor,
    output: Option<&str>,
    deadline: Instant,
) -> Result<Output, Problem> {
    let fault = |why: &str| Problem::internal(format!("{}: {why}", served.name));
    let network = &served.network;
    let input = input.or(network.inputs().first().map(|port| port.name.as_str()));
    let input = input.ok_or_else(|| fault("the graph has no input"))?;
    let output = output.or(network.outputs().first().map(|port| port.name.as_str()));
    let output = output.ok_or_else(|| fault("the graph has no output"))?;
    let array = match tensor.values {
        Values::Floats(values) => Array::floats(tensor.shape, &values),
        Values::Bytes(bytes) => Array::new(ElementType::UInt8, tensor.shape, bytes),
    };
    let request = Inference {
        inputs: vec![(input.to_owned(), array.map_err(|error| fault(&error.to_string()))?)],
        outputs: vec![output.to_owned()],
        deadline: Some(deadline),
    };
    let answer = network.infer(request).await;
    let answer = answer.map_err(|error| of_own_inference(error, &served.name))?;
    let (_, array) = answer.into_iter().next().ok_or_else(|| fault("the graph gave no output"))?;
    let numbers = array.to_floats().ok_or_else(|| fault("the output does not hold FP32"))?;
    Ok(Output { shape: array.shape().to_vec(), numbers })
}

/// What an output that a head cannot read means for the caller.
pub(super) fn unreadable(served: &ServedNetwork, error: OutputError) -> Problem {
    Problem::internal(format!("{}: {error}", served.name))
}
