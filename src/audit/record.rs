//! What is told to the audit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::{FactRead, SeenBy};
use super::error::AuditError;
use crate::shoppers::SubjectId;

/// The name of a record. As text 32 digits of base 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AnswerId(pub(super) [u8; 16]);

/// A model has written a text, or every text that it wrote was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Making {
    /// Which skill asked it.
    pub skill: String,
    /// Whose words are in what it was asked; none where they are nobody's.
    pub subject: Option<SubjectId>,
    /// The package that was asked.
    pub model: String,
    /// Digest of everything that changes what it says.
    pub model_digest: String,
    /// Digest of the template of its prompt.
    pub template_digest: String,
    /// Names of the checks that refused texts before.
    pub refused: Vec<String>,
    /// The facts that it was told.
    pub facts: Vec<FactRead>,
    /// What was taken; none where nothing was.
    pub said: Option<Said>,
}

/// What a model was asked, and what it said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// All that is needed to ask it again.
    pub inputs: Value,
    /// How its tokens were drawn, the seed included.
    pub sampling: Value,
    /// Every byte that came of it.
    pub text: String,
    /// How it came to its end: `stop`, `length`, `check`, `left`, `failed`.
    pub end: String,
    /// Whether it was heard to its end. One that was not is the beginning of what it would have said.
    pub whole: bool,
}

/// An answer is told to somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Giving {
    /// Which skill answers.
    pub skill: String,
    /// What was asked for, as it was understood.
    pub intent: String,
    /// Which step answered: `template`, `model`, `fallback`.
    pub step: String,
    /// The record of the text that it was made of; none where no model wrote it, or one elsewhere did.
    pub made: Option<AnswerId>,
    /// To whom; none where it is nobody in particular.
    pub subject: Option<SubjectId>,
    /// What was asked, without personal data.
    pub question: String,
    /// What is told.
    pub text: String,
    /// The facts that it stands on.
    pub facts: Vec<FactRead>,
    /// What the cache did.
    pub cache: String,
    /// Names of the checks that refused texts before.
    pub refused: Vec<String>,
    /// Who sees it.
    pub seen_by: SeenBy,
}

impl AnswerId {
    /// A name that nobody had.
    pub(super) fn new() -> Option<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for AnswerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for AnswerId {
    type Err = AuditError;

    fn from_str(text: &str) -> Result<Self, AuditError> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let bytes = (text.len() == 32 && digits).then(|| u128::from_str_radix(text, 16).ok());
        bytes.flatten().map(|bytes| Self(bytes.to_be_bytes())).ok_or(AuditError::BadId)
    }
}

impl From<AnswerId> for String {
    fn from(id: AnswerId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for AnswerId {
    type Error = AuditError;

    fn try_from(text: String) -> Result<Self, AuditError> {
        text.parse()
    }
}
