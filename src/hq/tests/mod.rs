//! HQ as its nodes and its people see it.

mod admission;
mod audit_acks;
mod deployments;
mod documents;
mod door;
mod enrolment;
mod examples;
mod facts;
mod failures;
mod history;
pub(in crate::hq) mod mosquitto;
mod node;
mod packs;
mod people;
mod portable;
mod proofs;
mod restored;
mod rotation;
mod settings;
mod shares;
mod streams;
mod whole;

use std::collections::BTreeMap;

use super::*;
use crate::protocol::*;

pub(super) const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

pub(in crate::hq) fn place() -> Place {
    "acme/store-1/box-a".parse().unwrap()
}

/// HQ in a folder of its own, with one store and one box.
pub(in crate::hq) struct House {
    pub(in crate::hq) hq: Hq,
    pub(super) folder: tempfile::TempDir,
}

impl House {
    pub(in crate::hq) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let node_broker = Some("mqtts://hq.example".to_owned());
        let config = HqConfig { node_broker, ..HqConfig::new(folder.path()) };
        let hq = Hq::open(config).await.unwrap();
        let (actor, place) = (Actor::local(), place());
        hq.registry().add_tenant(&actor, &place.tenant).await.unwrap();
        hq.registry().set_store(&actor, &place.tenant, &place.store, "One").await.unwrap();
        hq.registry().add_node(&actor, &place).await.unwrap();
        Self { hq, folder }
    }

    /// Stopped and started anew over the same folder.
    pub(super) async fn restarted(self) -> Self {
        let Self { hq, folder } = self;
        drop(hq);
        let hq = Hq::open(HqConfig::new(folder.path())).await.unwrap();
        Self { hq, folder }
    }

    /// A number that a query gives.
    pub(super) async fn number(&self, select: &str) -> i64 {
        let (number,): (i64,) =
            sqlx::query_as(select).fetch_one(self.hq.database.reader()).await.unwrap();
        number
    }
}

/// A box that says what it is told to, right or wrong.
pub(in crate::hq) struct Speaker {
    pub(super) place: Place,
    pub(super) ledger: Ledger,
    hybrid: HybridClock,
    ids: u8,
}

impl Speaker {
    pub(in crate::hq) fn new() -> Self {
        Self { place: place(), ledger: Ledger([3; 8]), hybrid: HybridClock::default(), ids: 0 }
    }

    pub(super) fn envelope(&mut self, message: &Message) -> Envelope {
        let sender = Sender { source: Source::Node(self.place.clone()), boot: BootId([5; 8]) };
        self.ids = self.ids.wrapping_add(1);
        let id = MessageId([self.ids; 16]);
        Envelope::new(&sender, id, self.hybrid.tick(NOW), message).unwrap()
    }

    /// A message without a place in a stream.
    pub(super) fn plain(&mut self, topic: NodeTopic, message: &Message) -> Incoming {
        let payload = self.envelope(message).to_bytes().unwrap();
        Incoming { topic: Topic::Node(self.place.clone(), topic).to_string(), payload }
    }

    /// A message at a place in a stream.
    pub(super) fn counted(&mut self, stream: Stream, seq: u64, message: &Message) -> Incoming {
        let ledger = self.ledger;
        let payload = self.envelope(message).counted(ledger, stream, seq).to_bytes().unwrap();
        let topic = Topic::Node(self.place.clone(), NodeTopic::Up(stream)).to_string();
        Incoming { topic, payload }
    }

    pub(in crate::hq) fn event(&mut self, seq: u64) -> Incoming {
        self.counted(Stream::Evt, seq, &event(seq as i64))
    }

    pub(super) fn ask(&mut self) -> Incoming {
        let sending = Stream::UP.map(|stream| Sending { stream, first: 1, next: 1 }).to_vec();
        let ask = Ask {
            ledger: self.ledger,
            have: List::default(),
            sending: List::new(sending).unwrap(),
        };
        self.plain(NodeTopic::Get, &Message::Ask(ask))
    }
}

pub(super) fn event(number: i64) -> Message {
    let fields = BTreeMap::from([("number".parse().unwrap(), Value::from(number))]);
    let fields = Fields::new(fields).unwrap();
    Message::Event(Event { name: "test.happened".parse().unwrap(), fields })
}

/// What HQ says, read as its node reads it.
pub(super) fn read(said: &Outgoing) -> (Topic, Envelope, Message) {
    let topic: Topic = said.topic.parse().unwrap();
    let envelope = Envelope::parse(&said.payload).unwrap();
    let message = envelope.message_at(&topic).unwrap();
    (topic, envelope, message)
}

/// The acknowledgements among what HQ says: how far each stream is.
pub(in crate::hq) fn acks(said: &[Outgoing]) -> BTreeMap<Stream, u64> {
    let ack = |one: &Outgoing| match read(one).2 {
        Message::Ack(ack) => Some((ack.stream, ack.through)),
        _ => None,
    };
    said.iter().filter_map(ack).collect()
}
