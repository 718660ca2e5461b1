//! What a product costs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::error::Fault;
use super::money::{AmountError, Currency, Money};
use super::unit::Unit;

/// What a product costs; its id is the product's SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PriceForm", into = "PriceForm")]
pub struct Price {
    /// What is to be paid.
    pub amount: Money,
    /// For which unit; without one for the piece.
    pub per: Option<Unit>,
    /// What was to be paid before.
    pub was: Option<Money>,
}

impl Price {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.amount.minor() < 0 {
            return Err(Fault::new("amount", "a price is not below 0"));
        }
        match self.was {
            Some(was) if was.currency() != self.amount.currency() => {
                Err(Fault::new("was", "it must be in the currency of the price"))
            }
            Some(was) if was.minor() < 0 => Err(Fault::new("was", "a price is not below 0")),
            _ => Ok(()),
        }
    }
}

/// A price on the wire: `{"amount": 3.49, "currency": "USD"}`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PriceForm {
    /// What is to be paid.
    amount: Decimal,
    /// ISO 4217.
    currency: Currency,
    /// For which unit; without one for the piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per: Option<Unit>,
    /// What was to be paid before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    was: Option<Decimal>,
}

impl TryFrom<PriceForm> for Price {
    type Error = AmountError;

    fn try_from(form: PriceForm) -> Result<Self, AmountError> {
        let money = |amount| Money::new(amount, form.currency);
        let was = form.was.map(money).transpose()?;
        Ok(Self { amount: money(form.amount)?, per: form.per, was })
    }
}

impl From<Price> for PriceForm {
    fn from(price: Price) -> Self {
        Self {
            amount: price.amount.amount(),
            currency: price.amount.currency(),
            per: price.per,
            was: price.was.map(Money::amount),
        }
    }
}

impl JsonSchema for Price {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Price".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        PriceForm::json_schema(generator)
    }
}
