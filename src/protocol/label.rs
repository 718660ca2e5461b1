//! One level of a topic, and names of fields and events.

use std::fmt;
use std::str::FromStr;

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{ProtocolError, shortened};
use super::limits::{MAX_LABEL_BYTES, MAX_NAME_BYTES};

/// A text type that is parsed, printed, and carried as text in CBOR and JSON.
macro_rules! parsed_text {
    ($name:ident) => {
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.str(&self.to_string())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                d.str()?.parse().map_err(decode::Error::message)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use parsed_text;

/// One level of a topic: 1 to 32 of `a-z 0-9 -`, no dash at either end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(Box<str>);

impl Label {
    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let letters = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let good = (1..=MAX_LABEL_BYTES).contains(&text.len())
            && text.bytes().all(letters)
            && !text.starts_with('-')
            && !text.ends_with('-');
        good.then(|| Self(text.into())).ok_or_else(|| ProtocolError::Name {
            what: "name in a topic",
            text: shortened(text),
            rule: "1 to 32 of a-z 0-9 - and no dash at either end",
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

parsed_text!(Label);

/// The name of a field, an event or a measured value: 1 to 64 of `a-z 0-9 _ .`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let letters = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_.".contains(&c);
        let good = (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(letters);
        good.then(|| Self(text.into())).ok_or_else(|| ProtocolError::Name {
            what: "name of a field",
            text: shortened(text),
            rule: "1 to 64 of a-z 0-9 _ .",
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

parsed_text!(Name);

#[cfg(test)]
mod tests {
    use super::{Label, Name};

    #[test]
    fn labels_are_what_every_broker_takes() {
        for good in ["a", "store-0042", "0", &"x".repeat(32)] {
            assert_eq!(good.parse::<Label>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "A", "a/b", "a+", "#", "ü", "a b", "a\0", &"x".repeat(33)] {
            assert!(bad.parse::<Label>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_have_dots_and_underscores() {
        assert!("cache.hits_total".parse::<Name>().is_ok());
        for bad in ["", "Cache", "a-b", "a b", &"x".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }
}
