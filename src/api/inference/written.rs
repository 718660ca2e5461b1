//! A request's JSON, as it is written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::parameters::Parameters;
use super::tensor::MAX_AXES;
use crate::api::openai::fields::Object;
use crate::engine::ElementType;

/// `$inference_request` of the protocol. The data of its inputs are left as text until their types
/// and shapes are known, wherever these stand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRequest<'a> {
    #[serde(default)]
    pub(super) id: Option<String>,
    /// The path names the model; some clients name it again.
    #[serde(default)]
    pub(super) model_name: Option<String>,
    #[serde(default)]
    pub(super) model_version: Option<String>,
    #[serde(default)]
    pub(super) parameters: Parameters,
    #[serde(borrow)]
    pub(super) inputs: Vec<Object<WrittenInput<'a>>>,
    #[serde(default)]
    pub(super) outputs: Option<Vec<Object<WrittenOutput>>>,
}

/// `$request_input`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenInput<'a> {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) datatype: String,
    #[serde(default)]
    pub(super) parameters: Parameters,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
}

/// `$request_output`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenOutput {
    pub(super) name: String,
    #[serde(default)]
    pub(super) parameters: Parameters,
}

/// Lengths of the axes, not yet seen to be any.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape(pub(super) Vec<i128>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of whole numbers")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let mut lengths = Vec::new();
                while let Some(Length(length)) = list.next_element()? {
                    if lengths.len() == MAX_AXES {
                        return Err(A::Error::custom(format_args!("more than {MAX_AXES} axes")));
                    }
                    lengths.push(length);
                }
                Ok(Shape(lengths))
            }
        }
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

/// A whole number of either sign.
struct Length(i128);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LengthVisitor;
        impl Visitor<'_> for LengthVisitor {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }
            fn visit_i64<E>(self, value: i64) -> Result<Length, E> {
                Ok(Length(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Length, E> {
                Ok(Length(value.into()))
            }
        }
        deserializer.deserialize_any(LengthVisitor)
    }
}

/// What `/openapi.json` says of a request.
pub(in crate::api) struct InferenceRequest;

impl JsonSchema for InferenceRequest {
    fn schema_name() -> Cow<'static, str> {
        "InferenceRequest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let datatypes: Vec<&str> = ElementType::ALL.iter().map(|element| element.name()).collect();
        let input = json_schema!({
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "shape": {
                    "type": "array",
                    "items": { "type": "integer", "minimum": 0 },
                    "maxItems": MAX_AXES,
                },
                "datatype": { "enum": datatypes },
                "parameters": {
                    "type": "object",
                    "properties": { "binary_data_size": { "type": "integer", "minimum": 0 } },
                    "additionalProperties": false,
                },
                "data": {
                    "type": "array",
                    "description": "One flat list in row-major order, or lists nested as the \
                                    shape says",
                },
            },
            "required": ["name", "shape", "datatype"],
            "additionalProperties": false,
        });
        let output = json_schema!({
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "parameters": {
                    "type": "object",
                    "properties": {
                        "binary_data": { "type": "boolean" },
                        "classification": { "type": "integer", "minimum": 0 },
                    },
                    "additionalProperties": false,
                },
            },
            "required": ["name"],
            "additionalProperties": false,
        });
        json_schema!({
            "type": "object",
            "properties": {
                "id": { "type": "string" },
                "model_name": { "type": "string" },
                "model_version": { "type": "string" },
                "parameters": {
                    "type": "object",
                    "properties": {
                        "binary_data_output": { "type": "boolean" },
                        "timeout": {
                            "type": "integer",
                            "minimum": 0,
                            "description": "Microseconds for the whole request",
                        },
                        "priority": { "const": 0 },
                    },
                    "additionalProperties": false,
                },
                "inputs": { "type": "array", "items": input },
                "outputs": { "type": "array", "items": output },
            },
            "required": ["inputs"],
            "additionalProperties": false,
        })
    }
}
