//! A body to a type, or an error that says where it is wrong.

use serde::Deserialize;

use crate::http::Problem;

/// A message about a value may quote it; what is longer is cut.
const MAX_MESSAGE_CHARS: usize = 600;

/// Parses JSON; an error is a 400 that names the field or, where it is no JSON, line and column.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::invalid("the body is no JSON object").code("invalid_json"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| refusal(&error.path().to_string(), error.inner()))?;
    reader.end().map_err(|error| refusal("", &error))?;
    Ok(value)
}

fn refusal(path: &str, error: &serde_json::Error) -> Problem {
    let text: String = error.to_string().chars().take(MAX_MESSAGE_CHARS).collect();
    if !error.is_data() {
        return Problem::invalid(format!("the body is not JSON: {text}")).code("invalid_json");
    }
    let named = text.split('`').nth(1).filter(|_| text.contains(" field `"));
    let path = match (path.trim_start_matches('.').replace('?', ""), named) {
        (path, Some(field)) if path.is_empty() || path == field => field.to_owned(),
        (path, Some(field)) => format!("{path}.{field}"),
        (path, None) => path,
    };
    let unknown = text.starts_with("unknown field");
    let code = if unknown { "unknown_parameter" } else { "invalid_value" };
    Problem::invalid(format!("{path}: {text}")).param(path).code(code)
}
