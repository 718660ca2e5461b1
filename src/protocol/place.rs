//! Who speaks: a node of a store, or HQ.

use std::fmt;
use std::str::FromStr;

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{ProtocolError, shortened};
use super::label::{Label, parsed_text};

/// What stands where a store's name does in the topics of groups and facts.
const RESERVED: [&str; 2] = ["grp", "facts"];

/// The name of a store; never one of those that topics need for themselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreName(Label);

impl StoreName {
    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for StoreName {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        if RESERVED.contains(&text) {
            return Err(ProtocolError::Reserved(text.to_owned()));
        }
        text.parse().map(Self)
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

parsed_text!(StoreName);

/// One box: `tenant/store/node`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Whose stores these are.
    pub tenant: Label,
    /// The store.
    pub store: StoreName,
    /// The box in it.
    pub node: Label,
}

impl FromStr for Place {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let levels: Vec<&str> = text.split('/').collect();
        let [tenant, store, node] = levels[..] else {
            return Err(ProtocolError::Name {
                what: "place",
                text: shortened(text),
                rule: "tenant/store/node",
            });
        };
        Ok(Self { tenant: tenant.parse()?, store: store.parse()?, node: node.parse()? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.store, self.node)
    }
}

parsed_text!(Place);

/// Who sent a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Headquarters: `hq`.
    Hq,
    /// A box: `tenant/store/node`.
    Node(Place),
}

impl FromStr for Source {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        if text == "hq" { Ok(Self::Hq) } else { text.parse().map(Self::Node) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hq => f.write_str("hq"),
            Self::Node(place) => place.fmt(f),
        }
    }
}

parsed_text!(Source);

/// Whom a desired document is for: `tenant/store/node`, or `tenant/grp/group` for all of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// One box.
    Node(Place),
    /// Every box of a group.
    Group {
        /// Whose group.
        tenant: Label,
        /// Its name.
        group: Label,
    },
}

impl FromStr for Target {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        match text.split('/').collect::<Vec<_>>()[..] {
            [tenant, "grp", group] => {
                Ok(Self::Group { tenant: tenant.parse()?, group: group.parse()? })
            }
            _ => text.parse().map(Self::Node),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(place) => place.fmt(f),
            Self::Group { tenant, group } => write!(f, "{tenant}/grp/{group}"),
        }
    }
}

parsed_text!(Target);

#[cfg(test)]
mod tests {
    use super::{Place, Source, StoreName, Target};

    #[test]
    fn places_go_there_and_back() {
        for text in ["acme/store-1/box-a", "a/b/c"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert_eq!("hq".parse::<Source>(), Ok(Source::Hq));
        assert!(matches!("acme/grp/north".parse(), Ok(Target::Group { .. })));
    }

    #[test]
    fn no_store_is_called_as_topics_need() {
        for name in ["grp", "facts"] {
            assert!(name.parse::<StoreName>().unwrap_err().to_string().contains("reserved"));
            assert!(format!("acme/{name}/box").parse::<Place>().is_err());
        }
        for text in ["", "a", "a/b", "a/b/c/d", "a//c", "a/B/c", "acme/grp/", "acme/grp/x/y"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
