//! What of a document a program can do.

use std::fmt;
use std::sync::Arc;

use crate::protocol::documents::ConfigDoc;

/// A setting that a program cannot put into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// Which, as `cache.ask`.
    pub setting: String,
    /// Why, for people.
    pub why: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.why)
    }
}

/// Takes out of a document what the program cannot put into force, and names it. What is left takes
/// effect, and what is taken out hides nothing below.
pub type Honour = Arc<dyn Fn(&mut ConfigDoc) -> Vec<Unmet> + Send + Sync>;
