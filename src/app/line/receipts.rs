//! Receipts of recalls: HQ is told when a recall is in force here, once for each content that it has.
//!
//! What is told is looked at and not heard: whenever facts change, and at the start, each recall that is
//! there is compared with those that were told. So none is missed, whether it came while the line was
//! down, before a power cut, or among more changes than anybody could follow. Mark and event are one
//! change of the state: none is told twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::{ReadableTable as _, TableDefinition};
use tokio::sync::watch;

use crate::api::shelf::Shelf;
use crate::app::recalls;
use crate::cache::{Cache, Dropped};
use crate::facts::{Fact, Facts, Held, Table};
use crate::protocol::{Digest, Event, Fields, Label, Message, Stream, UnixMillis, Value};
use crate::state::{StateError, Store};

/// By a recall's id: SHA-256 of the content that was told.
const TOLD: TableDefinition<&str, &[u8; 32]> = TableDefinition::new("app.recalls_told");
/// Recalls that are read at once.
const PAGE: usize = 500;
/// After which the disk is tried again.
const DISK_PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

/// Tells HQ of recalls.
pub(super) struct Receipts {
    pub(super) store: Store,
    pub(super) facts: Facts,
    pub(super) cache: Cache,
    pub(super) shelf: Arc<dyn Shelf>,
    /// Catalogues that the box follows, the most important first.
    pub(super) catalogues: watch::Receiver<Vec<Label>>,
}

/// What is so of one recall.
struct InForce {
    id: String,
    revision: u64,
    digest: Digest,
    dropped: Dropped,
    models: usize,
}

impl Receipts {
    /// Tells until it is dropped.
    pub(super) async fn run(self) {
        let mut changed = self.facts.watch();
        let this = Arc::new(self);
        loop {
            changed.mark_unchanged();
            let work = Arc::clone(&this);
            match tokio::task::spawn_blocking(move || work.tell()).await {
                Ok(Ok(())) => {
                    if changed.changed().await.is_err() {
                        return;
                    }
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "receipts of recalls cannot be written down");
                    tokio::time::sleep(DISK_PAUSE).await;
                }
                Err(error) => {
                    tracing::error!(%error, "telling of recalls failed");
                    tokio::time::sleep(DISK_PAUSE).await;
                }
            }
        }
    }

    /// Puts recalls that were not told into force, and tells them.
    fn tell(&self) -> Result<(), StateError> {
        let told = told(&self.store)?;
        let held = self.recalls();
        let is_new = |held: &&Held| told.get(held.id.id.as_str()) != Some(&digest(&held.fact).0);
        let new: Vec<InForce> = held.iter().filter(is_new).map(|held| self.put(held)).collect();
        let gone = told.keys().filter(|id| !held.iter().any(|held| held.id.id.as_str() == *id));
        let gone: Vec<&String> = gone.collect();
        if new.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let first = self.catalogues.borrow().first().cloned();
        let epoch = first.and_then(|catalogue| {
            self.facts.held_epoch(catalogue.as_str()).ok().flatten().map(|held| held.epoch)
        });
        let failed = |error: redb::Error| StateError::Storage {
            act: "writing which recalls were told",
            source: Box::new(error),
        };
        self.store.write(|writing| {
            let table = writing.transaction().open_table(TOLD);
            let mut table = table.map_err(|error| failed(error.into()))?;
            for id in &gone {
                table.remove(id.as_str()).map_err(|error| failed(error.into()))?;
            }
            for one in &new {
                let message = message(one, epoch);
                table
                    .insert(one.id.as_str(), &one.digest.0)
                    .map_err(|error| failed(error.into()))?;
                if let Some(message) = message {
                    writing.append(Stream::Evt, UnixMillis::now(), &message)?;
                }
            }
            Ok(())
        })
    }

    fn recalls(&self) -> Vec<Held> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.facts.list(Table::Recalls, &after, PAGE);
            let Some(last) = page.last() else { return all };
            last.id.id.as_str().clone_into(&mut after);
            all.extend(page);
        }
    }

    /// Ends what tells of recalled products. It may have been done already; then nothing is left to do.
    fn put(&self, held: &Held) -> InForce {
        let skus: Vec<String> = match &held.fact {
            Fact::Recall(recall) => recall.skus.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        let dropped = self.cache.end_recalled(&held.id, &skus);
        InForce {
            id: held.id.id.to_string(),
            revision: held.revision.0,
            digest: digest(&held.fact),
            dropped,
            models: recalls::forget(&*self.shelf),
        }
    }
}

/// As HQ calls the content of a fact.
fn digest(fact: &Fact) -> Digest {
    Digest::of(&serde_json::to_vec(fact).unwrap_or_default())
}

fn told(store: &Store) -> Result<BTreeMap<String, [u8; 32]>, StateError> {
    let failed = |error: redb::Error| StateError::Storage {
        act: "reading which recalls were told",
        source: Box::new(error),
    };
    let table = match store.read()?.open_table(TOLD) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
        Err(error) => return Err(failed(error.into())),
    };
    let mut told = BTreeMap::new();
    for row in table.iter().map_err(|error| failed(error.into()))? {
        let (id, digest) = row.map_err(|error| failed(error.into()))?;
        told.insert(id.value().to_owned(), *digest.value());
    }
    Ok(told)
}

fn message(one: &InForce, epoch: Option<u64>) -> Option<Message> {
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let mut fields = BTreeMap::from([
        ("recall".parse().ok()?, Value::from(&*one.id)),
        ("revision".parse().ok()?, number(one.revision)),
        ("digest".parse().ok()?, Value::from(&*one.digest.to_string())),
        ("answers".parse().ok()?, number(one.dropped.entries as u64)),
        ("makings".parse().ok()?, number(one.dropped.flights as u64)),
        ("models".parse().ok()?, number(one.models as u64)),
    ]);
    if let Some(epoch) = epoch {
        fields.insert("epoch".parse().ok()?, number(epoch));
    }
    let name = "recall.in_force".parse().ok()?;
    Some(Message::Event(Event { name, fields: Fields::new(fields).ok()? }))
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::api::shelf::StillShelf;
    use crate::facts::{Batch, Change, FactId, FactsConfig, UnixSeconds};
    use crate::protocol::{Envelope, Run};
    use crate::state::StateConfig;

    fn receipts() -> Receipts {
        let facts = Facts::in_memory(FactsConfig::default()).unwrap();
        let place = "acme/store-1/box-a".parse().unwrap();
        Receipts {
            store: Store::on(InMemoryBackend::new, place, StateConfig::default()).unwrap(),
            cache: Cache::in_memory(Default::default(), facts.clone(), Default::default()),
            facts,
            shelf: Arc::new(StillShelf::of(Vec::new())),
            catalogues: watch::channel(Vec::new()).1,
        }
    }

    fn write(facts: &Facts, change: Change) {
        facts.write(Batch::of(change), UnixSeconds::now()).unwrap();
    }

    fn recall(id: &str, skus: &str) -> Change {
        let json = format!(
            r#"{{"skus": [{skus}], "reasons": {{"en": "glass"}}, "since": "2026-01-01T00:00:00Z"}}"#
        );
        let fact = Fact::parse(Table::Recalls, json.as_bytes()).unwrap();
        Change::Put { id: id.parse().unwrap(), fact, source: None }
    }

    /// Recalls that HQ is told of, in order.
    fn told(receipts: &Receipts) -> Vec<String> {
        let run = Run { first: 1, last: u64::MAX };
        let items = receipts.store.waiting(Stream::Evt, run, usize::MAX).unwrap();
        let recall = |bytes: &[u8]| match Envelope::parse(bytes).unwrap().message().unwrap() {
            Message::Event(event) => match event.fields.get("recall") {
                Some(Value::Text(text)) => text.to_string(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        items.iter().map(|item| recall(&item.bytes)).collect()
    }

    #[test]
    fn each_content_of_a_recall_is_told_once_whatever_happens_in_between() {
        let receipts = receipts();
        write(&receipts.facts, recall("r1", r#""41""#));
        write(&receipts.facts, recall("r2", r#""42""#));
        for _ in 0..3 {
            receipts.tell().unwrap();
        }
        assert_eq!(told(&receipts), ["r1", "r2"]);
        // After a restart the state knows.
        let again = Receipts {
            store: receipts.store.clone(),
            facts: receipts.facts.clone(),
            cache: receipts.cache.clone(),
            shelf: Arc::clone(&receipts.shelf),
            catalogues: watch::channel(Vec::new()).1,
        };
        again.tell().unwrap();
        assert_eq!(told(&again), ["r1", "r2"]);
        // Another product makes it another recall.
        write(&again.facts, recall("r1", r#""41", "43""#));
        again.tell().unwrap();
        assert_eq!(told(&again), ["r1", "r2", "r1"]);
        // One that ended and begins again is told again.
        let id = FactId::new(Table::Recalls, "r2").unwrap();
        write(&again.facts, Change::Delete { id, source: None });
        again.tell().unwrap();
        write(&again.facts, recall("r2", r#""42""#));
        again.tell().unwrap();
        assert_eq!(told(&again), ["r1", "r2", "r1", "r2"]);
    }
}
