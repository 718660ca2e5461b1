//! Every meaning that a body can have, by the number of its schema.

use serde::{Deserialize, Serialize};

use super::cbor;
use super::error::ProtocolError;
use super::limits::MAX_BODY_BYTES;
use super::messages::{
    Ack, Ask, AuditBlock, Command, CommandState, Event, FactsHead, Gap, LogLine, Pointer, Presence,
    Reported, Snapshot, Telemetry,
};
use super::signed::Signed;

macro_rules! messages {
    ($($(#[$doc:meta])* $number:literal $variant:ident($body:ty) = $word:literal;)+) => {
        /// A body that is understood. Numbers are a promise: one that was used keeps its meaning.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "schema", content = "body")]
        pub enum Message {
            $($(#[$doc])* #[serde(rename = $word)] $variant($body),)+
        }

        impl Message {
            /// The number of its schema.
            #[must_use]
            pub fn schema(&self) -> u16 {
                match self {
                    $(Self::$variant(_) => $number,)+
                }
            }

            /// Its bytes.
            pub fn body(&self) -> Result<Vec<u8>, ProtocolError> {
                match self {
                    $(Self::$variant(body) => cbor::to_bytes($word, MAX_BODY_BYTES, body),)+
                }
            }

            /// The message of a schema in these bytes.
            pub fn parse(schema: u16, body: &[u8]) -> Result<Self, ProtocolError> {
                match schema {
                    $($number => {
                        cbor::from_bytes($word, MAX_BODY_BYTES, body).map(Self::$variant)
                    })+
                    _ => Err(ProtocolError::Schema(schema)),
                }
            }
        }
    };
}

messages! {
    /// Something happened.
    1 Event(Event) = "event";
    /// Something was measured.
    2 Telemetry(Telemetry) = "telemetry";
    /// Entries of the audit log.
    3 Audit(AuditBlock) = "audit_block";
    /// A line of the log.
    4 Log(LogLine) = "log_line";
    /// Messages of a stream that never come.
    5 Gap(Gap) = "gap";
    /// How far a stream is stored.
    6 Ack(Ack) = "ack";
    /// What HQ wants of a document.
    7 Desired(Signed<Pointer>) = "desired";
    /// What a node has made of it.
    8 Reported(Reported) = "reported";
    /// Something to do.
    9 Command(Signed<Command>) = "command";
    /// What became of it.
    10 CommandState(CommandState) = "command_state";
    /// Whether a node is on the line.
    11 Presence(Presence) = "presence";
    /// A node's question after coming back.
    12 Ask(Ask) = "ask";
    /// The answer.
    13 Snapshot(Snapshot) = "snapshot";
    /// The newest epoch of the facts.
    14 FactsHead(Signed<FactsHead>) = "facts_head";
}
