//! The power fails at every write and every sync, and what is found is one moment of what was done.

use redb::{ReadableTable, TableDefinition};

use super::*;

/// What another room writes together with what it tells.
const SALES: TableDefinition<u64, u64> = TableDefinition::new("other.sales");

/// Bounds so small that messages are dropped within the test.
fn config() -> StateConfig {
    let bounds = Bounds { max_bytes: 900, max_count: 6, max_age_ms: Some(1000) };
    StateConfig { audit: bounds, events: bounds, max_tries: 2, ..StateConfig::default() }
}

type Step = fn(&Store, u64) -> Result<(), StateError>;

/// A day in the life of a store, each step one change.
fn steps() -> Vec<Step> {
    let sale: Step = |store, number| {
        store.write(|writing| {
            let mut sales = writing.transaction().open_table(SALES).map_err(lost)?;
            sales.insert(number, number).map_err(lost)?;
            drop(sales);
            writing.append(Stream::Evt, NOW, &event(number as i64)).map(drop)
        })
    };
    let acknowledge: Step = |store, _| {
        let at = store.position(Stream::Evt)?;
        let ack = ack(store, Stream::Evt, (at.first + 1).min(at.next - 1));
        store.write(|writing| writing.acknowledge(&ack)).map(drop)
    };
    let command: Step = |store, number| receive(store, number, false);
    let poison: Step = |store, _| receive(store, 99, true);
    let anew: Step = |store, _| store.write(|writing| writing.begin_ledger()).map(drop);
    let old: Step =
        |store, _| store.write(|writing| writing.drop_aged(Clock::Known(NOW.plus(5000))));
    let audit: Step =
        |store, number| store.write(|writing| writing.audit(NOW, &number.to_be_bytes()));
    let signed: Step = |store, _| super::audit::sign_next(store).map(drop);
    let epoch: Step = |store, _| store.write(|writing| writing.next_epoch()).map(drop);
    vec![
        sale,
        sale,
        command,
        sale,
        acknowledge,
        poison,
        sale,
        sale,
        sale,
        command,
        sale,
        poison,
        epoch,
        sale,
        sale,
        acknowledge,
        command,
        anew,
        sale,
        acknowledge,
        audit,
        audit,
        signed,
        audit,
        anew,
        signed,
        old,
        sale,
        command,
    ]
}

fn lost(error: impl Into<redb::Error>) -> StateError {
    StateError::Storage { act: "the test", source: Box::new(error.into()) }
}

/// A command that is counted as it takes effect, or fails after it did.
fn receive(store: &Store, seq: u64, fails: bool) -> Result<(), StateError> {
    let sender = Sender { source: Source::Hq, boot: BootId([1; 8]) };
    let envelope = Envelope::new(&sender, MessageId([1; 16]), HybridTime::at(NOW), &event(0))?
        .counted(Ledger([3; 8]), Stream::Cmd, seq);
    let counted = envelope.counted.unwrap();
    let received = store.receive(&envelope, counted, Run::of(seq), |writing| {
        let mut sales = writing.transaction().open_table(SALES).map_err(|e| e.to_string())?;
        let key = 1000 + seq;
        let before = sales.get(key).map_err(|e| e.to_string())?.map_or(0, |row| row.value());
        sales.insert(key, before + 1).map_err(|e| e.to_string())?;
        if fails { Err("poison".to_owned()) } else { Ok(()) }
    });
    received.map(drop)
}

/// All that the file says, names made of chance left out.
fn told(store: &Store) -> String {
    let read = store.read().unwrap();
    let sales: Vec<(u64, u64)> = match read.open_table(SALES) {
        Ok(sales) => sales
            .iter()
            .unwrap()
            .map(|row| row.unwrap())
            .map(|(k, v)| (k.value(), v.value()))
            .collect(),
        Err(_) => Vec::new(),
    };
    let counted = Counted { ledger: Ledger([3; 8]), stream: Stream::Cmd, seq: 1 };
    format!(
        "{sales:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        store.position(Stream::Audit).unwrap(),
        store.audit_head().unwrap().map(|head| (head.entry, head.stored.last, head.stored.head)),
        store.position(Stream::Evt).unwrap(),
        waiting(store, Stream::Evt),
        store.taken("hq", counted).unwrap(),
        store.dead_letters().unwrap().len(),
        store.hybrid_time().unwrap(),
    )
}

fn open(disk: &Disk) -> Result<Store, StateError> {
    Store::on(disk_of(disk), place(), config())
}

/// Runs the steps from the first until the power fails; gives how many were done.
fn run(store: &Store, mut after: impl FnMut(&Store)) -> usize {
    for (number, step) in steps().iter().enumerate() {
        if step(store, number as u64 + 1).is_err() {
            return number;
        }
        after(store);
    }
    steps().len()
}

#[test]
fn the_power_may_fail_at_any_write() {
    let disk = Disk::default();
    drop(open(&disk).unwrap());
    let empty = disk.images(0).remove(1);

    let disk = Disk::of(empty.clone());
    let store = open(&disk).unwrap();
    let mut moments = vec![told(&store)];
    assert_eq!(run(&store, |store| moments.push(told(store))), steps().len());
    drop(store);
    let acts = disk.acts();

    let mut looked_at = 0;
    for cut in 0..acts {
        let disk = Disk::of(empty.clone());
        disk.cut_at(cut);
        let done = open(&disk).map_or(0, |store| run(&store, |_| ()));
        for (kind, image) in disk.images(cut as u64).into_iter().enumerate() {
            let found = open(&Disk::of(image)).unwrap();
            let said = told(&found);
            // What was done is there; what was being done is there as a whole or not at all.
            let allowed = moments.get(done..(done + 2).min(moments.len())).unwrap();
            assert!(allowed.contains(&said), "cut {cut}, image {kind}:\n{said}\n{allowed:#?}");
            looked_at += 1;
        }
    }
    assert!(looked_at > 400, "{looked_at}");
}

#[test]
fn a_new_state_may_lose_power_while_it_is_made() {
    let disk = Disk::default();
    drop(open(&disk).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    for cut in 0..disk.acts() {
        let disk = Disk::default();
        disk.cut_at(cut);
        let _ = open(&disk);
        for (kind, image) in disk.images(cut as u64).into_iter().enumerate() {
            std::fs::write(path.with_extension("redb.new"), image).unwrap();
            let store = Store::open(&path, place(), config())
                .unwrap_or_else(|error| panic!("cut {cut}, image {kind}: {error:?}"));
            assert_eq!(append(&store, 1).unwrap(), 1);
            drop(store);
            std::fs::remove_file(&path).unwrap();
        }
    }
}
