//! Parameters: what a request, an input or an output may have besides its tensors.
//!
//! | where | name | here |
//! |---|---|---|
//! | request | `binary_data_output` | outputs leave as binary data unless one says otherwise |
//! | request | `timeout` | microseconds for the whole request; 0 leaves it to the server |
//! | request | `priority` | only 0: requests are answered in the order they come |
//! | request | `sequence_id` `sequence_start` `sequence_end` | refused: requests do not depend on each other |
//! | input | `binary_data_size` | bytes of its data behind the JSON |
//! | output | `binary_data` | whether it leaves as binary data |
//! | output | `classification` | the highest so many of its values as `value:index:label` |
//! | input, output | `shared_memory_…` | refused |
//!
//! Every other is refused with its name.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::api::error::{out_of_range, unsupported};
use crate::http::Problem;

/// Parameters that one object may have.
const MAX_PARAMETERS: usize = 32;
const NO_SHARED_MEMORY: &str = "this server shares no memory with its clients; send the data";
const NO_SEQUENCES: &str = "requests do not depend on each other here";

/// What a parameter may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Whole(i128),
    Real(f64),
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Whole(value) => value.fmt(f),
            Self::Real(value) => value.fmt(f),
            Self::Text(text) => {
                let shown: String = text.chars().take(40).collect();
                write!(f, "{shown:?}")
            }
        }
    }
}

/// Parameters as they were written, none of them twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Parameters(Vec<(String, Value)>);

/// What a request may say of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RequestParameters {
    /// Outputs leave as binary data unless one says otherwise.
    pub(super) binary_outputs: bool,
    /// The answer is there by then.
    pub(super) timeout: Option<Duration>,
}

/// What a request may say of an output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OutputParameters {
    /// Whether it leaves as binary data; where it is not said, as the request has it.
    pub(super) binary: Option<bool>,
    /// So many of the highest values, each with its index, in place of the array.
    pub(super) classes: Option<usize>,
}

impl Parameters {
    /// As a request's.
    pub(super) fn of_request(self) -> Result<RequestParameters, Problem> {
        let mut known = RequestParameters::default();
        for (name, value) in self.0 {
            let path = format!("parameters.{name}");
            match name.as_str() {
                "binary_data_output" => known.binary_outputs = truth(&path, &value)?,
                "timeout" => {
                    let us = whole(&path, &value, 0)?;
                    known.timeout = (us > 0).then(|| Duration::from_micros(us));
                }
                "priority" if value == Value::Whole(0) => {}
                "priority" => {
                    let allowed = "0: requests are answered in the order they come";
                    return Err(out_of_range(&path, value, allowed));
                }
                "sequence_id" | "sequence_start" | "sequence_end" => {
                    return Err(unsupported(&path, NO_SEQUENCES));
                }
                _ => return Err(unknown(&path, "binary_data_output, timeout and priority")),
            }
        }
        Ok(known)
    }

    /// As an input's, which is called so in errors: the bytes of its binary data.
    pub(super) fn of_input(self, input: &str) -> Result<Option<usize>, Problem> {
        let mut size = None;
        for (name, value) in self.0 {
            let path = format!("{input}.parameters.{name}");
            match name.as_str() {
                "binary_data_size" => size = Some(size_of(&path, &value, 0)?),
                name if is_shared_memory(name) => return Err(unsupported(&path, NO_SHARED_MEMORY)),
                _ => return Err(unknown(&path, "binary_data_size")),
            }
        }
        Ok(size)
    }

    /// As an output's, which is called so in errors.
    pub(super) fn of_output(self, output: &str) -> Result<OutputParameters, Problem> {
        let mut known = OutputParameters::default();
        for (name, value) in self.0 {
            let path = format!("{output}.parameters.{name}");
            match name.as_str() {
                "binary_data" => known.binary = Some(truth(&path, &value)?),
                // Triton's client writes 0 for none.
                "classification" => {
                    known.classes = Some(size_of(&path, &value, 0)?).filter(|classes| *classes > 0);
                }
                name if is_shared_memory(name) => return Err(unsupported(&path, NO_SHARED_MEMORY)),
                _ => return Err(unknown(&path, "binary_data and classification")),
            }
        }
        Ok(known)
    }
}

fn is_shared_memory(name: &str) -> bool {
    name.starts_with("shared_memory_")
}

fn truth(path: &str, value: &Value) -> Result<bool, Problem> {
    match value {
        Value::Bool(value) => Ok(*value),
        other => Err(out_of_range(path, other, "true or false")),
    }
}

fn whole(path: &str, value: &Value, least: u64) -> Result<u64, Problem> {
    let number = match value {
        Value::Whole(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    number
        .filter(|number| *number >= least)
        .ok_or_else(|| out_of_range(path, value, &format!("a whole number of at least {least}")))
}

fn size_of(path: &str, value: &Value, least: u64) -> Result<usize, Problem> {
    let number = whole(path, value, least)?;
    usize::try_from(number).map_err(|_| out_of_range(path, value, "a size of this machine"))
}

fn unknown(path: &str, known: &str) -> Problem {
    let shown: String = path.chars().take(200).collect();
    Problem::invalid(format!("{shown}: there is no such parameter; there is {known}"))
        .param(shown)
        .code("unknown_parameter")
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ParametersVisitor;
        impl<'de> Visitor<'de> for ParametersVisitor {
            type Value = Parameters;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of parameters")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
                let mut given: Vec<(String, Value)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if given.len() == MAX_PARAMETERS {
                        let what = format_args!("more than {MAX_PARAMETERS} parameters");
                        return Err(A::Error::custom(what));
                    }
                    if given.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                    let value = map.next_value()?;
                    given.push((name, value));
                }
                Ok(Parameters(given))
            }
            fn visit_unit<E: Error>(self) -> Result<Parameters, E> {
                Ok(Parameters::default())
            }
        }
        deserializer.deserialize_any(ParametersVisitor)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;
        impl Visitor<'_> for ValueVisitor {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a truth value, a number or a text")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Whole(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Whole(value.into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Real(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }
        }
        deserializer.deserialize_any(ValueVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(json: &str) -> Parameters {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn known_parameters_are_honoured() {
        let request = r#"{"binary_data_output": true, "timeout": 1500, "priority": 0}"#;
        let known = parameters(request).of_request().unwrap();
        assert!(known.binary_outputs);
        assert_eq!(known.timeout, Some(Duration::from_micros(1500)));
        assert_eq!(parameters(r#"{"timeout": 0}"#).of_request().unwrap().timeout, None);
        let size = parameters(r#"{"binary_data_size": 16}"#).of_input("inputs[0]").unwrap();
        assert_eq!(size, Some(16));
        let output = r#"{"binary_data": false, "classification": 3}"#;
        let known = parameters(output).of_output("outputs[0]").unwrap();
        assert_eq!(known, OutputParameters { binary: Some(false), classes: Some(3) });
        assert_eq!(parameters("null"), Parameters::default());
    }

    #[test]
    fn every_other_is_refused_with_its_name() {
        let of_request = |json| parameters(json).of_request().unwrap_err();
        let of_input = |json| parameters(json).of_input("inputs[2]").unwrap_err();
        let of_output = |json| parameters(json).of_output("outputs[1]").unwrap_err();
        for (problem, param, says) in [
            (of_request(r#"{"priority": 1}"#), "parameters.priority", "is 1; it must be 0"),
            (of_request(r#"{"timeout": -1}"#), "parameters.timeout", "at least 0"),
            (of_request(r#"{"timeout": 1.5}"#), "parameters.timeout", "whole number"),
            (of_request(r#"{"sequence_id": 4}"#), "parameters.sequence_id", "do not depend"),
            (of_request(r#"{"colour": "red"}"#), "parameters.colour", "no such parameter"),
            (
                of_request(r#"{"binary_data_output": 1}"#),
                "parameters.binary_data_output",
                "true or false",
            ),
            (
                of_input(r#"{"shared_memory_region": "a"}"#),
                "inputs[2].parameters.shared_memory_region",
                "shares no memory",
            ),
            (
                of_input(r#"{"binary_data_size": -1}"#),
                "inputs[2].parameters.binary_data_size",
                "is -1",
            ),
            (of_input(r#"{"binary_data": true}"#), "inputs[2].parameters.binary_data", "no such"),
            (
                of_output(r#"{"shared_memory_byte_size": 1}"#),
                "outputs[1].parameters.shared_memory_byte_size",
                "shares no memory",
            ),
            (
                of_output(r#"{"classification": "3"}"#),
                "outputs[1].parameters.classification",
                "is \"3\"",
            ),
        ] {
            assert_eq!(problem.body().param.as_deref(), Some(param));
            let message = &problem.body().message;
            assert!(message.contains(says) && message.contains(param), "{message}");
        }
    }

    #[test]
    fn parameters_are_few_and_plain() {
        let many: Vec<_> = (0..33).map(|i| format!("\"p{i}\": 1")).collect();
        let many = format!("{{{}}}", many.join(","));
        for json in [r#"{"a": 1, "a": 2}"#, r#"{"a": [1]}"#, r#"{"a": null}"#, "[]", &many] {
            assert!(serde_json::from_str::<Parameters>(json).is_err(), "{json}");
        }
    }
}
