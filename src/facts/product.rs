//! What the shop sells.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::error::Fault;
use super::label::{Category, Texts, Wanted, check_texts};
use super::unit::Unit;

/// A product; its id is its SKU.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Its name by language; at least one.
    pub names: Texts,
    /// Its description by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub descriptions: Texts,
    /// Anything else that is known, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Attribute>,
    /// Where it belongs, from wide to narrow, as `drinks/coffee`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Who makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// How much is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Its allergens; left out where they are not known, which is not the same as none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allergens: Option<Allergens>,
    /// Addresses of its pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Names of fields that are made up.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub synthetic: BTreeSet<String>,
}

impl Product {
    pub(super) fn check(&self) -> Result<(), Fault> {
        check_texts("names", &self.names, Wanted::AtLeastOne)?;
        check_texts("descriptions", &self.descriptions, Wanted::Any)?;
        match &self.size {
            Some(size) => size.check(),
            None => Ok(()),
        }
    }

    /// Whether what may not be told wrongly is the same: allergens, and the category by which
    /// promotions reach it.
    pub(super) fn is_as_safe_as(&self, other: &Self) -> bool {
        self.allergens == other.allergens && self.category == other.category
    }
}

/// How much of a product is sold as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// As it stands on the package.
    pub text: String,
    /// The number in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    /// What the number counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

impl Size {
    fn check(&self) -> Result<(), Fault> {
        if self.text.trim().is_empty() {
            return Err(Fault::new("size.text", "the text is empty"));
        }
        if self.quantity.is_some_and(|quantity| !quantity.is_positive()) {
            return Err(Fault::new("size.quantity", "it must be above 0"));
        }
        match (self.quantity, self.unit) {
            (Some(_), None) => Err(Fault::new("size.unit", "a quantity needs its unit")),
            (None, Some(_)) => Err(Fault::new("size.quantity", "a unit needs its quantity")),
            _ => Ok(()),
        }
    }
}

/// What a product contains that makes some people ill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allergens {
    /// What is in it; an empty list says that nothing is.
    pub contains: BTreeSet<Allergen>,
    /// Of what there may be traces.
    #[serde(default)]
    pub may_contain: BTreeSet<Allergen>,
}

/// The allergens that the law of the EU or of the US names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Allergen {
    Gluten,
    Wheat,
    Crustaceans,
    Molluscs,
    Eggs,
    Fish,
    Peanuts,
    Nuts,
    Soy,
    Milk,
    Celery,
    Mustard,
    Sesame,
    Sulphites,
    Lupin,
}

impl Allergen {
    /// Every allergen.
    pub const ALL: [Self; 15] = [
        Self::Gluten,
        Self::Wheat,
        Self::Crustaceans,
        Self::Molluscs,
        Self::Eggs,
        Self::Fish,
        Self::Peanuts,
        Self::Nuts,
        Self::Soy,
        Self::Milk,
        Self::Celery,
        Self::Mustard,
        Self::Sesame,
        Self::Sulphites,
        Self::Lupin,
    ];

    /// Its name in facts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gluten => "gluten",
            Self::Wheat => "wheat",
            Self::Crustaceans => "crustaceans",
            Self::Molluscs => "molluscs",
            Self::Eggs => "eggs",
            Self::Fish => "fish",
            Self::Peanuts => "peanuts",
            Self::Nuts => "nuts",
            Self::Soy => "soy",
            Self::Milk => "milk",
            Self::Celery => "celery",
            Self::Mustard => "mustard",
            Self::Sesame => "sesame",
            Self::Sulphites => "sulphites",
            Self::Lupin => "lupin",
        }
    }
}

/// What is known of a product under a name of the shop's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "it is not a text, a number of at most 15 digits, true or false")]
pub enum Attribute {
    /// Yes or no.
    Flag(bool),
    /// A text, which may look like a number.
    Text(String),
    /// A number.
    Number(Decimal),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl JsonSchema for Attribute {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Attribute".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}
