//! Products that must not be sold any more.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::label::{Id, Texts, Wanted, check_texts};
use super::time::UnixSeconds;

/// A recall of products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// The products; at least one.
    pub skus: BTreeSet<Id>,
    /// Why, by language.
    pub reasons: Texts,
    /// From when on.
    pub since: UnixSeconds,
    /// What somebody who has one should do, by language.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub instructions: Texts,
}

impl Recall {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.skus.is_empty() {
            return Err(Fault::new("skus", "a recall names at least one product"));
        }
        check_texts("reasons", &self.reasons, Wanted::AtLeastOne)?;
        check_texts("instructions", &self.instructions, Wanted::Any)
    }
}
