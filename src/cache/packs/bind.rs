//! An answer of a pack, taken up where its facts are those of this shop.

use std::sync::Arc;

use super::PackMark;
use super::portable::{self, Unportable};
use crate::cache::clock::now_ms;
use crate::cache::exact::Found;
use crate::cache::room::{Inner, Reason};
use crate::cache::{Events, Head, Key, Scope};
use crate::facts::{UnixSeconds, Unlike};
use crate::protocol::documents::PackedAnswer;

/// Why an entry is not given here and now.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It is not there, or not in a form that this program reads.
    Unreadable(String),
    /// What it stands on is otherwise here.
    Unlike(Unlike),
}

impl From<Unportable> for Unfit {
    fn from(error: Unportable) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl Inner {
    /// The answer of a pack with this key, where it holds here; it is among the kept ones then.
    pub(in crate::cache) async fn of_pack(
        self: &Arc<Self>,
        key: &Key,
        scope: Scope,
    ) -> Option<Found> {
        let (mark, changes) = self.packs.entry(key)?;
        let purges = self.purges();
        let (inner, key) = (Arc::clone(self), *key);
        let bound = tokio::task::spawn_blocking(move || inner.bind(&mark).map(|it| (it, mark)));
        let ((head, events), mark) = match bound.await.ok()? {
            Ok(bound) => bound,
            Err(Unfit::Unreadable(why)) => {
                tracing::warn!(why, "an answer of a pack cannot be read");
                return None;
            }
            Err(Unfit::Unlike(_)) => return None,
        };
        if (head.key, head.scope) != (key, scope) {
            return None;
        }
        let head = Head { provenance: self.shared(&head), pack: Some(mark), ..head };
        let found = portable::found(head, now_ms());
        let gone = self.exact.insert(&found, Arc::clone(&events));
        self.forget(&gone, Reason::Evicted);
        // A pack that went meanwhile takes its answers along, and so does a purge.
        if self.packs.changes() != changes || self.purges() != purges {
            self.exact.remove(&key, Some(found.head.made_ms));
            return None;
        }
        self.metrics.of_pack(&found.head.provenance.route);
        self.tell_kept();
        Some(Found { events: Some(events), ..found })
    }

    fn shared(&self, head: &Head) -> Arc<crate::cache::Provenance> {
        self.exact.shared((*head.provenance).clone())
    }

    /// Reads an entry and compares what it stands on. Blocks on the disk.
    fn bind(&self, mark: &PackMark) -> Result<(Head, Events), Unfit> {
        let answer = self.read_entry(&mark.entry)?;
        let record = self.holds_here(&answer)?;
        let (events, bytes) = portable::events_of(&answer)?;
        Ok((portable::taken_up(&answer, record, bytes), events))
    }

    /// An entry as it lies on disk. Blocks.
    pub(super) fn read_entry(&self, entry: &[u8; 32]) -> Result<PackedAnswer, Unfit> {
        let unreadable = |why: String| Unfit::Unreadable(why);
        let store = self.store.as_ref().ok_or_else(|| unreadable("no file".to_owned()))?;
        let bytes =
            store.disk().pack_entry(entry).map_err(|error| unreadable(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| unreadable("it is not in the file".to_owned()))?;
        PackedAnswer::parse(&bytes).map_err(|error| unreadable(error.to_string()))
    }

    /// The record of a reading here that saw what the answer's maker saw.
    pub(super) fn holds_here(&self, answer: &PackedAnswer) -> Result<crate::facts::Record, Unfit> {
        let seal = portable::seal_of(answer)?;
        self.facts.unseal(&seal, UnixSeconds::now()).map_err(Unfit::Unlike)
    }
}
