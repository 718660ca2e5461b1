//! What is sealed beside an entry.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::digest;
use super::record::{AnswerId, Giving, Said};

/// What can be opened until it is erased or its time is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Under which the digests of the entry were made.
    pub(super) salt: String,
    /// What the model was asked, or what a shopper did.
    pub(super) asked: Value,
    /// What it said, or what was told.
    pub(super) text: String,
}

impl Kept {
    /// Of a model's text.
    pub(super) fn of_said(said: &Said) -> Option<Self> {
        let salt = AnswerId::new()?.to_string();
        Some(Self { salt, asked: said.inputs.clone(), text: said.text.clone() })
    }

    /// Of an answer as it was told.
    pub(super) fn of_given(giving: &Giving) -> Option<Self> {
        let salt = AnswerId::new()?.to_string();
        let asked = Value::String(giving.question.clone());
        Some(Self { salt, asked, text: giving.text.clone() })
    }

    /// Digests of what was asked and of the text.
    pub(super) fn digests(&self) -> (String, String) {
        let asked = digest(&self.salt, self.asked.to_string().as_bytes());
        (asked, digest(&self.salt, self.text.as_bytes()))
    }
}

/// For what an entry's inputs are sealed: for this entry alone.
pub(super) fn context(id: &AnswerId) -> Vec<u8> {
    [b"audit.answer".as_slice(), &id.0].concat()
}
