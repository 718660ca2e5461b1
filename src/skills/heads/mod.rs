//! What is done around a graph, as data: how a request becomes its inputs and its outputs become
//! an answer.
//!
//! A package's card has a head in JSON; [`Head::parse`] makes of it a type that cannot be wrong.
//!
//! **Invariants**
//! - Every fault of a head is told with the path of its field; a field that is not known is one.
//! - Pure functions on arrays: nothing here reads a file or knows how a graph is run.
//!
//! **Not here**: HTTP, graphs, where heads are stored.

mod embed;
mod fault;
mod text;

use serde_json::Value;

pub use embed::{Embed, Pool};
pub use fault::HeadError;
pub use text::{TextInput, TextPorts};

/// What is done around a graph.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// A text as one vector.
    Embed(Embed),
}

impl Head {
    /// The tasks there are, by which a head's field `task` calls them.
    pub const TASKS: [&str; 1] = ["embed"];

    /// Reads a head as it stands in a card.
    pub fn parse(value: &Value) -> Result<Self, HeadError> {
        let object = value.as_object().ok_or_else(|| HeadError::at("", "it is not an object"))?;
        let mut fields = object.clone();
        let task = fields.remove("task").ok_or_else(|| HeadError::at("task", "it is missing"))?;
        match task.as_str().unwrap_or_default() {
            "embed" => Embed::parse(fields).map(Self::Embed),
            _ => {
                let known = Self::TASKS.join(", ");
                Err(HeadError::at("task", format!("{task} is not known; known are {known}")))
            }
        }
    }
}

#[cfg(test)]
mod tests;
