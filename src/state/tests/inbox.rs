//! Each message takes effect once, and none blocks the others.

use redb::{ReadableTable, TableDefinition};

use super::*;

const EFFECTS: TableDefinition<u64, u64> = TableDefinition::new("other.effects");

const LEDGER: Ledger = Ledger([3; 8]);

fn message(ledger: Ledger, seq: u64) -> (Envelope, Counted) {
    let sender = Sender { source: Source::Hq, boot: BootId([1; 8]) };
    let id = MessageId([seq as u8; 16]);
    let envelope = Envelope::new(&sender, id, HybridTime::at(NOW), &event(seq as i64)).unwrap();
    let envelope = envelope.counted(ledger, Stream::Cmd, seq);
    let counted = envelope.counted.unwrap();
    (envelope, counted)
}

fn count(writing: &Writing<'_>, seq: u64) -> Result<(), String> {
    let mut effects = writing.transaction().open_table(EFFECTS).map_err(|e| e.to_string())?;
    let so_far = effects.get(seq).unwrap().map_or(0, |count| count.value());
    effects.insert(seq, so_far + 1).unwrap();
    Ok(())
}

fn receive(store: &Store, seq: u64, fails: bool) -> Received<()> {
    let (envelope, counted) = message(LEDGER, seq);
    store
        .receive(&envelope, counted, Run::of(seq), |writing| {
            count(writing, seq)?;
            if fails { Err("it cannot be done".to_owned()) } else { Ok(()) }
        })
        .unwrap()
}

fn effects(store: &Store) -> Vec<(u64, u64)> {
    let Ok(effects) = store.read().unwrap().open_table(EFFECTS) else { return Vec::new() };
    let rows = effects.iter().unwrap().map(|row| row.unwrap());
    rows.map(|(seq, count)| (seq.value(), count.value())).collect()
}

#[test]
fn a_message_takes_effect_once_in_whatever_order() {
    let store = store(StateConfig::default());
    for seq in [1, 1, 4, 2, 4, 3, 1, 3] {
        receive(&store, seq, false);
    }
    assert_eq!(receive(&store, 2, false), Received::Known);
    assert_eq!(effects(&store), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(store.taken("hq", message(LEDGER, 1).1).unwrap().through(), 4);
}

#[test]
fn a_poisoned_message_is_laid_aside_and_the_stream_goes_on() {
    let store = store(StateConfig { max_tries: 3, ..StateConfig::default() });
    receive(&store, 1, false);
    for tries in 1..3 {
        let why = "it cannot be done".to_owned();
        assert_eq!(receive(&store, 2, true), Received::Failed { tries, why });
    }
    assert!(matches!(receive(&store, 2, true), Received::LaidAside { .. }));
    assert_eq!(receive(&store, 2, true), Received::Known);
    assert_eq!(receive(&store, 3, false), Received::Done(()));
    assert_eq!(effects(&store), [(1, 1), (3, 1)], "what failed left something");
    assert_eq!(store.taken("hq", message(LEDGER, 1).1).unwrap().through(), 3);
    let [letter] = &store.dead_letters().unwrap()[..] else { panic!("one was laid aside") };
    assert_eq!((&*letter.why, number(&letter.bytes)), ("it cannot be done", Some(2)));
}

#[test]
fn what_succeeds_later_is_not_laid_aside() {
    let store = store(StateConfig { max_tries: 3, ..StateConfig::default() });
    receive(&store, 1, true);
    receive(&store, 1, true);
    assert_eq!(receive(&store, 1, false), Received::Done(()));
    assert_eq!((effects(&store), store.dead_letters().unwrap()), (vec![(1, 1)], vec![]));
}

#[test]
fn what_is_laid_aside_and_what_fails_is_bounded() {
    let config = StateConfig { max_tries: 2, max_dead_letters: 4, ..StateConfig::default() };
    let store = store(config);
    for seq in 1..=10 {
        receive(&store, seq, true);
        receive(&store, seq, true);
    }
    let kept: Vec<_> = store.dead_letters().unwrap().iter().map(|l| number(&l.bytes)).collect();
    assert_eq!(kept, [7, 8, 9, 10].map(Some));
}

#[test]
fn too_many_holes_are_put_off_and_filled_later() {
    let store = store(StateConfig::default());
    for hole in 1..=limits::MAX_RUNS as u64 {
        assert_eq!(receive(&store, hole * 2, false), Received::Done(()));
    }
    assert_eq!(receive(&store, 1000, false), Received::NotNow);
    assert_eq!(receive(&store, 1, false), Received::Done(()));
    assert_eq!(receive(&store, 1000, false), Received::Done(()));
}

#[test]
fn a_gap_is_taken_as_its_numbers() {
    let store = store(StateConfig::default());
    let (envelope, counted) = message(LEDGER, 9);
    let gap = Run { first: 1, last: 9 };
    let taken = store.receive(&envelope, counted, gap, |_| Ok(())).unwrap();
    assert_eq!(taken, Received::Done(()));
    assert_eq!(receive(&store, 5, false), Received::Known);
    assert_eq!(receive(&store, 10, false), Received::Done(()));
}

#[test]
fn another_ledger_counts_on_its_own_and_old_ones_are_forgotten() {
    let store = store(StateConfig::default());
    receive(&store, 1, false);
    for ledger in 0..200_u8 {
        let (envelope, counted) = message(Ledger([ledger.max(4); 8]), 1);
        let run = Run::of(1);
        store.receive(&envelope, counted, run, |_| Ok(())).unwrap();
        if ledger % 16 == 0 {
            receive(&store, 2 + u64::from(ledger), false);
        }
    }
    assert_eq!(receive(&store, 1, false), Received::Known, "a ledger in use was forgotten");
    let forgotten = message(Ledger([5; 8]), 1).1;
    assert_eq!(store.taken("hq", forgotten).unwrap(), Watermark::default());
}
