//! Texts, bytes and lists that know how long they may be.

use std::fmt;
use std::ops::Deref;

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::ProtocolError;
use super::octets::{from_hex, to_hex};

fn within(what: &'static str, size: usize, most: usize) -> Result<(), ProtocolError> {
    if size > most {
        return Err(ProtocolError::TooLarge { what, size, most });
    }
    Ok(())
}

/// A text of at most `MAX` bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(Box<str>);

impl<const MAX: usize> Text<MAX> {
    /// The text, refused where it is longer.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, ProtocolError> {
        let text = text.into();
        within("bytes of a text", text.len(), MAX)?;
        Ok(Self(text))
    }

    /// As much of the text as fits, cut between characters.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let end = (0..=MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        Self(text.get(..end.unwrap_or(0)).unwrap_or_default().into())
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C, const MAX: usize> Encode<C> for Text<MAX> {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C, const MAX: usize> Decode<'b, C> for Text<MAX> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::new(d.str()?).map_err(decode::Error::message)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// At most `MAX` bytes; hexadecimal in JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob<const MAX: usize>(Box<[u8]>);

impl<const MAX: usize> Blob<MAX> {
    /// The bytes, refused where there are more.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Result<Self, ProtocolError> {
        let bytes = bytes.into();
        within("bytes", bytes.len(), MAX)?;
        Ok(Self(bytes))
    }
}

impl<const MAX: usize> Deref for Blob<MAX> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Blob<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl<C, const MAX: usize> Encode<C> for Blob<MAX> {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C, const MAX: usize> Decode<'b, C> for Blob<MAX> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::new(d.bytes()?).map_err(decode::Error::message)
    }
}

impl<const MAX: usize> Serialize for Blob<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(&self.0))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Blob<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = from_hex(&String::deserialize(deserializer)?);
        let bytes = bytes.ok_or_else(|| serde::de::Error::custom("not hexadecimal"))?;
        Self::new(bytes).map_err(serde::de::Error::custom)
    }
}

/// At most `MAX` items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> List<T, MAX> {
    /// The items, refused where there are more.
    pub fn new(items: Vec<T>) -> Result<Self, ProtocolError> {
        within("items of a list", items.len(), MAX)?;
        Ok(Self(items))
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MAX: usize> IntoIterator for List<T, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<C, T: Encode<C>, const MAX: usize> Encode<C> for List<T, MAX> {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.array(self.0.len() as u64)?;
        self.0.iter().try_for_each(|item| item.encode(e, context))
    }
}

impl<'b, C, T: Decode<'b, C>, const MAX: usize> Decode<'b, C> for List<T, MAX> {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        let count = d.array()?.ok_or_else(|| decode::Error::message("an indefinite length"))?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        within("items of a list", count, MAX).map_err(decode::Error::message)?;
        (0..count).map(|_| T::decode(d, context)).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Blob, List, Text};

    #[test]
    fn what_is_too_long_is_refused_in_every_form() {
        assert!(Text::<3>::new("abc").is_ok() && Text::<3>::new("abcd").is_err());
        assert!(Blob::<2>::new([1, 2]).is_ok() && Blob::<2>::new([1, 2, 3]).is_err());
        assert!(serde_json::from_str::<Text<3>>("\"abcd\"").is_err());
        assert!(serde_json::from_str::<Blob<1>>("\"0102\"").is_err());
        assert!(serde_json::from_str::<List<u8, 1>>("[1,2]").is_err());
        assert!(minicbor::decode::<Text<3>>(b"\x64abcd").is_err());
        assert!(minicbor::decode::<Blob<1>>(&[0x42, 1, 2]).is_err());
        assert!(minicbor::decode::<List<u8, 1>>(&[0x82, 1, 2]).is_err());
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(&*Text::<4>::cut("aöüx"), "aö");
        assert_eq!(&*Text::<8>::cut("ok"), "ok");
        assert_eq!(&*Text::<1>::cut("ü"), "");
    }
}
