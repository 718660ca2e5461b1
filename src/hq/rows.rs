//! Values to columns and back. Databases count with signed numbers only.

use std::str::FromStr;

use super::error::HqError;

/// A number for a column; what is beyond it is the largest that there is.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The number of a column; none is below 0.
pub(super) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A value that was written as text.
pub(super) fn parsed<T: FromStr>(what: &'static str, text: &str) -> Result<T, HqError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| HqError::Damaged { what, why: error.to_string() })
}

/// A value that was written as JSON.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, HqError> {
    serde_json::from_str(text).map_err(|error| HqError::Damaged { what, why: error.to_string() })
}

/// A value as JSON.
pub(super) fn to_json(
    what: &'static str,
    value: &impl serde::Serialize,
) -> Result<String, HqError> {
    serde_json::to_string(value).map_err(|error| HqError::Damaged { what, why: error.to_string() })
}

/// The word that serde writes for a value without fields.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
