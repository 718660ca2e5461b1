//! Named values: what an event, a log line or a command says besides its name.

use std::collections::BTreeMap;

use minicbor::data::Type;
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize};

use super::bounded::Text;
use super::error::ProtocolError;
use super::label::Name;
use super::limits::{MAX_FIELDS, MAX_TEXT_BYTES};

/// One value. Numbers are whole: their unit stands in the field's name (`wait_ms`, `free_bytes`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(Text<MAX_TEXT_BYTES>),
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    /// The text, cut where it is longer than a value may be.
    fn from(text: &str) -> Self {
        Self::Text(Text::cut(text))
    }
}

impl<C> Encode<C> for Value {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Flag(flag) => e.bool(*flag)?.ok(),
            Self::Number(number) => e.i64(*number)?.ok(),
            Self::Text(text) => e.str(text)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Value {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        match d.datatype()? {
            Type::Bool => d.bool().map(Self::Flag),
            Type::String => Text::decode(d, context).map(Self::Text),
            _ => d.i64().map(Self::Number),
        }
    }
}

/// At most 64 named values, each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<Name, Value>);

impl Fields {
    /// These values; refused where there are more than are carried.
    pub fn new(values: BTreeMap<Name, Value>) -> Result<Self, ProtocolError> {
        if values.len() > MAX_FIELDS {
            let size = values.len();
            return Err(ProtocolError::TooLarge { what: "fields", size, most: MAX_FIELDS });
        }
        Ok(Self(values))
    }

    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| value)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Value)> {
        self.0.iter()
    }
}

impl<C> Encode<C> for Fields {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        // As bytes, keys ascend by length first.
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|(name, _)| (name.as_str().len(), name.as_str()));
        e.map(sorted.len() as u64)?;
        sorted.into_iter().try_for_each(|(name, value)| {
            name.encode(e, context)?;
            value.encode(e, context)
        })
    }
}

impl<'b, C> Decode<'b, C> for Fields {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        let count = d.map()?.ok_or_else(|| decode::Error::message("an indefinite length"))?;
        if count > MAX_FIELDS as u64 {
            return Err(decode::Error::message("more fields than are carried"));
        }
        (0..count)
            .map(|_| Ok((Name::decode(d, context)?, Value::decode(d, context)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(BTreeMap::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
