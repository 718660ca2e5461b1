//! What HQ and store say to each other: names, forms, sizes and signatures, and no line to say it on.
//!
//! A [`Topic`] tells where, an [`Envelope`] who, when and which number, a [`Message`] what. Envelopes
//! are deterministic CBOR with numbered keys ([`Envelope::to_bytes`], [`Envelope::parse`]); JSON
//! mirrors them for people ([`Envelope::to_json`]). A [`Watermark`] counts what a receiver has,
//! [`HybridClock`] and [`TimeFloor`] tell the time, [`Keys`] whom to believe, and
//! [`Pointer::judge`] whether a desired document is news. What pointers name is in [`documents`].
//! [`examples`] are JSON, and go to HQ's door rather than over the line.
//!
//! **Invariants**
//! - What was said once stays readable: versions [`MIN`] to [`CURRENT`] are spoken, each has its
//!   golden bytes in `golden/`, and keys and numbers never change their meaning.
//! - One message has one form: two writers make the same bytes, and a reader refuses any other form.
//! - Every text, list, map, body and envelope has a limit ([`limits`]), known before it is read.
//! - Topics have at most seven levels, and no store has a name that topics need for themselves.
//! - What is signed is only believed with its context, a key of the right role, and its floor.
//!
//! **Not here**: sockets, brokers, files, and what is done about a message.

// A room's paths are the same wherever they are written.
extern crate self as protocol;

mod bounded;
mod canonical;
mod cbor;
mod desired;
pub mod documents;
mod envelope;
mod error;
pub mod examples;
mod fields;
mod label;
pub mod limits;
mod message;
mod messages;
mod mirror;
mod octets;
mod place;
mod signed;
mod stream;
#[cfg(test)]
mod tests;
mod time;
mod topic;
mod watermark;

pub use bounded::{Blob, List, Text};
pub use desired::{Floor, Floors, Identity, News, Unfit};
pub use envelope::{Counted, Envelope, Sender};
pub use error::ProtocolError;
pub use fields::{Fields, Value};
pub use label::{Label, Name};
pub use message::Message;
pub use messages::{
    Ack, Applied, Ask, AuditBlock, AuditStored, Command, CommandState, Contents, Event, FactsHead,
    Failure, Gap, Have, HqTime, Level, LocalOverride, LogLine, Outcome, Pointer, Presence,
    PresenceState, Reported, Sending, Snapshot, Stage, Telemetry,
};
pub use octets::{BootId, Digest, KeyId, Ledger, MessageId, SignatureBytes, to_hex};
pub use place::{Place, Source, StoreName, Target};
pub use signed::{Key, KeyedSignature, Keys, Role, Signable, Signed, Untrusted, key_id};
pub use stream::{Document, Stream};
pub use time::{
    Clock, HybridClock, HybridTime, MAX_AHEAD_MILLIS, MAX_SKEW_MILLIS, TimeFloor, UnixMillis,
};
pub use topic::{NodeTopic, Topic};
pub use watermark::{Run, Taken, Watermark};

/// The oldest version that is still understood.
pub const MIN: u8 = 1;

/// The version that is spoken.
pub const CURRENT: u8 = 1;
