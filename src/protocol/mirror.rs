//! Envelopes as JSON, for people who look for a fault. Nothing on the line is JSON.

use serde::{Deserialize, Serialize};

use super::bounded::Blob;
use super::envelope::{Counted, Envelope};
use super::error::ProtocolError;
use super::limits::MAX_BODY_BYTES;
use super::message::Message;
use super::octets::{BootId, MessageId};
use super::place::Source;
use super::time::{HybridTime, UnixMillis};

/// The envelope's fields by name, with the message in it, or its bytes where it is not known.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mirror {
    version: u8,
    id: MessageId,
    source: Source,
    boot: BootId,
    time: HybridTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counted: Option<Counted>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<UnixMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation: Option<MessageId>,
    message: Body,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Body {
    Known(Message),
    Unknown { schema: u16, body: Blob<MAX_BODY_BYTES> },
}

impl Envelope {
    /// The envelope as JSON, indented.
    pub fn to_json(&self) -> Result<String, ProtocolError> {
        let unknown = |_| Body::Unknown { schema: self.schema, body: self.body.clone() };
        let mirror = Mirror {
            version: self.version,
            id: self.id,
            source: self.source.clone(),
            boot: self.boot,
            time: self.time,
            counted: self.counted,
            expires: self.expires,
            correlation: self.correlation,
            message: self.message().map_or_else(unknown, Body::Known),
        };
        serde_json::to_string_pretty(&mirror)
            .map_err(|error| ProtocolError::Shape { what: "envelope", why: error.to_string() })
    }

    /// The envelope of such JSON.
    pub fn from_json(text: &str) -> Result<Self, ProtocolError> {
        let mirror: Mirror = serde_json::from_str(text)
            .map_err(|error| ProtocolError::Shape { what: "envelope", why: error.to_string() })?;
        let (schema, body) = match mirror.message {
            Body::Known(message) => (message.schema(), Blob::new(message.body()?)?),
            Body::Unknown { schema, body } => (schema, body),
        };
        Self::parse(
            &Self {
                version: mirror.version,
                id: mirror.id,
                source: mirror.source,
                boot: mirror.boot,
                time: mirror.time,
                schema,
                body,
                counted: mirror.counted,
                expires: mirror.expires,
                correlation: mirror.correlation,
            }
            .to_bytes()?,
        )
    }
}
