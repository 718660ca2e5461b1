//! What quantities are counted in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a quantity is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unit {
    Mg,
    G,
    Kg,
    Ml,
    Cl,
    L,
    Oz,
    Lb,
    FlOz,
    Pint,
    Quart,
    Gallon,
    Cm,
    M,
    In,
    Ft,
    Each,
}

impl Unit {
    /// As it is written beside a number.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mg => "mg",
            Self::G => "g",
            Self::Kg => "kg",
            Self::Ml => "ml",
            Self::Cl => "cl",
            Self::L => "l",
            Self::Oz => "oz",
            Self::Lb => "lb",
            Self::FlOz => "fl oz",
            Self::Pint => "pint",
            Self::Quart => "quart",
            Self::Gallon => "gallon",
            Self::Cm => "cm",
            Self::M => "m",
            Self::In => "in",
            Self::Ft => "ft",
            Self::Each => "each",
        }
    }
}
