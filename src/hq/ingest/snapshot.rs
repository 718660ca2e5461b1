//! The answer to a node that has just come back: the time, what is newer, how far its streams are.

use super::Outgoing;
use super::acks::ack;
use super::batch::read_mark;
use crate::hq::catalogues::heads_for;
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::service::Hq;
use crate::protocol::{
    Ask, HqTime, List, Message, MessageId, NodeTopic, Place, Pointer, Snapshot, UnixMillis,
};

/// A question of a node.
pub(super) struct Asked<'a> {
    pub(super) place: &'a Place,
    pub(super) question: MessageId,
    pub(super) ask: &'a Ask,
    pub(super) now: UnixMillis,
}

/// The answer, with those of `wanted` that the node does not have.
pub(super) async fn answer(
    hq: &Hq,
    change: &mut Transaction,
    &Asked { place, question, ask, now }: &Asked<'_>,
    wanted: &[Pointer],
) -> Result<Outgoing, HqError> {
    let mut desired = Vec::new();
    // What only the old key has signed is to be known by the new one's signature before that key goes.
    let signed_anew = hq.director.leaving().is_some();
    for pointer in wanted {
        let known = |have: &&crate::protocol::Have| have.document == pointer.document;
        let known = ask.have.iter().find(known).is_some_and(|have| have.version >= pointer.version);
        if signed_anew || !known {
            desired.push(hq.director.sign(pointer)?);
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
