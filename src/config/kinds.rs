//! The types that settings have, and what is said when a value is not of its type.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use toml::Value;

use super::raw::Given;
use crate::units::Bytes;

/// Any text.
pub(super) fn text(given: &Given) -> Result<String, String> {
    match given {
        Given::Text(text) | Given::Toml(Value::String(text)) => Ok(text.clone()),
        Given::Toml(value) => Err(wrong(value, "text in quotes")),
    }
}

/// Text that parses as `T`, described by `example`.
pub(super) fn parsed<T: FromStr>(given: &Given, example: &str) -> Result<T, String> {
    let text = text(given)?;
    text.parse().map_err(|_| format!("`{text}` is not {example}"))
}

/// `true` or `false`.
pub(super) fn flag(given: &Given) -> Result<bool, String> {
    match given {
        Given::Toml(Value::Boolean(value)) => Ok(*value),
        Given::Toml(value) => Err(wrong(value, "true or false")),
        Given::Text(text) => text.parse().map_err(|_| format!("`{text}` is not true or false")),
    }
}

/// A whole number within a range.
pub(super) fn number(given: &Given, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = match given {
        Given::Toml(Value::Integer(number)) => i128::from(*number),
        Given::Toml(value) => return Err(wrong(value, "a whole number")),
        Given::Text(text) => {
            text.parse::<i128>().map_err(|_| format!("`{text}` is not a whole number"))?
        }
    };
    match u64::try_from(number) {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(outside(number, range.start(), range.end())),
    }
}

/// A size such as "512 MiB", or a number of bytes, within a range.
pub(super) fn bytes(given: &Given, range: RangeInclusive<u64>) -> Result<u64, String> {
    let size = match given {
        Given::Toml(Value::Integer(number)) => {
            u64::try_from(*number).map_err(|_| format!("{number} is not a size"))?
        }
        Given::Toml(Value::String(text)) | Given::Text(text) => {
            text.parse::<Bytes>().map_err(|fault| fault.to_string())?.0
        }
        Given::Toml(value) => return Err(wrong(value, "a size such as \"512 MiB\"")),
    };
    if range.contains(&size) {
        return Ok(size);
    }
    Err(outside(Bytes(size), Bytes(*range.start()), Bytes(*range.end())))
}

/// Seconds, fractions allowed, within a range.
pub(super) fn seconds(given: &Given, range: RangeInclusive<f64>) -> Result<Duration, String> {
    let seconds = match given {
        Given::Toml(Value::Integer(number)) => *number as f64,
        Given::Toml(Value::Float(number)) => *number,
        Given::Toml(value) => return Err(wrong(value, "a number of seconds")),
        Given::Text(text) => {
            text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))?
        }
    };
    if range.contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(outside(seconds, range.start(), range.end()))
}

/// A list of texts; in the environment and in flags separated by commas.
pub(super) fn list(given: &Given) -> Result<Vec<String>, String> {
    match given {
        Given::Toml(Value::Array(items)) => {
            items.iter().map(|item| text(&Given::Toml(item.clone()))).collect()
        }
        Given::Toml(value) => Err(wrong(value, "a list of texts")),
        Given::Text(text) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(items.map(str::to_owned).collect())
        }
    }
}

fn wrong(value: &Value, wanted: &str) -> String {
    let found = match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    };
    format!("this takes {wanted}, not {found}")
}

fn outside(value: impl Display, low: impl Display, high: impl Display) -> String {
    format!("{value} is outside {low} to {high}")
}
