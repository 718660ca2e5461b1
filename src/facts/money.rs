//! Amounts of money, exact to the smallest coin.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::{Decimal, write_scaled};

/// Currencies of ISO 4217 in use, by how many digits stand behind the point.
const CODES: [(u8, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN \
         BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP \
         GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT \
         LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN \
         NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE \
         SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES \
         WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// A currency by its three letters of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: &'static str,
    digits: u8,
}

impl Currency {
    /// Its three letters.
    pub fn code(self) -> &'static str {
        self.code
    }

    /// Digits behind the point of its amounts.
    pub fn digits(self) -> u8 {
        self.digits
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

/// Text that is no currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency of ISO 4217 such as USD")]
pub struct ParseCurrencyError(String);

impl FromStr for Currency {
    type Err = ParseCurrencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let find = |(digits, codes): &(u8, &'static str)| {
            let code = codes.split(' ').find(|code| *code == text)?;
            Some(Self { code, digits: *digits })
        };
        let found = CODES.iter().find_map(find);
        found.ok_or_else(|| ParseCurrencyError(text.chars().take(20).collect()))
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217" })
    }
}

/// An amount of money; as JSON `{"amount": 3.49, "currency": "USD"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "MoneyForm", into = "MoneyForm")]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// Of as many of the currency's smallest units; `None` beyond 15 digits.
    pub fn of_minor(minor: i64, currency: Currency) -> Option<Self> {
        Decimal::new(minor, currency.digits).map(|_| Self { minor, currency })
    }

    /// An amount as it was written; refused where it has more digits than the currency.
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, AmountError> {
        match amount.scaled(currency.digits) {
            Some(minor) => Self::of_minor(minor, currency).ok_or(AmountError { amount, currency }),
            None => Err(AmountError { amount, currency }),
        }
    }

    /// In the currency's smallest units.
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// Its currency.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// As a number.
    pub fn amount(self) -> Decimal {
        // Both ways to make one have checked that it fits.
        Decimal::new(self.minor, self.currency.digits).unwrap_or(Decimal::ZERO)
    }
}

/// An amount that its currency has no coins for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{amount} is no amount in {currency}, which has {} digits behind the point", .currency.digits)]
pub struct AmountError {
    amount: Decimal,
    currency: Currency,
}

/// `3.49 USD`: digits as the currency has them.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.minor, self.currency.digits)?;
        write!(f, " {}", self.currency)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoneyForm {
    amount: Decimal,
    currency: Currency,
}

impl TryFrom<MoneyForm> for Money {
    type Error = AmountError;

    fn try_from(form: MoneyForm) -> Result<Self, AmountError> {
        Self::new(form.amount, form.currency)
    }
}

impl From<Money> for MoneyForm {
    fn from(money: Money) -> Self {
        Self { amount: money.amount(), currency: money.currency }
    }
}

impl JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let amount = generator.subschema_for::<Decimal>();
        let currency = generator.subschema_for::<Currency>();
        json_schema!({
            "type": "object",
            "properties": { "amount": amount, "currency": currency },
            "required": ["amount", "currency"],
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_and_shows_its_currencys_digits() {
        for (json, minor, shown) in [
            (r#"{"amount": 3.49, "currency": "USD"}"#, 349, "3.49 USD"),
            (r#"{"amount": 3.4, "currency": "EUR"}"#, 340, "3.40 EUR"),
            (r#"{"amount": 498, "currency": "JPY"}"#, 498, "498 JPY"),
            (r#"{"amount": 1.234, "currency": "KWD"}"#, 1234, "1.234 KWD"),
            (r#"{"amount": -0.05, "currency": "USD"}"#, -5, "-0.05 USD"),
            (r#"{"amount": "0.29", "currency": "USD"}"#, 29, "0.29 USD"),
        ] {
            let money: Money = serde_json::from_str(json).unwrap();
            assert_eq!((money.minor(), money.to_string().as_str()), (minor, shown), "{json}");
            let again = serde_json::to_string(&money).unwrap();
            assert_eq!(serde_json::from_str::<Money>(&again).unwrap(), money, "{again}");
        }
        for (json, says) in [
            (r#"{"amount": 3.499, "currency": "USD"}"#, "has 2 digits"),
            (r#"{"amount": 0.5, "currency": "JPY"}"#, "has 0 digits"),
            (r#"{"amount": 1, "currency": "USX"}"#, "not a currency"),
            (r#"{"amount": 1}"#, "missing field `currency`"),
            (r#"{"amount": 1, "currency": "USD", "tax": 1}"#, "unknown field `tax`"),
        ] {
            let error = serde_json::from_str::<Money>(json).unwrap_err().to_string();
            assert!(error.contains(says), "{json}: {error}");
        }
    }

    #[test]
    fn every_cent_up_to_a_thousand_comes_back() {
        let currency: Currency = "USD".parse().unwrap();
        for minor in 0..100_000 {
            let money = Money::of_minor(minor, currency).unwrap();
            let text = serde_json::to_string(&money).unwrap();
            assert_eq!(serde_json::from_str::<Money>(&text).unwrap(), money, "{text}");
        }
    }
}
