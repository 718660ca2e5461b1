//! Numbers as they are written down.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits that survive a JSON number on its way through any reader.
const MAX_DIGITS: usize = 15;

/// A decimal number of at most 15 digits: exact, as it was written, but for zeros at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i64,
    scale: u8,
}

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// `mantissa` × 10^-`scale`; `None` beyond 15 digits.
    pub fn new(mantissa: i64, scale: u8) -> Option<Self> {
        let fits = mantissa.unsigned_abs() < 10u64.pow(MAX_DIGITS as u32);
        let sound = fits && usize::from(scale) <= MAX_DIGITS;
        sound.then(|| Self { mantissa, scale }.trimmed())
    }

    /// This many times 10^-`digits`, where it is a whole number of those.
    pub fn scaled(self, digits: u8) -> Option<i64> {
        let more = digits.checked_sub(self.scale)?;
        self.mantissa.checked_mul(10i64.checked_pow(u32::from(more))?)
    }

    /// Whether it is above zero.
    pub fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.mantissa, self.scale)
    }
}

/// Writes `mantissa` × 10^-`digits` with that many digits behind the point.
pub(super) fn write_scaled(f: &mut fmt::Formatter<'_>, mantissa: i64, digits: u8) -> fmt::Result {
    let sign = if mantissa < 0 { "-" } else { "" };
    let unit = 10u64.pow(u32::from(digits));
    let (whole, rest) = (mantissa.unsigned_abs() / unit, mantissa.unsigned_abs() % unit);
    match digits {
        0 => write!(f, "{sign}{whole}"),
        digits => write!(f, "{sign}{whole}.{rest:0width$}", width = usize::from(digits)),
    }
}

/// Text that is no such number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number of at most 15 digits such as 3.49")]
pub struct ParseDecimalError(String);

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseDecimalError(text.chars().take(40).collect());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let sound = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if !sound(whole) || !sound(part) {
            return Err(refuse());
        }
        let part = part.trim_end_matches('0');
        let mantissa: i64 = format!("{whole}{part}").parse().map_err(|_| refuse())?;
        let scale = u8::try_from(part.len()).map_err(|_| refuse())?;
        Self::new(if negative { -mantissa } else { mantissa }, scale).ok_or_else(refuse)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.scale {
            0 => serializer.serialize_i64(self.mantissa),
            // The nearest float of a number of 15 digits is written with the same digits.
            _ => match self.to_string().parse::<f64>() {
                Ok(number) => serializer.serialize_f64(number),
                Err(error) => Err(serde::ser::Error::custom(error)),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalVisitor)
    }
}

struct DecimalVisitor;

impl Visitor<'_> for DecimalVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number such as 3.49")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Decimal, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Decimal, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Decimal, E> {
        // Rust writes the shortest digits that lead back to the float: those of the text.
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Decimal, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "description": "A number of at most 15 digits" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_as_it_was_written() {
        for (json, shown) in [
            ("3.49", "3.49"),
            ("0.1", "0.1"),
            ("0.30000000000000", "0.3"),
            ("1234567890123.45", "1234567890123.45"),
            ("-2.50", "-2.5"),
            ("-0.05", "-0.05"),
            ("7", "7"),
            ("7.0", "7"),
            ("\"19.99\"", "19.99"),
            ("999999999999999", "999999999999999"),
        ] {
            let number: Decimal = serde_json::from_str(json).unwrap();
            assert_eq!(number.to_string(), shown, "{json}");
            let again = serde_json::to_string(&number).unwrap();
            assert_eq!(serde_json::from_str::<Decimal>(&again).unwrap(), number, "{again}");
        }
        for json in ["1234567890123456", "1e300", "\"\"", "\"1,5\"", "\"1e3\"", "\".5\"", "true"] {
            assert!(serde_json::from_str::<Decimal>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn it_is_scaled_only_where_nothing_is_lost() {
        let number: Decimal = "3.49".parse().unwrap();
        assert_eq!(number.scaled(2), Some(349));
        assert_eq!(number.scaled(3), Some(3490));
        assert_eq!(number.scaled(1), None);
    }
}
