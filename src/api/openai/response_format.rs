//! What an answer must be: any text, JSON, JSON of a schema, or a text that a pattern matches.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fields::Object;
use crate::api::error::{over_limit, unsupported};
use crate::api::service::Limits;
use crate::engine::Form;
use crate::http::Problem;

/// `response_format`, as written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResponseFormat {
    /// Which of them.
    #[serde(rename = "type")]
    kind: Kind,
    /// With `json_schema`.
    #[schemars(with = "Option<NamedSchema>")]
    json_schema: Option<Object<NamedSchema>>,
    /// With `regex`: what the whole answer must match. Not OpenAI's.
    regex: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Text,
    JsonObject,
    JsonSchema,
    Regex,
}

/// A JSON Schema with its name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NamedSchema {
    /// Used for nothing: the model is not told of it.
    #[serde(rename = "name")]
    _name: String,
    /// Used for nothing: the model is not told of it.
    #[serde(rename = "description")]
    _description: Option<String>,
    /// Any object without it.
    schema: Option<serde_json::Map<String, Value>>,
    /// Used for nothing: an answer always keeps to its schema.
    #[serde(rename = "strict")]
    _strict: Option<bool>,
}

impl ResponseFormat {
    /// The form that the answer must have; `None` for any text.
    pub(super) fn check(self, limits: &Limits) -> Result<Option<Form>, Problem> {
        let other = |field: &str| {
            let field = format!("response_format.{field}");
            Err(unsupported(&field, "it is not for a response_format of this type"))
        };
        if self.json_schema.is_some() && self.kind != Kind::JsonSchema {
            return other("json_schema");
        }
        if self.regex.is_some() && self.kind != Kind::Regex {
            return other("regex");
        }
        let object = || json!({ "type": "object" });
        let form = match self.kind {
            Kind::Text => return Ok(None),
            Kind::JsonObject => Form::JsonSchema(object()),
            Kind::JsonSchema => {
                let named = self.json_schema.ok_or_else(|| missing("json_schema"))?;
                Form::JsonSchema(named.0.schema.map_or_else(object, Value::Object))
            }
            Kind::Regex => Form::Regex(self.regex.ok_or_else(|| missing("regex"))?),
        };
        let (field, bytes) = match &form {
            Form::JsonSchema(schema) => ("json_schema.schema", schema.to_string().len()),
            Form::Regex(pattern) => ("regex", pattern.len()),
        };
        let most = limits.max_schema_bytes;
        if bytes > most {
            let field = format!("response_format.{field}");
            return Err(over_limit(&field, bytes, "bytes", most, "max_schema_bytes"));
        }
        Ok(Some(form))
    }
}

fn missing(field: &str) -> Problem {
    let path = format!("response_format.{field}");
    Problem::invalid(format!("{path}: missing field `{field}`")).param(path).code("invalid_value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::json::parse;

    fn ask(format: &Value) -> Result<Option<Form>, Problem> {
        let format = parse::<ResponseFormat>(format.to_string().as_bytes())?;
        format.check(&Limits { max_schema_bytes: 100, ..Limits::default() })
    }

    #[test]
    fn every_type_has_its_form() {
        let schema = json!({ "type": "integer" });
        let object = Form::JsonSchema(json!({ "type": "object" }));
        for (format, form) in [
            (json!({ "type": "text" }), None),
            (json!({ "type": "json_object" }), Some(object.clone())),
            (json!({ "type": "json_schema", "json_schema": { "name": "a" } }), Some(object)),
            (
                json!({ "type": "json_schema", "json_schema":
                    { "name": "a", "strict": true, "description": "b", "schema": schema } }),
                Some(Form::JsonSchema(schema.clone())),
            ),
            (json!({ "type": "regex", "regex": "a+" }), Some(Form::Regex("a+".into()))),
        ] {
            assert_eq!(ask(&format).unwrap(), form, "{format}");
        }
    }

    #[test]
    fn what_does_not_belong_is_refused_by_name() {
        let large = json!({ "const": "x".repeat(100) });
        for (format, param) in [
            (json!({ "type": "xml" }), "type"),
            (json!({ "type": "json_schema" }), "response_format.json_schema"),
            (json!({ "type": "regex" }), "response_format.regex"),
            (json!({ "type": "text", "regex": "a" }), "response_format.regex"),
            (
                json!({ "type": "json_object", "json_schema": { "name": "a" } }),
                "response_format.json_schema",
            ),
            (json!({ "type": "json_schema", "json_schema": { "schema": {} } }), "json_schema.name"),
            (
                json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": large } }),
                "response_format.json_schema.schema",
            ),
        ] {
            let problem = ask(&format).unwrap_err();
            assert_eq!(problem.body().param.as_deref(), Some(param), "{problem:?}");
        }
    }
}
