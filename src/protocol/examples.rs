//! Answers that associates put right, as a box tells them at HQ's door.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A question, what was answered, and what is better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Its number at the box, ascending.
    pub number: u64,
    /// What was asked.
    pub question: String,
    /// What the assistant answered.
    pub answered: String,
    /// What is better.
    pub better: String,
    /// As BCP 47 has them.
    pub language: String,
    /// SKUs that the answer cited.
    pub cited: Vec<String>,
    /// Id of the corrector's token at the box.
    pub by: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// What a box sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// Names the box's file that counts; 16 hexadecimal digits.
    pub origin: String,
    /// The next examples, ascending; 256 at most.
    pub examples: Vec<Example>,
    /// Numbers of those that were erased at the box; 256 at most.
    pub erased: Vec<u64>,
}

/// How far HQ has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Taken {
    /// The last number that it has, or had.
    pub last: u64,
}
