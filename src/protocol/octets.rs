//! Names that are a fixed number of bytes: ids, digests, keys, signatures.

use std::fmt;

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of lower- or upper-case hexadecimal.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let pair = |pair: &[u32]| pair.iter().fold(0, |sum, digit| sum << 4 | *digit) as u8;
    Some(digits?.chunks(2).map(pair).collect())
}

macro_rules! octets {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl std::str::FromStr for $name {
            type Err = super::ProtocolError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let bytes = from_hex(text).and_then(|bytes| bytes.try_into().ok());
                bytes.map(Self).ok_or_else(|| super::ProtocolError::Name {
                    what: stringify!($name),
                    text: super::error::shortened(text),
                    rule: concat!("hexadecimal of ", $length, " bytes"),
                })
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                let bytes = d.bytes()?.try_into();
                bytes.map(Self).map_err(|_| {
                    decode::Error::message(concat!(stringify!($name), " of another length"))
                })
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

octets!(
    /// Names one message, one question or one command; made of chance.
    MessageId,
    16
);
octets!(
    /// Names one run of a node's program; made of chance at its start.
    BootId,
    8
);
octets!(
    /// Names the outbox that counts a node's messages; made of chance with its file. A box that lost
    /// its disk counts from 1 again under another ledger, and nothing of it is taken for old.
    Ledger,
    8
);
octets!(
    /// SHA-256 of something.
    Digest,
    32
);
octets!(
    /// The first bytes of the SHA-256 of a public key.
    KeyId,
    8
);
octets!(
    /// An ed25519 signature (RFC 8032).
    SignatureBytes,
    64
);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::{BootId, Digest, from_hex};

    #[test]
    fn hexadecimal_goes_there_and_back() {
        let id: BootId = "00ff10a9b7c3d4e5".parse().unwrap();
        assert_eq!(id.to_string(), "00ff10a9b7c3d4e5");
        for wrong in
            ["", "00ff10a9b7c3d4", "00ff10a9b7c3d4e5ff", "xxff10a9b7c3d4e5", "+1ff10a9b7c3d4e5"]
        {
            assert!(wrong.parse::<BootId>().is_err(), "{wrong}");
        }
        assert_eq!(from_hex("ü0"), None);
    }

    #[test]
    fn the_digest_is_sha_256() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), known);
    }
}
