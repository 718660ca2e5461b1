//! What is wrong with a head, and where.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A fault of a head, with the path of the field at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct HeadError {
    /// Such as `head.picture.size.width`.
    pub path: String,
    /// What is wrong there.
    pub why: String,
}

impl HeadError {
    /// A fault of the field at this path below the head; the head itself where it is empty.
    pub(super) fn at(path: &str, why: impl Into<String>) -> Self {
        let path = match path.trim_matches('.') {
            "" => "head".to_owned(),
            path => format!("head.{path}"),
        };
        Self { path, why: why.into() }
    }
}

/// Fields as a `T`; every fault has its path.
pub(super) fn read<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, HeadError> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string().replace(".?", "").replace('?', "");
        HeadError::at(&path, error.inner().to_string())
    })
}

/// Moves the fields of these names out.
pub(super) fn split(fields: &mut Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let taken = names.iter().filter_map(|&name| Some((name.to_owned(), fields.remove(name)?)));
    taken.collect()
}

/// Refuses a number outside of its limits; both are allowed.
pub(super) fn within<T: PartialOrd + std::fmt::Display>(
    path: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), HeadError> {
    if value >= least && value <= most {
        return Ok(());
    }
    Err(HeadError::at(path, format!("it is {value}; {least} to {most} are allowed")))
}

/// Refuses a name that is empty or longer than 256 bytes.
pub(super) fn named(path: &str, name: Option<&str>) -> Result<(), HeadError> {
    match name {
        Some(name) if name.is_empty() || name.len() > 256 => {
            Err(HeadError::at(path, "a name has 1 to 256 bytes"))
        }
        _ => Ok(()),
    }
}
