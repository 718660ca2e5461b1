//! A request's body to a type, or an error that says where it is wrong.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::openai::fields::Object;
use super::service::Service;
use crate::http::{Problem, read_body, require_json};

/// A message about a value may quote it; what is longer is cut.
const MAX_MESSAGE_CHARS: usize = 600;

/// A request's body as a `T`.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Service>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        require_json(&head.headers)?;
        let bytes = read_body(&head.headers, body, service.body).await?;
        parse::<Object<T>>(&bytes).map(|object| Self(object.0))
    }
}

/// Parses JSON; every error is a 400 that names line and column, or the field's path.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("the body is not UTF-8: byte {} is wrong", error.valid_up_to());
        Problem::invalid(message).code("invalid_json")
    })?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| refusal(&error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| refusal(".", &error))?;
    Ok(value)
}

fn refusal(path: &str, error: &serde_json::Error) -> Problem {
    let text: String = error.to_string().chars().take(MAX_MESSAGE_CHARS).collect();
    if !error.is_data() {
        return Problem::invalid(format!("the body is not JSON: {text}")).code("invalid_json");
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).unwrap_or(&text);
    let path = full_path(path, what);
    let code =
        if what.starts_with("unknown field") { "unknown_parameter" } else { "invalid_value" };
    match path.as_str() {
        "" => Problem::invalid(format!("the body: {what}")).code(code),
        path => Problem::invalid(format!("{path}: {what}")).param(path).code(code),
    }
}

/// The path that was walked, and at its end the field that is unknown, missing or there twice.
fn full_path(path: &str, what: &str) -> String {
    let path = path.trim_start_matches('.').replace(".?", "").replace('?', "");
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| what.strip_prefix(start))
        .and_then(|rest| rest.split('`').next());
    match named {
        Some(field) if path.is_empty() => field.to_owned(),
        Some(field) if path == field || path.ends_with(&format!(".{field}")) => path,
        Some(field) => format!("{path}.{field}"),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{Object, parse};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its parsing is looked at")]
    struct Outer {
        inner: Vec<Inner>,
        n: Option<i64>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its parsing is looked at")]
    struct Inner {
        a: String,
    }

    #[test]
    fn an_error_says_where() {
        for (body, param, says) in [
            ("", None, "EOF while parsing a value at line 1 column 0"),
            ("{", None, "at line 1 column 1"),
            ("{\"n\": 1,\n \"inner\": [}", None, "at line 2 column 12"),
            ("{\"inner\": []} x", None, "trailing characters at line 1 column 15"),
            ("[[], 2]", None, "the body: invalid type: sequence, expected an object"),
            ("{}", Some("inner"), "missing field `inner`"),
            ("{\"inner\": [], \"m\": 1}", Some("m"), "expected `inner` or `n`"),
            ("{\"inner\": [], \"n\": \"1\"}", Some("n"), "invalid type: string \"1\""),
            ("{\"inner\": [], \"n\": 1e400}", None, "number out of range"),
            ("{\"inner\": [], \"n\": 99999999999999999999}", Some("n"), "invalid type"),
            ("{\"inner\": [], \"inner\": []}", Some("inner"), "duplicate field"),
            ("{\"inner\": [{\"a\": \"x\"}, {\"a\": 1}]}", Some("inner[1].a"), "integer `1`"),
            ("{\"inner\": [{\"a\": \"x\", \"b\": 1}]}", Some("inner[0].b"), "unknown field `b`"),
            ("{\"inner\": [{}]}", Some("inner[0].a"), "missing field `a`"),
        ] {
            let problem = parse::<Object<Outer>>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.status(), 400, "{body}");
            assert_eq!(problem.body().param.as_deref(), param, "{body}: {problem:?}");
            assert!(problem.body().message.contains(says), "{body}: {}", problem.body().message);
        }
        let problem = parse::<Outer>(b"{\"inner\": [{\"a\": \"\xff\"}]}").unwrap_err();
        assert_eq!(problem.body().message, "the body is not UTF-8: byte 18 is wrong");
        let deep = "[".repeat(100_000);
        assert_eq!(parse::<Outer>(deep.as_bytes()).unwrap_err().status(), 400);
        assert!(parse::<Outer>(b"{\"inner\": [], \"n\": null}").is_ok());
    }
}
