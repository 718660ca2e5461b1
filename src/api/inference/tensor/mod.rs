//! Arrays in the protocol's two forms: JSON, and bytes as they lie in memory.

mod element;
mod json;
mod raw;
mod render;

use std::fmt;

pub(super) use json::from_json;
pub(super) use raw::{from_raw, raw_bytes, to_raw};
pub(super) use render::{Elements, check_json};

/// Axes that an array may have.
pub(super) const MAX_AXES: usize = 32;

/// Why a tensor's data are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The place in the data, an index for each list that was entered; empty for the whole.
    pub(super) at: Vec<usize>,
    /// What is wrong there.
    pub(super) what: String,
}

impl Fault {
    /// Of the data as a whole.
    pub(super) fn whole(what: impl Into<String>) -> Self {
        Self { at: Vec::new(), what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data")?;
        self.at.iter().try_for_each(|index| write!(f, "[{index}]"))?;
        write!(f, ": {}", self.what)
    }
}

/// Elements of a shape.
fn count(shape: &[usize]) -> Result<usize, Fault> {
    let count = shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
    count.ok_or_else(|| Fault::whole("its shape has more elements than can be addressed"))
}

#[cfg(test)]
mod tests;
