//! The bodies that pointers and heads name: what is fetched over HTTP, and what HQ may set.
//!
//! A file is an [`Artefact`]: chunks of which each has a digest, at the path that its own digest
//! makes ([`artefact_path`]). A [`Bundle`] is what a store runs as one set. A [`FactsIndex`] says
//! which artefact brings a store's facts to an epoch; its artefacts are [`ChangeReader`] streams,
//! and [`root`] is what an epoch's facts must add up to. [`PackIndex`] lists answers ([`PackedAnswer`]), and
//! [`ConfigDoc`] is JSON, as people write it.
//!
//! **Invariants**
//! - Documents have the one deterministic form, golden bytes and limits, as all on the line.
//! - What arrives is only used after its digest was compared; every size is known before it is
//!   fetched, and a stream ends where its limit is.
//!
//! **Not here**: fetching, and what a fact or an answer is.

mod answer;
mod artefact;
mod bundle;
mod changes;
mod config;
mod facts;
mod frames;
mod guard;
mod leaves;
mod pack;
mod pack_source;
mod pack_stream;
mod path;
mod trial;

pub use answer::{
    PackScope, PackedAnswer, PackedCost, PackedFact, PackedProvenance, PackedRecipe, PackedRecord,
};
pub use artefact::{Artefact, ArtefactBuilder, Chunk, artefact_path, digest_of_path};
pub use bundle::{Bundle, BundleFile, Part, PartKind, Requires, Version};
pub use changes::{ChangeReader, ChangeWriter, FactChange};
pub use config::{CacheTiers, ConfigDoc, InstallHours, LogLevel, TimeOfDay};
pub use facts::{FactsDelta, FactsIndex, Way};
pub use frames::StreamError;
pub use guard::{ANY_LANGUAGE, GuardRules};
pub use leaves::{Difference, Leaf, Unordered, differences, root};
pub use pack::{PackDelta, PackEntry, PackIndex, PackWay};
pub use pack_source::{PackSourceReader, PackSourceWriter};
pub use pack_stream::{PackReader, PackWriter};
pub use path::{FilePath, PackageName};
pub use trial::{Check, TrialRules};

use super::cbor;
use super::error::ProtocolError;
use super::limits::{MAX_DOCUMENT_BYTES, MAX_INDEX_BYTES, MAX_PACK_INDEX_BYTES};

macro_rules! document {
    ($name:ident, $what:literal, $most:ident) => {
        impl $name {
            /// Its bytes, once it is consistent.
            pub fn to_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
                self.check()?;
                cbor::to_bytes($what, $most, self)
            }

            /// The document of these bytes; later versions may have added keys.
            pub fn parse(bytes: &[u8]) -> Result<Self, ProtocolError> {
                let parsed: Self = cbor::from_bytes($what, $most, bytes)?;
                parsed.check()?;
                Ok(parsed)
            }

            /// As JSON, indented, for people.
            pub fn to_json(&self) -> Result<String, ProtocolError> {
                to_json($what, self)
            }

            /// The document of such JSON; a field that is not known is refused.
            pub fn from_json(text: &str) -> Result<Self, ProtocolError> {
                let parsed: Self = from_json($what, text)?;
                parsed.check()?;
                Ok(parsed)
            }
        }
    };
}

document!(Bundle, "bundle", MAX_DOCUMENT_BYTES);
document!(FactsIndex, "index of facts", MAX_INDEX_BYTES);
document!(PackIndex, "index of a pack", MAX_PACK_INDEX_BYTES);

fn to_json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, ProtocolError> {
    serde_json::to_string_pretty(value)
        .map_err(|error| ProtocolError::Shape { what, why: error.to_string() })
}

fn from_json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, ProtocolError> {
    serde_json::from_str(text)
        .map_err(|error| ProtocolError::Shape { what, why: error.to_string() })
}
