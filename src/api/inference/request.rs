//! What is asked, whatever wire it came by.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::parameters::OutputParameters;
use super::tensor::{Fault, from_json, from_raw};
use super::written::{Shape, WrittenInput, WrittenOutput, WrittenRequest};
use crate::api::json::parse;
use crate::api::openai::fields::Object;
use crate::engine::{Array, ElementType, Inference};
use crate::http::Problem;

/// A request that is well formed; whether it fits its model is not known yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct InferRequest {
    /// Given back with the answer.
    pub(super) id: Option<String>,
    /// Arrays by the names of inputs.
    pub(super) inputs: Vec<(String, Array)>,
    /// Wanted outputs in their order; none is all.
    pub(super) outputs: Vec<WantedOutput>,
    /// Whether outputs leave as binary data where they do not say.
    pub(super) binary_outputs: bool,
    /// The answer is there by then.
    pub(super) timeout: Option<Duration>,
}

/// An output and the form in which it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedOutput {
    pub(super) name: String,
    pub(super) parameters: OutputParameters,
}

/// What a request's path says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Name of the model.
    pub(super) model: &'a str,
    /// Its version.
    pub(super) version: &'a str,
}

impl InferRequest {
    /// Reads a request: JSON, and behind it the binary data that the JSON speaks of.
    pub(super) fn read(json: &[u8], binary: &[u8], asked: Asked<'_>) -> Result<Self, Problem> {
        let Object(written) = parse::<Object<WrittenRequest<'_>>>(json)?;
        same("model_name", written.model_name.as_deref(), asked.model)?;
        same("model_version", written.model_version.as_deref(), asked.version)?;
        let parameters = written.parameters.of_request()?;
        let inputs = read_inputs(written.inputs, binary)?;
        let outputs = read_outputs(written.outputs.unwrap_or_default())?;
        let (binary_outputs, timeout) = (parameters.binary_outputs, parameters.timeout);
        Ok(Self { id: written.id, inputs, outputs, binary_outputs, timeout })
    }

    /// What the engine is asked, by an earlier deadline where the request has one.
    pub(super) fn inference(&mut self, started: Instant, deadline: Instant) -> Inference {
        let own = self.timeout.and_then(|timeout| started.checked_add(timeout));
        Inference {
            inputs: std::mem::take(&mut self.inputs),
            outputs: self.outputs.iter().map(|output| output.name.clone()).collect(),
            deadline: Some(own.map_or(deadline, |own| own.min(deadline))),
        }
    }
}

fn same(field: &str, given: Option<&str>, asked: &str) -> Result<(), Problem> {
    match given {
        Some(given) if !given.is_empty() && given != asked => {
            let shown: String = given.chars().take(100).collect();
            let message = format!("{field} is `{shown}`, but the path asks for `{asked}`");
            Err(Problem::invalid(message).param(field).code("invalid_value"))
        }
        _ => Ok(()),
    }
}

/// Inputs in order; each that has binary data takes its own from the front of what is left.
fn read_inputs(
    written: Vec<Object<WrittenInput<'_>>>,
    binary: &[u8],
) -> Result<Vec<(String, Array)>, Problem> {
    let mut left = binary;
    let mut inputs = Vec::with_capacity(written.len());
    for (index, Object(input)) in written.into_iter().enumerate() {
        inputs.push(read_input(index, input, &mut left)?);
    }
    if left.is_empty() {
        return Ok(inputs);
    }
    let message = format!(
        "{} bytes of binary data are left over; the inputs' binary_data_size add up to {}",
        left.len(),
        binary.len() - left.len()
    );
    Err(Problem::invalid(message).param("inputs").code("invalid_tensor"))
}

fn read_input(
    index: usize,
    input: WrittenInput<'_>,
    binary: &mut &[u8],
) -> Result<(String, Array), Problem> {
    let path = format!("inputs[{index}]");
    let size = input.parameters.of_input(&path)?;
    let place = Place { path, name: &input.name };
    let element = ElementType::named(&input.datatype).ok_or_else(|| {
        let known = ElementType::ALL.map(ElementType::name).join(", ");
        let shown: String = input.datatype.chars().take(40).collect();
        place.refuse("datatype", &format!("`{shown}` is not known; known are {known}"))
    })?;
    let shape = lengths(&place, &input.shape)?;
    let fault = |fault: Fault| place.refuse_data(&fault);
    let array = match (input.data, size) {
        (Some(data), None) => from_json(data.get(), element, shape).map_err(fault)?,
        (None, Some(size)) => {
            let (own, rest) = binary.split_at_checked(size).ok_or_else(|| {
                let what = format!("it is {size}, but {} bytes are left", binary.len());
                place.refuse("parameters.binary_data_size", &what)
            })?;
            *binary = rest;
            from_raw(own, element, shape).map_err(fault)?
        }
        (Some(_), Some(_)) => {
            return Err(place.refuse("data", "it is given, and binary_data_size as well"));
        }
        (None, None) => {
            return Err(place.refuse("data", "it is missing, and so is binary_data_size"));
        }
    };
    Ok((input.name, array))
}

fn lengths(place: &Place<'_>, shape: &Shape) -> Result<Vec<usize>, Problem> {
    let length = |(axis, length): (usize, &i128)| {
        usize::try_from(*length).map_err(|_| {
            place.refuse(&format!("shape[{axis}]"), &format!("{length} is no length of an axis"))
        })
    };
    shape.0.iter().enumerate().map(length).collect()
}

fn read_outputs(written: Vec<Object<WrittenOutput>>) -> Result<Vec<WantedOutput>, Problem> {
    let mut outputs = Vec::with_capacity(written.len());
    let mut names = BTreeSet::new();
    for (index, Object(WrittenOutput { name, parameters })) in written.into_iter().enumerate() {
        let path = format!("outputs[{index}]");
        if !names.insert(name.clone()) {
            let shown: String = name.chars().take(100).collect();
            let message = format!("{path} (`{shown}`): the output is asked for twice");
            return Err(Problem::invalid(message).param(path).code("invalid_tensor"));
        }
        outputs.push(WantedOutput { name, parameters: parameters.of_output(&path)? });
    }
    Ok(outputs)
}

/// Where an input stands in its request.
struct Place<'a> {
    path: String,
    name: &'a str,
}

impl Place<'_> {
    fn refuse(&self, field: &str, what: &str) -> Problem {
        self.problem(&format!("{}.{field}", self.path), what)
    }

    fn refuse_data(&self, fault: &Fault) -> Problem {
        let at: String = fault.at.iter().map(|index| format!("[{index}]")).collect();
        self.problem(&format!("{}.data{at}", self.path), &fault.what)
    }

    fn problem(&self, path: &str, what: &str) -> Problem {
        let name: String = self.name.chars().take(100).collect();
        Problem::invalid(format!("{path} (`{name}`): {what}")).param(path).code("invalid_tensor")
    }
}

#[cfg(test)]
mod tests;
