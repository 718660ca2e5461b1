//! What HQ has of a box's audit log, as it tells the box: signed.

use super::node::Pair;
use super::*;

fn block(first: u64, before: Digest) -> (Message, Digest) {
    let entries = List::new(vec![Blob::new(first.to_be_bytes()).unwrap()]).unwrap();
    let after = AuditBlock::head_after(before, &entries);
    (Message::Audit(AuditBlock { first, before, after, entries }), after)
}

/// What HQ signed in its only answer.
fn signed(house: &House, said: &[Outgoing]) -> AuditStored {
    let ack = match read(&said[0]).2 {
        Message::Ack(ack) => ack,
        Message::Snapshot(snapshot) => {
            let of_audit = |ack: &&Ack| ack.stream == Stream::Audit;
            assert!(snapshot.acks.iter().filter(|ack| !of_audit(ack)).all(|a| a.audit.is_none()));
            snapshot.acks.iter().find(of_audit).unwrap().clone()
        }
        other => panic!("{other:?}"),
    };
    let stored = house.hq.director().keys().verify(&ack.audit.unwrap(), NOW).unwrap();
    assert_eq!((stored.ledger, stored.through), (ack.ledger, ack.through));
    assert_eq!(stored.place, place());
    stored
}

#[tokio::test]
async fn what_hq_has_of_a_log_leaves_the_box_and_both_ends_have_one_head() {
    let mut pair = Pair::new().await;
    for number in 1..=5_u8 {
        pair.store.write(|writing| writing.audit(NOW, &[number])).unwrap();
    }
    pair.tick().await;
    assert_eq!(pair.store.position(Stream::Audit).unwrap().count(), 0);
    let here = pair.store.audit_head().unwrap().unwrap();
    let page = told::Page { tenant: place().tenant, place: None, before: None, limit: 9 };
    let there = pair.house.hq.audit_heads(&page).await.unwrap();
    assert_eq!((here.entry, here.stored.head.to_string()), (5, there[0].head.clone()));
    assert_eq!(there[0].last, 5);
    assert_eq!(pair.session.refused().len(), 0, "{:?}", pair.session.refused());
}

#[tokio::test]
async fn the_signed_head_is_that_of_the_last_block_that_came_without_a_hole() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let (first, after_first) = block(1, Digest([0; 32]));
    let (second, after_second) = block(2, after_first);
    let late = speaker.counted(Stream::Audit, 3, &second);
    let stored = signed(&house, &house.hq.receive(&[late], NOW).await.unwrap());
    assert_eq!((stored.through, stored.last, stored.head), (0, 0, Digest([0; 32])));
    let early = speaker.counted(Stream::Audit, 1, &first);
    let stored = signed(&house, &house.hq.receive(&[early], NOW).await.unwrap());
    assert_eq!((stored.through, stored.last, stored.head), (1, 1, after_first));
    let gap = speaker.counted(Stream::Audit, 2, &Message::Gap(Gap { first: 2, last: 2 }));
    let stored = signed(&house, &house.hq.receive(&[gap], NOW).await.unwrap());
    assert_eq!((stored.through, stored.last, stored.head), (3, 3, after_second));
    let question = speaker.ask();
    assert_eq!(signed(&house, &house.hq.receive(&[question], NOW).await.unwrap()), stored);
}

#[tokio::test]
async fn a_block_that_was_laid_aside_is_not_vouched_for() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let (first, after) = block(1, Digest([0; 32]));
    let ledger = speaker.ledger;
    let mut unknown = speaker.envelope(&first).counted(ledger, Stream::Audit, 2);
    unknown.schema = 999;
    let topic = Topic::Node(place(), NodeTopic::Up(Stream::Audit)).to_string();
    let unknown = Incoming { topic, payload: unknown.to_bytes().unwrap() };
    let messages = [speaker.counted(Stream::Audit, 1, &first), unknown];
    let stored = signed(&house, &house.hq.receive(&messages, NOW).await.unwrap());
    assert_eq!((stored.through, stored.last, stored.head), (2, 1, after));
}

#[tokio::test]
async fn of_two_boxes_with_one_name_and_ledger_the_one_that_hq_did_not_hear_keeps_its_log() {
    let mut pair = Pair::new().await;
    pair.tick().await;
    let ledger = pair.store.ledger().unwrap();
    let mut copy = Speaker { ledger, ..Speaker::new() };
    let (of_copy, _) = block(1, Digest([0; 32]));
    let said = copy.counted(Stream::Audit, 1, &of_copy);
    pair.house.hq.receive(&[said], NOW).await.unwrap();
    pair.store.write(|writing| writing.audit(NOW, b"ours")).unwrap();
    pair.tick().await;
    assert_eq!(pair.store.position(Stream::Audit).unwrap().count(), 1);
    assert!(pair.session.refused().contains_key("audit log"), "{:?}", pair.session.refused());
}
