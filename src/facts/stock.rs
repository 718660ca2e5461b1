//! How much of a product is there, and where.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::error::Fault;
use super::time::UnixSeconds;

/// How much of a product is there, and where; its id is the product's SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// How much, roughly.
    pub band: Band,
    /// How much, where it is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// When it was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<UnixSeconds>,
}

impl Stock {
    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.quantity {
            Some(quantity) if quantity.is_negative() => {
                Err(Fault::new("quantity", "it must not be below 0"))
            }
            Some(quantity) if quantity.is_positive() && self.band == Band::Out => {
                Err(Fault::new("band", "`out` does not go with a quantity above 0"))
            }
            _ => Ok(()),
        }
    }
}

/// How much is there, roughly.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Band {
    /// Nothing.
    Out,
    /// Perhaps not enough for the next who asks.
    Low,
    /// Enough for most who ask.
    Some,
    /// More than anybody asks for.
    Plenty,
}

/// Where a product stands in the shop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Which aisle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aisle: Option<String>,
    /// Which part of the aisle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bay: Option<String>,
    /// Which shelf of the bay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shelf: Option<String>,
}
