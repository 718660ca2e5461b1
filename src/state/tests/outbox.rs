//! Nothing leaves the outbox unseen.

use redb::TableDefinition;

use super::*;

const OTHER: TableDefinition<u64, u64> = TableDefinition::new("other.room");

fn small(max_bytes: u64, max_count: u64) -> StateConfig {
    let bounds = Bounds { max_bytes, max_count, max_age_ms: Some(1000) };
    StateConfig { audit: bounds, events: bounds, ..StateConfig::default() }
}

#[test]
fn another_rooms_change_and_what_it_tells_come_about_together_or_not_at_all() {
    let store = store(StateConfig::default());
    let change = |fails: bool| {
        store.write(|writing| {
            let mut other = writing.transaction().open_table(OTHER).unwrap();
            other.insert(1, 1).unwrap();
            writing.append(Stream::Evt, NOW, &event(1))?;
            if fails { Err(StateError::TooMany { what: "tests", most: 0 }) } else { Ok(()) }
        })
    };
    let commits = store.commits();
    assert!(change(true).is_err());
    assert!(store.read().unwrap().open_table(OTHER).is_err());
    assert_eq!(waiting(&store, Stream::Evt), []);
    assert!(!commits.has_changed().unwrap());

    change(false).unwrap();
    assert_eq!(
        store.read().unwrap().open_table(OTHER).unwrap().get(1).unwrap().unwrap().value(),
        1
    );
    assert_eq!(waiting(&store, Stream::Evt), [(1, 1, Some(1))]);
    assert!(commits.has_changed().unwrap());
}

#[test]
fn the_oldest_events_go_and_are_declared_in_their_place() {
    let store = store(small(1 << 20, 3));
    for number in 1..=5 {
        append(&store, number).unwrap();
    }
    let expected = [(1, 2, None), (3, 3, Some(3)), (4, 4, Some(4)), (5, 5, Some(5))];
    assert_eq!(waiting(&store, Stream::Evt), expected);

    let items = store.waiting(Stream::Evt, Run { first: 1, last: 9 }, 1 << 20).unwrap();
    let gap = Envelope::parse(&items[0].bytes).unwrap();
    assert_eq!(gap.message(), Ok(Message::Gap(Gap { first: 1, last: 2 })));
    let topic = Topic::Node(place(), NodeTopic::Up(Stream::Evt));
    assert!(
        items
            .iter()
            .all(|item| { Envelope::parse(&item.bytes).unwrap().message_at(&topic).is_ok() })
    );
}

#[test]
fn bytes_are_bounded_and_counted_right() {
    let store = store(small(600, 1000));
    let mut most = 0;
    for number in 0..100 {
        append(&store, number).unwrap();
        let at = store.position(Stream::Evt).unwrap();
        let run = Run { first: at.first, last: u64::MAX };
        let items = store.waiting(Stream::Evt, run, usize::MAX).unwrap();
        let bytes: usize = items.iter().map(|item| item.bytes.len()).sum();
        assert_eq!(at.bytes, bytes as u64);
        assert_eq!(at.count(), items.len() as u64);
        most = most.max(at.bytes);
    }
    assert!((400..=600).contains(&most), "{most}");
}

#[test]
fn a_message_larger_than_its_stream_is_refused_and_drops_nothing() {
    let store = store(small(200, 1000));
    append(&store, 1).unwrap();
    let long = Fields::new([("a".parse().unwrap(), Value::from(&*"x".repeat(500)))].into());
    let long = Message::Event(Event { name: "a".parse().unwrap(), fields: long.unwrap() });
    let refusal = store.write(|writing| writing.append(Stream::Evt, NOW, &long)).unwrap_err();
    assert!(matches!(refusal, StateError::TooLarge { .. }), "{refusal}");
    assert_eq!(waiting(&store, Stream::Evt), [(1, 1, Some(1))]);
}

#[test]
fn what_must_be_audited_does_not_happen_when_the_audit_is_full() {
    let store = store(small(1 << 20, 2));
    let change = || {
        store.write(|writing| {
            writing.append(Stream::Evt, NOW, &event(7))?;
            writing.append(Stream::Audit, NOW, &audit())
        })
    };
    change().unwrap();
    change().unwrap();
    assert!(matches!(change(), Err(StateError::Full { stream: Stream::Audit, count: 2, .. })));
    assert_eq!(store.position(Stream::Evt).unwrap().next, 3, "the event of the third was written");
    assert_eq!(waiting(&store, Stream::Audit).len(), 2);
    super::audit::say(&store, 1, Digest([1; 32]));
    change().unwrap();
}

#[test]
fn messages_grow_old_only_while_the_time_is_known() {
    let store = store(small(1 << 20, 100));
    append(&store, 1).unwrap();
    store.write(|w| w.append(Stream::Evt, NOW.plus(900), &event(2))).unwrap();
    store.write(|w| w.append(Stream::Audit, NOW, &audit())).unwrap();
    let later = NOW.plus(1500);
    store.write(|w| w.drop_aged(Clock::Unknown { at_least: later })).unwrap();
    assert_eq!(waiting(&store, Stream::Evt).len(), 2);
    store.write(|w| w.drop_aged(Clock::Known(later))).unwrap();
    assert_eq!(waiting(&store, Stream::Evt), [(1, 1, None), (2, 2, Some(2))]);
    store.write(|w| w.drop_aged(Clock::Known(later.plus(10_000)))).unwrap();
    assert_eq!(waiting(&store, Stream::Evt), [(1, 2, None)]);
    assert_eq!(waiting(&store, Stream::Audit).len(), 1, "the audit log never grows old");
    assert_eq!(append(&store, 3).unwrap(), 3);
}

#[test]
fn only_what_hq_has_stored_is_forgotten() {
    let store = store(StateConfig::default());
    for number in 1..=5 {
        append(&store, number).unwrap();
    }
    let say = |ack: Ack| store.write(|writing| writing.acknowledge(&ack)).unwrap();
    assert_eq!(say(ack(&store, Stream::Evt, 3)), Acknowledged::Forgotten(3));
    assert_eq!(waiting(&store, Stream::Evt), [(4, 4, Some(4)), (5, 5, Some(5))]);
    assert_eq!(say(ack(&store, Stream::Evt, 2)), Acknowledged::Known);
    assert_eq!(say(ack(&store, Stream::Evt, 6)), Acknowledged::Ahead);
    let foreign = Ack { ledger: Ledger([0; 8]), ..ack(&store, Stream::Evt, 5) };
    assert_eq!(say(foreign), Acknowledged::Foreign);
    assert_eq!(waiting(&store, Stream::Evt).len(), 2);
    assert_eq!(store.position(Stream::Evt).unwrap().acked, 3);
}

#[test]
fn what_hq_forgot_is_declared_where_it_is_gone_here_too() {
    let store = store(StateConfig::default());
    for number in 1..=5 {
        append(&store, number).unwrap();
    }
    store.write(|writing| writing.acknowledge(&ack(&store, Stream::Evt, 4))).unwrap();
    store.write(|writing| writing.resume(&ack(&store, Stream::Evt, 1))).unwrap();
    assert_eq!(waiting(&store, Stream::Evt), [(2, 4, None), (5, 5, Some(5))]);
}

#[test]
fn where_hq_knows_more_all_is_counted_anew_and_nothing_is_lost() {
    let store = store(small(1 << 20, 3));
    for number in 1..=5 {
        append(&store, number).unwrap();
    }
    let (old, before) = (store.ledger().unwrap(), waiting(&store, Stream::Evt));
    let ledger = store.write(|writing| writing.begin_ledger()).unwrap();
    assert_ne!(ledger, old);
    assert_eq!(waiting(&store, Stream::Evt), before, "a gap of 2, then 3 to 5");
    store.write(|writing| writing.acknowledge(&ack(&store, Stream::Evt, 4))).unwrap();
    store.write(|writing| writing.begin_ledger()).unwrap();
    assert_eq!(waiting(&store, Stream::Evt), [(1, 1, Some(5))]);
    assert_eq!(append(&store, 6).unwrap(), 2);
    let items = store.waiting(Stream::Evt, Run { first: 1, last: 9 }, 1 << 20).unwrap();
    for item in items {
        let counted = Envelope::parse(&item.bytes).unwrap().counted.unwrap();
        assert_eq!((counted.ledger, counted.seq), (store.ledger().unwrap(), item.run.last));
    }
}

#[test]
fn reading_is_bounded_by_bytes_and_by_the_run() {
    let store = store(StateConfig::default());
    for number in 1..=9 {
        append(&store, number).unwrap();
    }
    let read = |first, last, bytes| {
        let items = store.waiting(Stream::Evt, Run { first, last }, bytes).unwrap();
        items.iter().map(|item| item.run.first).collect::<Vec<_>>()
    };
    assert_eq!(read(2, 4, 1 << 20), [2, 3, 4]);
    assert_eq!(read(2, 4, 1), [2], "one at least, or nothing would ever go");
    assert_eq!(read(9, 20, 1 << 20), [9]);
    assert_eq!(read(10, 20, 1 << 20), [0; 0]);
    assert_eq!(read(5, 4, 1 << 20), [0; 0]);
}

#[test]
fn numbers_times_and_epochs_go_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        || Store::open(&folder.path().join("state.redb"), place(), StateConfig::default()).unwrap();
    let first = open();
    append(&first, 1).unwrap();
    let epoch = first.write(|writing| writing.next_epoch()).unwrap();
    first.write(|writing| writing.raise_floor(NOW)).unwrap();
    let (ledger, time) = (first.ledger().unwrap(), first.hybrid_time().unwrap());
    let boot = first.sender().boot;
    drop(first);

    let second = open();
    assert_eq!(second.ledger().unwrap(), ledger);
    assert_ne!(second.sender().boot, boot);
    second.write(|writing| writing.raise_floor(UnixMillis(5))).unwrap();
    assert_eq!(second.floor().unwrap(), NOW);
    assert!(second.write(|writing| writing.next_epoch()).unwrap() > epoch);
    let yesterday = UnixMillis(NOW.0 - 86_400_000);
    let seq = second.write(|w| w.append(Stream::Evt, yesterday, &event(2))).unwrap();
    assert_eq!(seq, 2);
    assert!(second.hybrid_time().unwrap() > time, "the clock went back and time with it");
}
