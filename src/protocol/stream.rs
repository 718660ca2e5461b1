//! Streams that are counted, and documents that have versions.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::error::{ProtocolError, shortened};

macro_rules! words {
    ($name:ident, $what:literal, $rule:literal, { $($variant:ident = $word:literal),+ }) => {
        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it in topics and JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl FromStr for $name {
            type Err = ProtocolError;

            fn from_str(text: &str) -> Result<Self, ProtocolError> {
                let found = Self::ALL.iter().copied().find(|one| one.as_str() == text);
                found.ok_or_else(|| ProtocolError::Name {
                    what: $what,
                    text: shortened(text),
                    rule: $rule,
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// A sequence of messages of one ledger, each with a number; none is lost without being declared.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// What happened: sales lost, handoffs, documents applied.
    #[n(0)]
    Evt,
    /// What was measured.
    #[n(1)]
    Tel,
    /// Blocks of the audit log.
    #[n(2)]
    Audit,
    /// Log lines worth a look at HQ.
    #[n(3)]
    Log,
    /// Commands, from HQ to a node.
    #[n(4)]
    Cmd,
}

words!(Stream, "stream", "evt, tel, audit, log or cmd", {
    Evt = "evt", Tel = "tel", Audit = "audit", Log = "log", Cmd = "cmd"
});

impl Stream {
    /// Those that a node sends.
    pub const UP: [Self; 4] = [Self::Audit, Self::Evt, Self::Tel, Self::Log];
}

/// A document of which HQ owns the desired and the store the reported state.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Document {
    /// Model, tokeniser, templates, guard rules, facts epoch and cache epoch as one set.
    #[n(0)]
    Bundle,
    /// Settings.
    #[n(1)]
    Config,
    /// Which epoch of the facts.
    #[n(2)]
    Facts,
    /// Packs of answers.
    #[n(3)]
    Cache,
    /// Keys that sign documents.
    #[n(4)]
    Keys,
    /// HQ's clock.
    #[n(5)]
    Time,
}

words!(Document, "document", "bundle, config, facts, cache, keys or time", {
    Bundle = "bundle", Config = "config", Facts = "facts", Cache = "cache", Keys = "keys",
    Time = "time"
});
