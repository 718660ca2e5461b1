//! The state seen from outside.

mod audit;
mod documents;
mod inbox;
mod outbox;
mod power;

use redb::backends::InMemoryBackend;

use super::*;
use crate::protocol::*;
use endcap_testing::power_cut::Disk;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn place() -> Place {
    "acme/store-1/box-a".parse().unwrap()
}

fn store(config: StateConfig) -> Store {
    Store::on(InMemoryBackend::new, place(), config).unwrap()
}

/// What opens this disk, again and again.
fn disk_of(disk: &Disk) -> impl Fn() -> Disk + Send + Sync + 'static {
    let disk = disk.clone();
    move || disk.clone()
}

/// An event that says its number.
fn event(number: i64) -> Message {
    let fields = [("number".parse().unwrap(), Value::from(number))].into();
    let fields = Fields::new(fields).unwrap();
    Message::Event(Event { name: "test.happened".parse().unwrap(), fields })
}

fn audit() -> Message {
    let (before, after) = (Digest([0; 32]), Digest([1; 32]));
    Message::Audit(AuditBlock { first: 1, before, after, entries: List::default() })
}

fn append(store: &Store, number: i64) -> Result<u64, StateError> {
    store.write(|writing| writing.append(Stream::Evt, NOW, &event(number)))
}

/// What waits, as `(first, last, number)`; a gap has no number.
fn waiting(store: &Store, stream: Stream) -> Vec<(u64, u64, Option<i64>)> {
    let at = store.position(stream).unwrap();
    let run = Run { first: at.acked + 1, last: u64::MAX };
    let items = store.waiting(stream, run, usize::MAX).unwrap();
    items.iter().map(|item| (item.run.first, item.run.last, number(&item.bytes))).collect()
}

fn number(bytes: &[u8]) -> Option<i64> {
    match Envelope::parse(bytes).unwrap().message().unwrap() {
        Message::Event(event) => match event.fields.get("number") {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        },
        _ => None,
    }
}

fn ack(store: &Store, stream: Stream, through: u64) -> Ack {
    Ack { ledger: store.ledger().unwrap(), stream, through, above: List::default(), audit: None }
}
