//! The place of a model that tags words: this room knows of none, and takes what one says.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::Found;

/// What a [`Tagger`] says, once it does.
pub type Tagging<'a> = Pin<Box<dyn Future<Output = Result<Vec<Found>, Untagged>> + Send + 'a>>;

/// Tells which words of a text are names and places, where a model for it is there.
pub trait Tagger: Send + Sync {
    /// Names and places of a text, in any order; it is given up after `patience`.
    fn tag<'a>(&'a self, text: &'a str, patience: Duration) -> Tagging<'a>;
}

/// Why nobody looked at a text's words: patterns and what words announce are all that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Untagged {
    /// No model for it is installed.
    Absent,
    /// It was loading, or busy, for longer than a text waits.
    Late,
    /// The text is longer than is looked at.
    TooLong,
    /// It failed.
    Failed,
}

impl Untagged {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Late => "late",
            Self::TooLong => "too_long",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Untagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where no model tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoTagger;

impl Tagger for NoTagger {
    fn tag<'a>(&'a self, _: &'a str, _: Duration) -> Tagging<'a> {
        Box::pin(std::future::ready(Err(Untagged::Absent)))
    }
}
