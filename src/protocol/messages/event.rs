//! What happened, what was measured, what was logged.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::bounded::Text;
use crate::protocol::fields::Fields;
use crate::protocol::label::Name;
use crate::protocol::limits::MAX_TEXT_BYTES;
use crate::protocol::time::UnixMillis;

/// Something that happened; when, says the envelope's time.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What.
    #[n(0)]
    pub name: Name,
    /// With what.
    #[n(1)]
    #[serde(default)]
    pub fields: Fields,
}

/// What was measured over a while.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// From when on.
    #[n(0)]
    pub from: UnixMillis,
    /// Until when.
    #[n(1)]
    pub until: UnixMillis,
    /// The values; their names end with their unit.
    #[n(2)]
    pub values: Fields,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A person must act.
    #[n(0)]
    Error,
    /// Recovered, nothing lost.
    #[n(1)]
    Warn,
    /// A change of state took effect.
    #[n(2)]
    Info,
    /// Per request.
    #[n(3)]
    Debug,
}

/// One line of the log; never a customer's words.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// How much it matters.
    #[n(0)]
    pub level: Level,
    /// The room that wrote it.
    #[n(1)]
    pub room: Name,
    /// The constant sentence.
    #[n(2)]
    pub sentence: Text<MAX_TEXT_BYTES>,
    /// With what.
    #[n(3)]
    #[serde(default)]
    pub fields: Fields,
}
