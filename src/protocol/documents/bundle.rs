//! What a store runs, as one set: it comes as a whole and goes as a whole.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::artefact::Artefact;
use super::path::{FilePath, PackageName};
use super::trial::TrialRules;
use crate::protocol::bounded::{List, Text};
use crate::protocol::error::{ProtocolError, shortened};
use crate::protocol::limits::{MAX_PART_FILES, MAX_PARTS, MAX_STATE_SECONDS};

/// One set of model, tokeniser, templates and rules, and of the facts and answers that fit it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// By which people know it.
    #[n(0)]
    pub id: PackageName,
    /// What it consists of.
    #[n(1)]
    pub parts: List<Part, MAX_PARTS>,
    /// The epoch of facts that a store must have reached; none where any will do.
    #[n(2)]
    pub facts_epoch: Option<u64>,
    /// Answers made under another number, or none, are not given while it answers; they are found again
    /// when it goes.
    #[n(3)]
    pub cache_epoch: Option<u64>,
    /// What a store must be and have.
    #[n(4)]
    pub requires: Requires,
    /// What it must keep to.
    #[n(5)]
    pub trial: TrialRules,
    /// The name under which requests find its model.
    #[n(6)]
    pub alias: PackageName,
}

/// One package of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is.
    #[n(0)]
    pub kind: PartKind,
    /// Its name.
    #[n(1)]
    pub name: PackageName,
    /// Its files.
    #[n(2)]
    pub files: List<BundleFile, MAX_PART_FILES>,
}

/// What a part is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// A model's package; its tokeniser and template may be in it.
    #[n(0)]
    Model,
    /// A tokeniser.
    #[n(1)]
    Tokenizer,
    /// Prompts and wording.
    #[n(2)]
    Template,
    /// What must not be asked or said.
    #[n(3)]
    GuardRules,
}

impl PartKind {
    /// As documents and paths have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Tokenizer => "tokenizer",
            Self::Template => "template",
            Self::GuardRules => "guard_rules",
        }
    }
}

/// One file of a part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct BundleFile {
    /// Where it is in its part.
    #[n(0)]
    pub path: FilePath,
    /// What it is.
    #[n(1)]
    pub artefact: Artefact,
}

/// What a store must be and have to take a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Requires {
    /// Free bytes of the disk, besides the files themselves.
    #[n(0)]
    pub free_bytes: u64,
    /// The oldest program that can run it.
    #[n(1)]
    pub min_version: Version,
    /// How long after its offer it may still be taken; after that it is refused.
    #[n(2)]
    pub take_within_s: u32,
}

impl Bundle {
    /// Refuses sets that are no set: no part, a name or a file twice, nothing in a part.
    pub fn check(&self) -> Result<(), ProtocolError> {
        let mut parts = BTreeSet::new();
        if self.parts.is_empty() {
            return Err(ProtocolError::Contradiction("a bundle without parts"));
        }
        for part in self.parts.iter() {
            if !parts.insert((part.kind, &part.name)) {
                return Err(ProtocolError::Contradiction("two parts of one kind and name"));
            }
            part.check()?;
        }
        if self.requires.take_within_s > MAX_STATE_SECONDS {
            return Err(ProtocolError::Contradiction("a bundle may be taken for over 30 days"));
        }
        self.trial.check()
    }

    /// Every file, with its part.
    pub fn files(&self) -> impl Iterator<Item = (&Part, &BundleFile)> {
        self.parts.iter().flat_map(|part| part.files.iter().map(move |file| (part, file)))
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let sizes = self.files().map(|(_, file)| file.artefact.size_bytes);
        sizes.fold(0, u64::saturating_add)
    }
}

impl Part {
    fn check(&self) -> Result<(), ProtocolError> {
        let mut files = BTreeSet::new();
        if self.files.is_empty() {
            return Err(ProtocolError::Contradiction("a part without files"));
        }
        for file in self.files.iter() {
            // Some disks do not tell upper from lower case.
            if !files.insert(file.path.as_str().to_ascii_lowercase()) {
                return Err(ProtocolError::Contradiction("two files at one path"));
            }
            file.artefact.check()?;
        }
        let within = |path: &String| files.range(format!("{path}/")..format!("{path}0")).next();
        if files.iter().any(|path| within(path).is_some()) {
            return Err(ProtocolError::Contradiction("one path is a file and a folder"));
        }
        Ok(())
    }
}

/// The version of a program: three numbers, compared as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct Version {
    #[n(0)]
    major: u32,
    #[n(1)]
    minor: u32,
    #[n(2)]
    patch: u32,
}

impl FromStr for Version {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let mut numbers = text.split('.').map(|number| {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            number.parse::<u32>().ok().filter(|_| digits)
        });
        let mut next = || numbers.next().flatten();
        match (next(), next(), next(), numbers.next()) {
            (Some(major), Some(minor), Some(patch), None) => Ok(Self { major, minor, patch }),
            _ => Err(ProtocolError::Name {
                what: "version of a program",
                text: shortened(text),
                rule: "three numbers, as 0.1.0",
            }),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::<64>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("0.10.0") > version("0.9.9") && version("1.0.0") > version("0.99.0"));
        assert_eq!(version("0.1.0").to_string(), "0.1.0");
        for bad in ["", "1", "1.2", "1.2.3.4", "1.2.x", "+1.2.3", "1..2", "99999999999.0.0"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
