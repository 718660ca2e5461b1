//! One fact of any table.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::error::Fault;
use super::hours::Hours;
use super::name::{Collection, Table};
use super::price::Price;
use super::product::Product;
use super::promotion::Promotion;
use super::recall::Recall;
use super::stock::Stock;

/// What a message quotes of a value is cut here.
const MAX_MESSAGE_CHARS: usize = 400;

/// One fact of any table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Of `products`.
    Product(Arc<Product>),
    /// Of `prices`.
    Price(Arc<Price>),
    /// Of `promotions`.
    Promotion(Arc<Promotion>),
    /// Of `stock`.
    Stock(Arc<Stock>),
    /// Of `hours`.
    Hours(Arc<Hours>),
    /// Of `recalls`.
    Recall(Arc<Recall>),
}

impl Fact {
    /// A fact from its JSON object; a fault names the field. What comes back keeps its table's
    /// rules.
    pub fn parse(table: Table, json: &[u8]) -> Result<Self, Fault> {
        let fact = match table {
            Table::Products => Self::Product(Arc::new(from_json(json)?)),
            Table::Prices => Self::Price(Arc::new(from_json(json)?)),
            Table::Promotions => Self::Promotion(Arc::new(from_json(json)?)),
            Table::Stock => Self::Stock(Arc::new(from_json(json)?)),
            Table::Hours => Self::Hours(Arc::new(from_json(json)?)),
            Table::Recalls => Self::Recall(Arc::new(from_json(json)?)),
        };
        fact.check()?;
        Ok(fact)
    }

    /// Its table.
    pub fn table(&self) -> Table {
        match self {
            Self::Product(_) => Table::Products,
            Self::Price(_) => Table::Prices,
            Self::Promotion(_) => Table::Promotions,
            Self::Stock(_) => Table::Stock,
            Self::Hours(_) => Table::Hours,
            Self::Recall(_) => Table::Recalls,
        }
    }

    /// Whether it keeps its table's rules.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Product(product) => product.check(),
            Self::Price(price) => price.check(),
            Self::Promotion(promotion) => promotion.check(),
            Self::Stock(stock) => stock.check(),
            Self::Hours(hours) => hours.check(),
            Self::Recall(recall) => recall.check(),
        }
    }

    /// Collections it belongs to, besides its table.
    pub(super) fn collections(&self) -> Vec<Collection> {
        match self {
            Self::Product(product) => {
                let categories = product.category.iter().flat_map(|category| category.prefixes());
                categories.map(Collection::products_in).collect()
            }
            Self::Promotion(promotion) => {
                let skus = promotion.skus.iter().map(|sku| Collection::promotions_of(sku));
                let categories = promotion.categories.iter();
                let categories = categories.map(|category| Collection::promotions_in(category));
                let all = promotion.everything.then(Collection::promotions_for_everything);
                skus.chain(categories).chain(all).collect()
            }
            Self::Recall(recall) => {
                recall.skus.iter().map(|sku| Collection::recalls_of(sku)).collect()
            }
            Self::Price(_) | Self::Stock(_) | Self::Hours(_) => Vec::new(),
        }
    }

    /// Whether only words changed: the other is the same in all that must not be told wrongly.
    pub(super) fn is_as_safe_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Product(one), Self::Product(other)) => one.is_as_safe_as(other),
            _ => self == other,
        }
    }
}

/// As the object of its table.
impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Product(product) => product.serialize(serializer),
            Self::Price(price) => price.serialize(serializer),
            Self::Promotion(promotion) => promotion.serialize(serializer),
            Self::Stock(stock) => stock.serialize(serializer),
            Self::Hours(hours) => hours.serialize(serializer),
            Self::Recall(recall) => recall.serialize(serializer),
        }
    }
}

macro_rules! from_value {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Fact {
            fn from(value: $kind) -> Self {
                Self::$kind(Arc::new(value))
            }
        }
    )*};
}

from_value!(Product, Price, Promotion, Stock, Hours, Recall);

/// A value from a JSON object; a fault names the field.
pub(super) fn from_json<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Fault> {
    // serde by itself would take a list of the fields' values, too.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(Fault::new("", "it is not a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| fault(&error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| fault("", &error))?;
    Ok(value)
}

fn fault(path: &str, error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let why = match error.is_data() {
        true => text.strip_suffix(&place).unwrap_or(&text),
        false => &text,
    };
    let path = path.trim_start_matches('.').replace(".?", "").replace('?', "");
    Fault::new(path, why.chars().take(MAX_MESSAGE_CHARS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_its_field() {
        for (table, json, says) in [
            (
                Table::Prices,
                r#"{"amount": 3.49, "currency": "USD", "tax": 1}"#,
                "unknown field `tax`",
            ),
            (
                Table::Prices,
                r#"{"amount": "much", "currency": "USD"}"#,
                "amount: `much` is not a number",
            ),
            (Table::Prices, r#"{"amount": 3.499, "currency": "USD"}"#, "3.499 is no amount in USD"),
            (Table::Prices, r#"[3.49, "USD"]"#, "not a JSON object"),
            (Table::Prices, r#"{"amount": 3.49"#, "EOF while parsing"),
            (Table::Prices, r#"{"amount": 3, "currency": "USD"} x"#, "trailing characters"),
            (
                Table::Prices,
                r#"{"amount": -1, "currency": "USD"}"#,
                "amount: a price is not below 0",
            ),
            (Table::Products, r#"{"names": {}}"#, "names: there must be a text"),
            (Table::Products, r#"{"names": {"English": "x"}}"#, "`English` is not a language"),
            (
                Table::Products,
                r#"{"names": {"en": "x"}, "allergens": {"contains": ["peanut"]}}"#,
                "allergens.contains[0]: unknown variant `peanut`",
            ),
            (
                Table::Products,
                r#"{"names": {"en": "x"}, "attributes": {"code": 1234567890123456}}"#,
                "attributes.code: it is not a text, a number of at most 15 digits, true or false",
            ),
            (Table::Stock, r#"{"band": "out", "quantity": 3}"#, "band: `out` does not go"),
            (
                Table::Recalls,
                r#"{"skus": [], "reasons": {"en": "glass"}, "since": "2026-11-26T08:00:00Z"}"#,
                "skus: a recall names at least one product",
            ),
            (
                Table::Hours,
                r#"{"names": {"en": "x"}, "weekly": {"monday": [{"opens": "8", "closes": "12:00"}]}}"#,
                "weekly.monday[0].opens: `8` is not a time of day",
            ),
        ] {
            let fault = Fact::parse(table, json.as_bytes()).unwrap_err().to_string();
            assert!(fault.contains(says), "{json}: {fault}");
        }
    }

    #[test]
    fn a_fact_comes_back_from_its_json() {
        for (table, json) in [
            (Table::Prices, r#"{"amount":3.49,"currency":"USD"}"#),
            (Table::Prices, r#"{"amount":3,"currency":"EUR","per":"kg","was":3.99}"#),
            (
                Table::Products,
                r#"{"names":{"de":"Kaffee","en":"Coffee"},"attributes":{"bio":true,"code":"0041","left":-3,"roast":"dark","weight":0.5},"category":"drinks/coffee","size":{"text":"12 oz","quantity":12,"unit":"oz"},"allergens":{"contains":[],"may_contain":["nuts"]},"synthetic":["names"]}"#,
            ),
            (
                Table::Promotions,
                r#"{"titles":{"en":"3 for 2"},"skus":["0041"],"offer":{"n_for_m":{"take":3,"pay":2}},"starts":"2026-11-26T08:00:00Z"}"#,
            ),
            (Table::Stock, r#"{"band":"low","quantity":3,"location":{"aisle":"4"}}"#),
        ] {
            let fact = Fact::parse(table, json.as_bytes()).unwrap();
            assert_eq!(
                (fact.table(), serde_json::to_string(&fact).unwrap().as_str()),
                (table, json)
            );
        }
    }
}
