//! A node's side of the tests: its state, and what it writes.

use redb::backends::InMemoryBackend;

use super::hq::director;
use super::*;

pub(super) const START: UnixMillis = UnixMillis(1_790_000_000_000);

pub(super) fn store(max_events: u64) -> Store {
    let bounds = Bounds { max_bytes: 1 << 20, max_count: max_events, max_age_ms: None };
    let config = StateConfig { events: bounds, ..StateConfig::default() };
    Store::on(InMemoryBackend::new(), "acme/store-1/box-a".parse().unwrap(), config).unwrap()
}

/// A new run of the program on the same state.
pub(super) fn session(store: &Store, config: LineConfig, seed: u64) -> Session {
    let who = Identity { place: "acme/store-1/box-a".parse().unwrap(), groups: Vec::new() };
    let key = Key { key: director().verifying_key(), role: Role::Director, until: None };
    let trust = Trust { who, catalogues: Vec::new(), keys: Keys::new([key]) };
    Session::new(store.clone(), trust, config, START, seed).unwrap()
}

/// Something happens in the store, and is told and audited.
pub(super) fn happens(store: &Store, number: i64, now: UnixMillis) {
    let fields = [("number".parse().unwrap(), Value::from(number))].into();
    let fields = Fields::new(fields).unwrap();
    let event = Message::Event(Event { name: "test.happened".parse().unwrap(), fields });
    let (before, after) = (Digest([0; 32]), Digest([1; 32]));
    let first = number as u64;
    let block = Message::Audit(AuditBlock { first, before, after, entries: List::default() });
    store
        .write(|writing| {
            writing.append(Stream::Evt, now, &event)?;
            writing.append(Stream::Audit, now, &block)
        })
        .unwrap();
}
