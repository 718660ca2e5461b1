//! Takes what nodes say, many messages as one change, and gives what is to be said in answer.

mod acks;
mod batch;
mod boots;
mod counted;
mod effects;
mod rates;
mod receipts;
mod snapshot;
mod states;

use std::collections::BTreeMap;

use super::database::commit;
use super::error::HqError;
use super::figures::Tally;
use super::service::Hq;
use crate::protocol::{
    Document, Envelope, Message, NodeTopic, Place, ProtocolError, Source, Topic, UnixMillis,
};
pub(super) use batch::Batch;
pub(in crate::hq) use rates::Rates;
pub(in crate::hq) use receipts::Receipt;

/// Messages in one change at most.
pub(super) const MAX_BATCH: usize = 512;
/// How often a message that fails alone is tried before it is laid aside.
const TRIES: u32 = 3;

/// A message as the broker gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Where it was sent to.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// A message for the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it goes.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Whether the broker may keep it for those who come later; nothing rests on that.
    pub retain: bool,
}

impl Outgoing {
    /// An envelope to a node.
    pub(super) fn to_node(
        place: &Place,
        topic: NodeTopic,
        envelope: &Envelope,
    ) -> Result<Self, HqError> {
        let retain = matches!(topic, NodeTopic::Desired(_));
        let topic = Topic::Node(place.clone(), topic).to_string();
        Ok(Self { topic, payload: envelope.to_bytes()?, retain })
    }
}

/// A message that can be believed to come from a node.
struct Heard {
    place: Place,
    topic: NodeTopic,
    envelope: Envelope,
    /// What it says; why it is not understood otherwise.
    message: Result<Message, ProtocolError>,
}

impl Heard {
    /// The message, if its envelope can be read and its sender is who the topic belongs to. The broker
    /// lets nodes send under their own name only.
    fn of(incoming: &Incoming) -> Option<Self> {
        let Ok(Topic::Node(place, topic)) = incoming.topic.parse::<Topic>() else { return None };
        let envelope = Envelope::parse(&incoming.payload).ok()?;
        if !matches!(&envelope.source, Source::Node(source) if *source == place) {
            return None;
        }
        let message = envelope.message_at(&Topic::Node(place.clone(), topic));
        Some(Self { place, topic, envelope, message })
    }
}

impl Hq {
    /// Takes messages, at most 512, of each node as many as it may say; what comes back is to be sent. An error means that nothing
    /// of them was taken and that they should be tried again: the database is away.
    pub async fn receive(
        &self,
        messages: &[Incoming],
        now: UnixMillis,
    ) -> Result<Vec<Outgoing>, HqError> {
        let heard: Vec<(&Incoming, Option<Heard>)> =
            messages.iter().map(|message| (message, Heard::of(message))).collect();
        let known = heard.iter().filter_map(|(from, heard)| Some((*from, heard.as_ref()?)));
        let known: Vec<(&Incoming, &Heard)> = known.collect();
        if known.len() < messages.len() {
            let count = messages.len() - known.len();
            tracing::warn!(count, "messages that nobody can have sent were left aside");
        }
        let strange = messages.len() - known.len();
        let heard = known.len();
        let may = |(from, heard): &(&Incoming, &Heard)| {
            self.rates.admit(&heard.place, from.payload.len(), now)
        };
        let known: Vec<_> = known.into_iter().filter(may).collect();
        let answers = self.take_all(&known, now).await.inspect_err(|_| {
            // All of them come again.
            known.iter().for_each(|(from, heard)| {
                self.rates.give_back(&heard.place, from.payload.len());
            });
        })?;
        Tally::add(&self.tally.taken, known.len());
        Tally::add(&self.tally.strange, strange);
        Tally::add(&self.tally.too_many, heard - known.len());
        Tally::add(&self.tally.answers, answers.len());
        let of_keys =
            |(_, heard): &(&Incoming, &Heard)| heard.topic == NodeTopic::Reported(Document::Keys);
        if known.iter().any(of_keys)
            && let Err(error) = self.finish_rotation().await
        {
            tracing::error!(%error, "the old key could not be forgotten");
        }
        if !known.is_empty() {
            self.changed();
        }
        Ok(answers)
    }

    async fn take_all(
        &self,
        messages: &[(&Incoming, &Heard)],
        now: UnixMillis,
    ) -> Result<Vec<Outgoing>, HqError> {
        match self.take(messages, now).await {
            Err(error) if !error.is_the_databases() => {
                tracing::warn!(%error, count = messages.len(), "messages are taken one by one");
                self.take_singly(messages, now).await
            }
            taken => taken,
        }
    }

    async fn take(
        &self,
        messages: &[(&Incoming, &Heard)],
        now: UnixMillis,
    ) -> Result<Vec<Outgoing>, HqError> {
        let mut batch = Batch::begin(self, now).await?;
        for (incoming, heard) in messages {
            batch.take(incoming, heard).await?;
        }
        let (change, answers) = batch.end().await?;
        commit(change).await?;
        Ok(answers)
    }

    /// One message that fails must not hold up the others: it alone is laid aside.
    async fn take_singly(
        &self,
        messages: &[(&Incoming, &Heard)],
        now: UnixMillis,
    ) -> Result<Vec<Outgoing>, HqError> {
        let mut answers = BTreeMap::new();
        for one in messages {
            let said = self.take_patiently(one, now).await?;
            answers.extend(said.into_iter().map(|said| (said.topic.clone(), said)));
        }
        Ok(answers.into_values().collect())
    }

    async fn take_patiently(
        &self,
        one: &(&Incoming, &Heard),
        now: UnixMillis,
    ) -> Result<Vec<Outgoing>, HqError> {
        let mut why = String::new();
        for _ in 0..TRIES {
            match self.take(std::slice::from_ref(one), now).await {
                Ok(answers) => return Ok(answers),
                // A message that is not to blame is not laid aside.
                Err(error) if error.is_the_databases() => return Err(error),
                Err(error) => why = error.to_string(),
            }
        }
        let mut batch = Batch::begin(self, now).await?;
        batch.lay_aside(one.0, one.1, &why).await?;
        let (change, answers) = batch.end().await?;
        commit(change).await?;
        Ok(answers)
    }
}
