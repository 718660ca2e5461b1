//! A node's side of the tests: its state, and what it writes.

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::hq::director;
use super::*;

pub(super) const START: UnixMillis = UnixMillis(1_790_000_000_000);

pub(super) fn store(max_events: u64) -> Store {
    store_on(InMemoryBackend::new, max_events)
}

pub(super) fn store_on<B: StorageBackend>(
    device: impl Fn() -> B + Send + Sync + 'static,
    max_events: u64,
) -> Store {
    let age = Some(7 * 24 * 3_600_000);
    let bounds = Bounds { max_bytes: 1 << 20, max_count: max_events, max_age_ms: age };
    let config = StateConfig { events: bounds, ..StateConfig::default() };
    Store::on(device, "acme/store-1/box-a".parse().unwrap(), config).unwrap()
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
    try_happens(store, number, now).unwrap();
}

/// The same, on a disk that may fail.
pub(super) fn try_happens(store: &Store, number: i64, now: UnixMillis) -> Result<(), StateError> {
    store.write(|writing| {
        for (stream, message) in told(number) {
            writing.append(stream, now, &message)?;
        }
        Ok(())
    })
}

/// What is told and audited of it.
pub(super) fn told(number: i64) -> [(Stream, Message); 2] {
    let fields = [("number".parse().unwrap(), Value::from(number))].into();
    let fields = Fields::new(fields).unwrap();
    let event = Message::Event(Event { name: "test.happened".parse().unwrap(), fields });
    let (before, after) = (Digest([0; 32]), Digest::of(&number.to_be_bytes()));
    let first = number as u64;
    let block = Message::Audit(AuditBlock { first, before, after, entries: List::default() });
    [(Stream::Evt, event), (Stream::Audit, block)]
}
