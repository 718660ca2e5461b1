//! What is around every message.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::bounded::Blob;
use super::cbor;
use super::error::ProtocolError;
use super::limits::{MAX_BODY_BYTES, MAX_ENVELOPE_BYTES};
use super::message::Message;
use super::octets::{BootId, Ledger, MessageId};
use super::place::{Place, Source};
use super::stream::Stream;
use super::time::{HybridTime, UnixMillis};
use super::topic::{NodeTopic, Topic};
use super::{CURRENT, MIN};

/// The place of a message in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Who counts.
    #[n(0)]
    pub ledger: Ledger,
    /// What is counted.
    #[n(1)]
    pub stream: Stream,
    /// The number; the first is 1.
    #[n(2)]
    pub seq: u64,
}

/// A message with all that is needed to take it once, in order, and in time. Says the same under any
/// broker; what MQTT 5 adds is not relied on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Envelope {
    /// The version that the sender speaks.
    #[n(0)]
    pub version: u8,
    /// Names this message.
    #[n(1)]
    pub id: MessageId,
    /// Who sent it.
    #[n(2)]
    pub source: Source,
    /// In which run of its program.
    #[n(3)]
    pub boot: BootId,
    /// When.
    #[n(4)]
    pub time: HybridTime,
    /// What the body means.
    #[n(5)]
    pub schema: u16,
    /// The message's own CBOR.
    #[n(6)]
    pub body: Blob<MAX_BODY_BYTES>,
    /// Its place in a stream, where it has one.
    #[n(7)]
    pub counted: Option<Counted>,
    /// From when on it says nothing any more.
    #[n(8)]
    pub expires: Option<UnixMillis>,
    /// The message that it answers.
    #[n(9)]
    pub correlation: Option<MessageId>,
}

/// Who sends, and when: what all messages of one moment share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Who.
    pub source: Source,
    /// In which run of the program.
    pub boot: BootId,
}

impl Envelope {
    /// An envelope of the current version around a message, with no place in a stream.
    pub fn new(
        sender: &Sender,
        id: MessageId,
        time: HybridTime,
        message: &Message,
    ) -> Result<Self, ProtocolError> {
        Ok(Self {
            version: CURRENT,
            id,
            source: sender.source.clone(),
            boot: sender.boot,
            time,
            schema: message.schema(),
            body: Blob::new(message.body()?)?,
            counted: None,
            expires: None,
            correlation: None,
        })
    }

    /// The same, at a place in a stream.
    #[must_use]
    pub fn counted(mut self, ledger: Ledger, stream: Stream, seq: u64) -> Self {
        self.counted = Some(Counted { ledger, stream, seq });
        self
    }

    /// The same, in answer to a message.
    #[must_use]
    pub fn answering(mut self, question: MessageId) -> Self {
        self.correlation = Some(question);
        self
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
        cbor::to_bytes("bytes of an envelope", MAX_ENVELOPE_BYTES, self)
    }

    /// The envelope in these bytes, of a version that is spoken here. Its message may still be one
    /// that is not known.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let envelope: Self = cbor::from_bytes("envelope", MAX_ENVELOPE_BYTES, bytes)?;
        if !(MIN..=CURRENT).contains(&envelope.version) {
            return Err(ProtocolError::Version { found: envelope.version });
        }
        if envelope.counted.is_some_and(|counted| counted.seq == 0) {
            return Err(ProtocolError::Contradiction("a stream has no message 0"));
        }
        Ok(envelope)
    }

    /// What it says.
    pub fn message(&self) -> Result<Message, ProtocolError> {
        Message::parse(self.schema, &self.body)
    }

    /// What it says, if it may be said at this topic: by this source, in this stream.
    pub fn message_at(&self, topic: &Topic) -> Result<Message, ProtocolError> {
        let message = self.message()?;
        let expected = match topic {
            Topic::Node(place, topic) => self.fits_node(place, *topic, &message),
            Topic::Group { tenant, group, document } => {
                self.source == Source::Hq
                    && self.counted.is_none()
                    && desired_for(&message, |pointer| {
                        matches!(&pointer.target, super::Target::Group { tenant: t, group: g }
                            if t == tenant && g == group)
                            && pointer.document == *document
                    })
            }
            Topic::FactsHead { tenant, catalogue } => {
                self.source == Source::Hq
                    && self.counted.is_none()
                    && matches!(&message, Message::FactsHead(head) if head.unverified().is_ok_and(
                        |head| head.tenant == *tenant && head.catalogue == *catalogue))
            }
        };
        if expected {
            Ok(message)
        } else {
            Err(ProtocolError::Contradiction("the envelope says another thing than its topic"))
        }
    }

    fn fits_node(&self, place: &Place, topic: NodeTopic, message: &Message) -> bool {
        let from_node = matches!(&self.source, Source::Node(source) if source == place);
        let from_hq = self.source == Source::Hq;
        let plain = self.counted.is_none();
        let stream = self.counted.map(|counted| counted.stream);
        match (topic, message) {
            (NodeTopic::Up(up), message) => {
                from_node && stream == Some(up) && self.fits_stream(up, message)
            }
            (NodeTopic::Ack(stream), Message::Ack(ack)) => {
                from_hq && plain && ack.stream == stream && audit_fits(ack, place)
            }
            (NodeTopic::Reported(document), Message::Reported(reported)) => {
                from_node && plain && reported.document == document
            }
            (NodeTopic::Desired(document), message @ Message::Desired(_)) => {
                from_hq
                    && plain
                    && desired_for(message, |pointer| {
                        matches!(&pointer.target, super::Target::Node(target) if target == place)
                            && pointer.document == document
                    })
            }
            (NodeTopic::Command(id), Message::Command(command)) => {
                let fits = |command: super::Command| command.id == id && command.target == *place;
                from_hq && stream == Some(Stream::Cmd) && command.unverified().is_ok_and(fits)
            }
            (NodeTopic::Command(_), Message::Gap(_)) => {
                from_hq && self.fits_stream(Stream::Cmd, message)
            }
            (NodeTopic::Result(id), Message::CommandState(state)) => {
                from_node && plain && state.id == id
            }
            (NodeTopic::Presence, Message::Presence(_)) | (NodeTopic::Get, Message::Ask(_)) => {
                from_node && plain
            }
            (NodeTopic::Snapshot, Message::Snapshot(snapshot)) => {
                let fits = |time: super::HqTime| {
                    time.target == *place && self.correlation == Some(time.answers)
                };
                from_hq && plain && snapshot.time.unverified().is_ok_and(fits)
            }
            _ => false,
        }
    }

    fn fits_stream(&self, stream: Stream, message: &Message) -> bool {
        let Some(counted) = self.counted.filter(|counted| counted.stream == stream) else {
            return false;
        };
        match message {
            Message::Gap(gap) => gap.last == counted.seq && (1..=gap.last).contains(&gap.first),
            Message::Event(_) => stream == Stream::Evt,
            Message::Telemetry(_) => stream == Stream::Tel,
            Message::Audit(_) => stream == Stream::Audit,
            Message::Log(_) => stream == Stream::Log,
            _ => false,
        }
    }
}

/// Whether what is signed in an ack, if anything, is about this node's audit log and this ledger.
fn audit_fits(ack: &super::Ack, place: &Place) -> bool {
    ack.audit.as_ref().is_none_or(|signed| {
        let fits = |said: super::AuditStored| said.place == *place && said.ledger == ack.ledger;
        ack.stream == Stream::Audit && signed.unverified().is_ok_and(fits)
    })
}

fn desired_for(message: &Message, fits: impl Fn(&super::Pointer) -> bool) -> bool {
    matches!(message, Message::Desired(signed) if signed.unverified().is_ok_and(|p| fits(&p)))
}
