//! Names of files and packages in a bundle; they become paths on a store's disk.

use std::fmt;
use std::str::FromStr;

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::error::{ProtocolError, shortened};
use crate::protocol::label::parsed_text;
use crate::protocol::limits::{MAX_NAME_BYTES, MAX_PATH_BYTES};

/// A file within a part: levels of `A-Z a-z 0-9 . _ -`, none of which begins with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(Box<str>);

/// The name of a package, template or set of rules: one level of such a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(Box<str>);

fn is_level(text: &str) -> bool {
    let letters = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(letters)
}

impl FilePath {
    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PackageName {
    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FilePath {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let good = text.len() <= MAX_PATH_BYTES && text.split('/').all(is_level);
        good.then(|| Self(text.into())).ok_or_else(|| ProtocolError::Name {
            what: "path of a file in a bundle",
            text: shortened(text),
            rule: "levels of A-Z a-z 0-9 . _ - that begin with no dot, 200 bytes in all",
        })
    }
}

impl FromStr for PackageName {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let good = text.len() <= MAX_NAME_BYTES && is_level(text);
        good.then(|| Self(text.into())).ok_or_else(|| ProtocolError::Name {
            what: "name of a part",
            text: shortened(text),
            rule: "1 to 64 of A-Z a-z 0-9 . _ - and no dot at the beginning",
        })
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

parsed_text!(FilePath);
parsed_text!(PackageName);

#[cfg(test)]
mod tests {
    use super::{FilePath, PackageName};

    #[test]
    fn no_path_leads_out_of_its_folder() {
        for good in ["model.onnx", "a/b_c-d.e", "weights/0.bin"] {
            assert_eq!(good.parse::<FilePath>().unwrap().as_str(), good);
        }
        for bad in
            ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a/.b", "a\\b", "c:d", "ü", "a b", "a\0"]
        {
            assert!(bad.parse::<FilePath>().is_err(), "{bad:?}");
            assert!(bad.parse::<PackageName>().is_err(), "{bad:?}");
        }
        assert!("a/b".parse::<PackageName>().is_err());
        assert!("x".repeat(201).parse::<FilePath>().is_err());
        assert!("x".repeat(65).parse::<PackageName>().is_err());
    }
}
