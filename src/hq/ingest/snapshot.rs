//! The answer to a node that has just come back: the time, what is newer, how far its streams are.

use super::Outgoing;
use super::acks::ack;
use super::batch::read_mark;
use crate::hq::catalogues::heads_for;
use crate::hq::database::Transaction;
use crate::hq::documents::newest_for;
use crate::hq::error::HqError;
use crate::hq::service::Hq;
use crate::protocol::{
    Ask, HqTime, List, Message, MessageId, NodeTopic, Place, Snapshot, UnixMillis,
};

pub(super) async fn answer(
    hq: &Hq,
    change: &mut Transaction,
    place: &Place,
    question: MessageId,
    ask: &Ask,
    now: UnixMillis,
) -> Result<Outgoing, HqError> {
    let mut desired = Vec::new();
    // What only the old key has signed is to be known by the new one's signature before that key goes.
    let signed_anew = hq.director.leaving().is_some();
    for pointer in newest_for(change, place, now).await? {
        let known = |have: &&crate::protocol::Have| have.document == pointer.document;
        let known = ask.have.iter().find(known).is_some_and(|have| have.version >= pointer.version);
        if signed_anew || !known {
            desired.push(hq.director.sign(&pointer)?);
        }
    }
    let mut acks = Vec::new();
    for sending in ask.sending.iter() {
        let of = (place.clone(), ask.ledger, sending.stream);
        let mark = read_mark(change, place, ask.ledger, sending.stream).await?;
        acks.push(ack(hq, change, &of, &mark, now).await?);
    }
    let time = HqTime { target: place.clone(), answers: question, at: now };
    let snapshot = Snapshot {
        time: hq.director.sign(&time)?,
        desired: List::new(desired)?,
        facts: List::new(heads_for(hq, change, &place.tenant).await?)?,
        acks: List::new(acks)?,
    };
    let envelope = hq.clock.envelope(&Message::Snapshot(snapshot), now)?.answering(question);
    Outgoing::to_node(place, NodeTopic::Snapshot, &envelope)
}
