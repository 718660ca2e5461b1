//! The model card: what people must know of a model before they let it speak to customers.

mod cyclonedx;
mod written;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use written::WRITTEN_CARD_FILE;

/// Bytes of a card at most.
pub(super) const MAX_CARD_BYTES: usize = 1 << 20;

/// What people must know of a model before they let it speak to customers.
///
/// Written and read as CycloneDX 1.6 (ECMA-424), `component.type = machine-learning-model` with a
/// `modelCard`. Quantisation and owner, for which that form has no field, are properties of the
/// card named `endcap:…`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Name of the model; the package's where not given.
    #[serde(default)]
    pub name: String,
    /// Version of the package.
    #[serde(default)]
    pub version: String,
    /// One or two sentences.
    #[serde(default)]
    pub description: String,
    /// SPDX identifier; empty where nobody stated one.
    #[serde(default)]
    pub licence: String,
    /// Where the model comes from: an address or a path.
    #[serde(default)]
    pub source: String,
    /// Who made the model.
    #[serde(default)]
    pub maker: String,
    /// Who answers for the model here.
    #[serde(default)]
    pub owner: String,
    /// Family, such as `llama`.
    #[serde(default)]
    pub architecture: String,
    /// How the weights are stored.
    #[serde(default)]
    pub quantisation: String,
    /// Languages that it was made for, as `en`; none where nobody stated any.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Skills that it is fit for, of `ask` and `copy`; none where nobody stated any.
    #[serde(default)]
    pub skills: Vec<String>,
    /// What it may be used for.
    #[serde(default)]
    pub intended_use: Vec<String>,
    /// What it cannot do or must not be used for.
    #[serde(default)]
    pub limits: Vec<String>,
    /// What is done to a request before the graph and to its outputs after it, such as how a picture
    /// becomes its input and numbers become labels. Read by the room that does it.
    #[serde(default)]
    pub head: Option<Value>,
    /// What it does in a word or two, as CycloneDX has it.
    #[serde(default, skip_deserializing)]
    pub task: String,
    /// What it is given: name, type and shape of each input.
    #[serde(default, skip_deserializing)]
    pub inputs: Vec<String>,
    /// What it gives.
    #[serde(default, skip_deserializing)]
    pub outputs: Vec<String>,
    /// File names with their SHA-256: the source file and the files of the package.
    #[serde(default, skip_deserializing)]
    pub digests: Vec<(String, String)>,
}

impl Card {
    /// What must be stated before a model is taken in and is not.
    pub fn missing(&self) -> Vec<&'static str> {
        let list = |items: &[String]| items.iter().all(|item| item.trim().is_empty());
        let stated = [
            ("description", self.description.trim().is_empty()),
            ("licence", self.licence.trim().is_empty()),
            ("owner", self.owner.trim().is_empty()),
            ("intended_use", list(&self.intended_use)),
            ("limits", list(&self.limits)),
        ];
        stated.into_iter().filter(|(_, empty)| *empty).map(|(field, _)| field).collect()
    }

    /// The card of a model that continues a conversation as text.
    pub(super) fn of_chat(self) -> Self {
        let text = || vec!["text".to_owned()];
        Self { task: "text-generation".to_owned(), inputs: text(), outputs: text(), ..self }
    }

    /// The card of a graph with these inputs and outputs; what it is for stands in the head.
    pub(super) fn of_tensors(self, inputs: Vec<String>, outputs: Vec<String>) -> Self {
        let head = self.head.as_ref().and_then(|head| head.get("task")).and_then(Value::as_str);
        let task = head.unwrap_or("tensors").to_owned();
        Self { task, inputs, outputs, ..self }
    }

    /// Names of the files beside the graph that the head says it reads.
    pub(super) fn named_files(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.head.iter().for_each(|head| files_in(head, &mut names));
        names
    }
}

/// Every text under the key `file`.
fn files_in(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| files_in(item, names)),
        Value::Object(fields) => {
            names.extend(fields.get("file").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| files_in(field, names));
        }
        _ => {}
    }
}
