//! A broker that lies about the audit log, keys that change, and HQs that do not sign.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use endcap_testing::power_cut::Disk;
use redb::backends::InMemoryBackend;

use super::hq::{director, place, say};
use super::node::{START, session, store, store_on};
use super::world::{NONE, World};
use super::*;

const NOW: Now = Now { wall: START, steady_ms: 0 };

fn audited(store: &Store, count: u8) {
    for number in 1..=count {
        store.write(|writing| writing.audit(START, &[number])).unwrap();
    }
}

/// What HQ would sign of the log as it is here.
fn stored(store: &Store, last: u64) -> AuditStored {
    let items = store.waiting(Stream::Audit, Run::of(last), usize::MAX).unwrap();
    let message =
        items.first().map(|item| Envelope::parse(&item.bytes).unwrap().message().unwrap());
    let head = match message {
        Some(Message::Audit(block)) => block.after,
        _ => Digest([0; 32]),
    };
    let ledger = store.ledger().unwrap();
    AuditStored { place: place(), ledger, through: last, last, head, at: START }
}

fn signed_by(key: &SigningKey, said: &AuditStored) -> Ack {
    let audit = Some(Signed::sign(said, &[key]).unwrap());
    let (ledger, through) = (said.ledger, said.through);
    Ack { ledger, stream: Stream::Audit, through, above: List::default(), audit }
}

fn hear(session: &mut Session, ack: Ack) {
    let (topic, envelope) = say(NodeTopic::Ack(Stream::Audit), &Message::Ack(ack), START);
    let happening = Happening::Message { topic, payload: envelope.to_bytes().unwrap() };
    session.handle(happening, NOW).unwrap();
}

fn answers(session: &mut Session, ack: Ack) {
    for happening in [Happening::Tick, Happening::Connected, Happening::Subscribed { all: true }] {
        session.handle(happening, NOW).unwrap();
    }
    let answers = session.machine.question().unwrap();
    let time = HqTime { target: place(), answers, at: START };
    let snapshot = Snapshot {
        time: Signed::sign(&time, &[&director()]).unwrap(),
        desired: List::default(),
        facts: List::default(),
        acks: List::new(vec![ack]).unwrap(),
    };
    let (topic, envelope) = say(NodeTopic::Snapshot, &Message::Snapshot(snapshot), START);
    let payload = envelope.answering(answers).to_bytes().unwrap();
    session.handle(Happening::Message { topic, payload }, NOW).unwrap();
}

fn waits(store: &Store) -> u64 {
    store.position(Stream::Audit).unwrap().count()
}

/// All that a broker can make up, with the reason under which it is counted.
fn lies(store: &Store) -> Vec<(&'static str, Ack)> {
    let (director, stranger) = (director(), SigningKey::from_bytes(&[66; 32]));
    let true_one = stored(store, 5);
    let unsigned = Ack { audit: None, ..signed_by(&director, &true_one) };
    let elsewhere = AuditStored { ledger: Ledger([9; 8]), ..true_one.clone() };
    let other = AuditStored { head: Digest([9; 32]), ..true_one.clone() };
    let far = AuditStored { through: 6, last: 6, ..true_one.clone() };
    vec![
        ("audit unsigned", unsigned),
        ("audit signature", signed_by(&stranger, &true_one)),
        ("ledger", signed_by(&director, &elsewhere)),
        ("audit log", signed_by(&director, &other)),
        ("ahead", signed_by(&director, &far)),
    ]
}

#[test]
fn no_lie_of_a_broker_takes_anything_of_the_audit_log_away() {
    let store = store(100);
    audited(&store, 5);
    let mut session = session(&store, LineConfig::default(), 1);
    for (reason, ack) in lies(&store) {
        hear(&mut session, ack);
        assert_eq!(waits(&store), 5, "{reason}");
        assert_eq!(session.refused().get(reason), Some(&1), "{reason}");
    }
    let elsewhere =
        AuditStored { place: "acme/store-2/box-a".parse().unwrap(), ..stored(&store, 5) };
    hear(&mut session, signed_by(&director(), &elsewhere));
    assert_eq!((waits(&store), session.refused().get("form")), (5, Some(&1)));
    assert_eq!(store.audit_head().unwrap(), None);
    hear(&mut session, signed_by(&director(), &stored(&store, 5)));
    assert_eq!(waits(&store), 0);
    assert_eq!(store.audit_head().unwrap().unwrap().entry, 5);
}

#[test]
fn nor_does_a_lie_in_the_answer_to_a_question() {
    for lie in 0..5 {
        let store = store(100);
        audited(&store, 5);
        let mut session = session(&store, LineConfig::default(), 1);
        let (reason, ack) = lies(&store).swap_remove(lie);
        answers(&mut session, ack);
        assert_eq!(waits(&store), 5, "{reason}");
        assert_eq!(store.audit_head().unwrap(), None, "{reason}");
    }
    let store = store(100);
    audited(&store, 5);
    let mut session = session(&store, LineConfig::default(), 1);
    let ack = signed_by(&director(), &stored(&store, 4));
    answers(&mut session, ack);
    assert_eq!((session.phase(), waits(&store)), (Phase::Open, 1));
}

#[test]
fn a_new_key_counts_when_the_box_believes_it_and_the_old_one_no_more() {
    let store = store(100);
    audited(&store, 4);
    let mut session = session(&store, LineConfig::default(), 1);
    let new = SigningKey::from_bytes(&[70; 32]);
    hear(&mut session, signed_by(&new, &stored(&store, 2)));
    assert_eq!(waits(&store), 4);
    let key = Key { key: new.verifying_key(), role: Role::Director, until: None };
    session.trust.keys.replace([key]);
    hear(&mut session, signed_by(&director(), &stored(&store, 2)));
    assert_eq!(waits(&store), 4);
    hear(&mut session, signed_by(&new, &stored(&store, 2)));
    assert_eq!(waits(&store), 2);
}

#[test]
fn while_hq_does_not_sign_the_log_waits_and_goes_when_it_does() {
    let mut world = World::new(1, 1000, NONE);
    world.hq.unsigned = true;
    for _ in 0..20 {
        world.happens();
    }
    world.run(120_000);
    assert_eq!(world.store.position(Stream::Evt).unwrap().count(), 0);
    assert_eq!(waits(&world.store), 20);
    world.hq.unsigned = false;
    world.calm();
    world.check();
}

#[test]
fn the_power_may_fail_between_hqs_word_and_what_it_lets_go() {
    let disk = Disk::default();
    let open = |disk: &Disk| {
        let disk = disk.clone();
        store_on(move || disk.clone(), 100)
    };
    let first = open(&disk);
    audited(&first, 5);
    let ack = Arc::new(signed_by(&director(), &stored(&first, 3)));
    drop(first);
    let before = disk.images(0).remove(1);
    let mut found = std::collections::BTreeSet::new();
    for cut in 0..1000 {
        let disk = Disk::of(before.clone());
        disk.cut_at(cut);
        let place: Place = "acme/store-1/box-a".parse().unwrap();
        let again = {
            let disk = disk.clone();
            move || disk.clone()
        };
        let done = Store::on(again, place, StateConfig::default()).and_then(|store| {
            let said = ack.audit.as_ref().unwrap().unverified()?;
            store.write(|writing| writing.acknowledge_audit(&ack, &said))
        });
        for image in disk.images(cut as u64) {
            let store = open(&Disk::of(image));
            let head = store.audit_head().unwrap().map(|head| head.entry);
            let state = (waits(&store), head);
            assert!(state == (5, None) || state == (2, Some(3)), "cut {cut}: {state:?}");
            assert!(done.is_err() || state == (2, Some(3)), "cut {cut}: said and not done");
            found.insert(state);
        }
        if done.is_ok() {
            break;
        }
    }
    assert_eq!(found.len(), 2, "the power never failed before and after");
}

/// The bounds hold without HQ's word, too: then what is to be audited does not happen.
#[test]
fn an_outbox_full_of_what_nobody_signed_refuses_more() {
    let bounds = Bounds { max_bytes: 1 << 20, max_count: 3, max_age_ms: None };
    let config = StateConfig { audit: bounds, ..StateConfig::default() };
    let store = Store::on(InMemoryBackend::new, place(), config).unwrap();
    audited(&store, 3);
    let mut session = session(&store, LineConfig::default(), 1);
    hear(&mut session, Ack { audit: None, ..signed_by(&director(), &stored(&store, 3)) });
    let more = store.write(|writing| writing.audit(START, b"more"));
    assert!(matches!(more, Err(StateError::Full { stream: Stream::Audit, .. })), "{more:?}");
    hear(&mut session, signed_by(&director(), &stored(&store, 1)));
    store.write(|writing| writing.audit(START, b"more")).unwrap();
}
