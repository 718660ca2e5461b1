//! Names that nobody can guess.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::ShoppersError;

/// What a file has in place of an id that is a secret.
pub(super) type Row = [u8; 16];

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 128 bits of chance; as text 32 digits of base 16.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            pub(super) fn new() -> Result<Self, ShoppersError> {
                random().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl FromStr for $name {
            type Err = ShoppersError;

            fn from_str(text: &str) -> Result<Self, ShoppersError> {
                parse(text).map(Self).ok_or(ShoppersError::BadId { what: $what })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = ShoppersError;

            fn try_from(text: String) -> Result<Self, ShoppersError> {
                text.parse()
            }
        }
    };
}

id!(
    /// A conversation, to the device that holds it.
    ConversationId,
    "conversation"
);
id!(
    /// A profile, to the shopper that it is of.
    ProfileId,
    "profile"
);
id!(
    /// Whom a key is of: one conversation's shopper, or the shopper of a profile. No secret: it opens
    /// nothing, and other rooms' files may have it.
    SubjectId,
    "subject"
);

impl ConversationId {
    pub(super) fn row(&self) -> Row {
        row(b"conversation", &self.0)
    }
}

impl ProfileId {
    pub(super) fn row(&self) -> Row {
        row(b"profile", &self.0)
    }
}

impl SubjectId {
    /// The same as bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The subject of bytes that were one.
    pub fn of_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

fn row(what: &[u8], id: &[u8; 16]) -> Row {
    let digest: [u8; 32] = Sha256::new().chain_update(what).chain_update(id).finalize().into();
    let (head, _) = digest.split_at(16);
    head.try_into().unwrap_or_default()
}

fn parse(text: &str) -> Option<[u8; 16]> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if text.len() != 32 || !digits {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

/// Bytes of chance.
pub(super) fn random<const N: usize>() -> Result<[u8; N], ShoppersError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(ShoppersError::Random)?;
    Ok(bytes)
}
