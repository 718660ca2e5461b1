//! What the box tells HQ: written down beside the work, never in its way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::protocol::{Event, Fields, Message, Name, Stream, UnixMillis, Value};
use crate::state::{StateError, Store};
use crate::telemetry::Metrics;

/// Notes that wait to be written; more are lost, counted and declared.
const MAX_WAITING: usize = 1024;
/// Notes that are written in one change of the state.
const MAX_TOGETHER: usize = 64;
/// How long notes gather before they are written: each change of the state is a wait for the disk.
pub(super) const PAUSE: Duration = Duration::from_millis(200);
/// After which the disk is tried again.
const DISK_PAUSE: Duration = Duration::from_secs(5);

/// Takes notes for HQ. A clone takes them for the same.
#[derive(Debug, Clone)]
pub(super) struct Notes {
    queue: mpsc::Sender<Note>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
struct Note {
    stream: Stream,
    message: Message,
    at: UnixMillis,
}

impl Notes {
    /// A taker of notes, and what writes them down until the last taker is gone.
    pub(super) fn new(
        store: Store,
        metrics: Arc<Metrics>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { store, metrics, lost: Arc::clone(&lost), failing: false };
        (Self { queue, lost }, writer.run(waiting))
    }

    /// Something happened. Never waits.
    pub(super) fn event<const N: usize>(&self, name: &str, fields: [(&str, Value); N]) {
        match event(name, fields) {
            Some(message) => self.tell(Stream::Evt, message),
            None => tracing::error!(name, "an event that cannot be said"),
        }
    }

    /// Something is to be told in this stream. Never waits.
    pub(super) fn tell(&self, stream: Stream, message: Message) {
        if self.queue.try_send(Note { stream, message, at: UnixMillis::now() }).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn event<const N: usize>(name: &str, fields: [(&str, Value); N]) -> Option<Message> {
    let named = |(name, value): (&str, Value)| Some((name.parse::<Name>().ok()?, value));
    let fields: BTreeMap<Name, Value> = fields.into_iter().map(named).collect::<Option<_>>()?;
    let name = name.parse().ok()?;
    Some(Message::Event(Event { name, fields: Fields::new(fields).ok()? }))
}

struct Writer {
    store: Store,
    metrics: Arc<Metrics>,
    lost: Arc<AtomicU64>,
    failing: bool,
}

impl Writer {
    async fn run(mut self, mut waiting: mpsc::Receiver<Note>) {
        let mut notes = Vec::new();
        while waiting.recv_many(&mut notes, MAX_TOGETHER).await > 0 {
            self.declare_lost(&mut notes);
            while let Err(error) = self.write(notes.clone()).await {
                self.failed(&error);
                tokio::time::sleep(DISK_PAUSE).await;
            }
            if std::mem::take(&mut self.failing) {
                tracing::info!("notes for HQ are written down again");
            }
            let more = notes.len() >= MAX_TOGETHER;
            notes.clear();
            if !more {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// What was lost is told in its place.
    fn declare_lost(&self, notes: &mut Vec<Note>) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.metrics.line().lost(lost);
            let count = i64::try_from(lost).unwrap_or(i64::MAX);
            let told = event("notes.lost", [("count", count.into())]);
            notes.extend(told.map(|message| Note {
                stream: Stream::Evt,
                message,
                at: UnixMillis::now(),
            }));
        }
    }

    /// Says once that the disk takes nothing.
    fn failed(&mut self, error: &StateError) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(%error, "notes for HQ cannot be written down; they are kept in memory");
        }
    }

    /// Writes all in one change; what can never be written is left out and counted. An error is
    /// the disk's, and may pass.
    async fn write(&self, notes: Vec<Note>) -> Result<(), StateError> {
        let (store, lost) = (self.store.clone(), Arc::clone(&self.lost));
        let write = move || {
            store.write(|writing| {
                for note in &notes {
                    match writing.append(note.stream, note.at, &note.message) {
                        Ok(_) => {}
                        Err(error @ StateError::Storage { .. }) => return Err(error),
                        Err(_) => drop(lost.fetch_add(1, Ordering::Relaxed)),
                    }
                }
                Ok(())
            })
        };
        // A panic in there was told by its thread, and the notes are lost with it.
        tokio::task::spawn_blocking(write).await.unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::protocol::{Envelope, Run};
    use crate::state::StateConfig;

    fn store() -> Store {
        let place = "acme/store-1/box-a".parse().unwrap();
        Store::on(InMemoryBackend::new, place, StateConfig::default()).unwrap()
    }

    fn written(store: &Store) -> Vec<String> {
        let run = Run { first: 1, last: u64::MAX };
        let items = store.waiting(Stream::Evt, run, usize::MAX).unwrap();
        let name = |bytes: &[u8]| match Envelope::parse(bytes).unwrap().message().unwrap() {
            Message::Event(event) => event.name.to_string(),
            other => panic!("{other:?}"),
        };
        items.iter().map(|item| name(&item.bytes)).collect()
    }

    #[tokio::test]
    async fn notes_are_written_in_their_order_and_the_lost_are_declared() {
        let store = store();
        let (notes, writer) = Notes::new(store.clone(), Arc::new(Metrics::new()));
        for _ in 0..MAX_WAITING + 5 {
            notes.event("test.happened", [("number", 1.into())]);
        }
        drop(notes);
        writer.await;
        let written = written(&store);
        assert_eq!(written.len(), MAX_WAITING + 1);
        assert_eq!(written.iter().filter(|name| *name == "notes.lost").count(), 1);
    }

    #[test]
    fn what_cannot_be_said_is_no_event() {
        assert!(event("Not A Name", []).is_none());
        assert!(event("test.happened", [("Not A Name", true.into())]).is_none());
    }
}
