//! What facts are called, and how it is told that one has changed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::label::{Category, Id, LabelError};

/// A kind of facts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// What is sold.
    Products,
    /// What it costs.
    Prices,
    /// What it costs less for a time.
    Promotions,
    /// How much is there, and where.
    Stock,
    /// When the shop and its services are open.
    Hours,
    /// What must not be sold any more.
    Recalls,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 6] =
        [Self::Products, Self::Prices, Self::Promotions, Self::Stock, Self::Hours, Self::Recalls];

    /// Its name in paths and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Prices => "prices",
            Self::Promotions => "promotions",
            Self::Stock => "stock",
            Self::Hours => "hours",
            Self::Recalls => "recalls",
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that names no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no table of facts; there are products, prices, promotions, stock, hours, recalls"
)]
pub struct ParseTableError(String);

impl FromStr for Table {
    type Err = ParseTableError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|table| table.as_str() == text);
        found.ok_or_else(|| ParseTableError(text.chars().take(60).collect()))
    }
}

/// A fact's table and its id there; written `prices:0041`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FactId {
    /// Which table.
    pub table: Table,
    /// Which row.
    pub id: Id,
}

impl FactId {
    /// The fact of this id, which is refused where it breaks the rule of ids.
    pub fn new(table: Table, id: &str) -> Result<Self, LabelError> {
        Ok(Self { table, id: id.parse()? })
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.table, self.id)
    }
}

/// A group of facts that changes when one joins it, leaves it, or changes in it; "there is no
/// offer" stands on one.
///
/// A table by its name; `products#safety`; `products:category:C`, `promotions:category:C`,
/// `promotions:product:SKU`, `promotions:everything`, `recalls:product:SKU`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Collection(Arc<str>);

impl Collection {
    /// All facts of a table.
    pub fn table(table: Table) -> Self {
        Self(table.as_str().into())
    }

    /// Allergens and categories of all products.
    pub fn safety() -> Self {
        Self("products#safety".into())
    }

    /// Products of a category or below it.
    pub fn products_in(category: &str) -> Self {
        Self(format!("products:category:{category}").into())
    }

    /// Promotions that name this category.
    pub fn promotions_in(category: &str) -> Self {
        Self(format!("promotions:category:{category}").into())
    }

    /// Promotions that name this product.
    pub fn promotions_of(sku: &str) -> Self {
        Self(format!("promotions:product:{sku}").into())
    }

    /// Promotions for everything.
    pub fn promotions_for_everything() -> Self {
        Self("promotions:everything".into())
    }

    /// Recalls of this product.
    pub fn recalls_of(sku: &str) -> Self {
        Self(format!("recalls:product:{sku}").into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Products' texts are soft, everything else is hard.
    fn class(&self) -> Class {
        let texts = self.as_str() == "products" || self.as_str().starts_with("products:");
        if texts { Class::Soft } else { Class::Hard }
    }

    pub(super) fn from_known(text: &str) -> Option<Self> {
        let known = match text.split_once(':') {
            None => text == "products#safety" || text.parse::<Table>().is_ok(),
            Some(("promotions", "everything")) => true,
            Some(("products" | "promotions", rest)) if rest.starts_with("category:") => {
                rest.strip_prefix("category:").is_some_and(|c| c.parse::<Category>().is_ok())
            }
            Some(("promotions" | "recalls", rest)) => {
                rest.strip_prefix("product:").is_some_and(|sku| sku.parse::<Id>().is_ok())
            }
            _ => false,
        };
        known.then(|| Self(text.into()))
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a record names: something with a revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// One fact; of a product its texts, as [`Name::Safety`] has the rest.
    Fact(FactId),
    /// Allergens and category of a product.
    Safety(Id),
    /// A group of facts.
    Collection(Collection),
}

/// How bad it is to serve an answer once more after a fact of it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// It must not be: prices, promotions, stock, allergens, recalls, hours.
    Hard,
    /// It may be, marked as stale, while it is made anew: names, descriptions, attributes.
    Soft,
}

impl Name {
    /// How bad it is when it changes.
    pub fn class(&self) -> Class {
        match self {
            Self::Fact(FactId { table: Table::Products, .. }) => Class::Soft,
            Self::Fact(_) | Self::Safety(_) => Class::Hard,
            Self::Collection(collection) => collection.class(),
        }
    }

    /// The table it is about.
    pub fn table(&self) -> Table {
        match self {
            Self::Fact(id) => id.table,
            Self::Safety(_) => Table::Products,
            Self::Collection(collection) => {
                let table = collection.as_str().split([':', '#']).next().unwrap_or_default();
                table.parse().unwrap_or(Table::Products)
            }
        }
    }
}

impl From<FactId> for Name {
    fn from(id: FactId) -> Self {
        Self::Fact(id)
    }
}

impl From<Collection> for Name {
    fn from(collection: Collection) -> Self {
        Self::Collection(collection)
    }
}

/// `prices:0041`, `products:0041#safety`, or a collection's name.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fact(id) => write!(f, "{id}"),
            Self::Safety(sku) => write!(f, "products:{sku}#safety"),
            Self::Collection(collection) => write!(f, "{collection}"),
        }
    }
}

/// Text that names no fact and no collection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no fact and no collection, such as prices:0041 or promotions:category:drinks")]
pub struct ParseNameError(String);

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseNameError(text.chars().take(120).collect());
        if let Some(collection) = Collection::from_known(text) {
            return Ok(Self::Collection(collection));
        }
        let (table, id) = text.split_once(':').ok_or_else(refuse)?;
        let table: Table = table.parse().map_err(|_| refuse())?;
        match (table, id.strip_suffix("#safety")) {
            (Table::Products, Some(sku)) => sku.parse().map(Self::Safety).map_err(|_| refuse()),
            _ => FactId::new(table, id).map(Self::Fact).map_err(|_| refuse()),
        }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Number of the change that something last had in this shop; 0 where it never was. No number is
/// given out twice.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a feed says of an update's age: an update whose stamp is not above the one held is late or
/// doubled and changes nothing. `epoch` counts for more; a feed raises it when it starts over.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Which run of the feed.
    #[serde(default)]
    pub epoch: u64,
    /// Which version in it.
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_from_its_text() {
        for (text, class) in [
            ("prices:0041", Class::Hard),
            ("products:0041", Class::Soft),
            ("products:0041#safety", Class::Hard),
            ("products", Class::Soft),
            ("products#safety", Class::Hard),
            ("promotions", Class::Hard),
            ("products:category:drinks/coffee", Class::Soft),
            ("promotions:category:Frozen Food: all/ice", Class::Hard),
            ("promotions:product:0041", Class::Hard),
            ("promotions:everything", Class::Hard),
            ("recalls:product:0041", Class::Hard),
        ] {
            let name: Name = text.parse().unwrap();
            assert_eq!((name.to_string().as_str(), name.class()), (text, class));
            assert_eq!(text.split([':', '#']).next(), Some(name.table().as_str()));
        }
        for text in ["", "price:1", "prices:", "prices:a b", "prices:1#safety", "hours:product:1"] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }
}
