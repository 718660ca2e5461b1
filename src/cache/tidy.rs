//! What follows the facts: entries whose facts have changed are forgotten before they are asked
//! for, and what is recalled ends at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::exact::Found;
use super::purges::Meant;
use super::room::{Inner, Reason};
use super::{Cache, Failure};
use crate::facts::{Collection, Event, EventKind, FactId, Name, Record, Revision, Standing, Table};

/// Changes that are looked at together.
const CHANGES: usize = 1_000;
/// How often it is written how often entries were asked for, and looked which of them time has
/// ended: an offer begins or is over, and no fact changes for it.
const PERIOD: Duration = Duration::from_secs(15 * 60);
/// Entries that are compared with the facts before others have a turn.
const SWEEP: usize = 256;
/// Recalls whose effect is counted until somebody asks.
const MAX_COUNTED: usize = 256;

/// What a change or a purge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Answers that were kept.
    pub entries: usize,
    /// Answers that were being made.
    pub flights: usize,
}

/// What recalls ended that was not told yet.
#[derive(Debug, Default)]
pub(super) struct Recalled(Mutex<BTreeMap<FactId, Dropped>>);

impl Cache {
    /// Ends whatever tells of these products, as a recall of this id is in force; gives what it ended
    /// since this was last asked. What follows the facts may have been faster.
    pub fn end_recalled(&self, id: &FactId, skus: &[String]) -> Dropped {
        let names = skus.iter().flat_map(|sku| about(sku)).chain([Name::Fact(id.clone())]);
        self.0.end_of_recalled(id, &names.collect(), true)
    }

    /// Follows the facts and forgets what they outdate. Runs until dropped. What it misses is found
    /// when it is asked for.
    pub async fn follow_facts(self) {
        let mut changed = self.0.facts.watch();
        let mut seen = *changed.borrow_and_update();
        let mut tick = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                change = changed.changed() => {
                    if change.is_err() {
                        return;
                    }
                    let last = *changed.borrow_and_update();
                    seen = self.take_changes(seen, last).await;
                }
                _ = tick.tick() => {
                    self.write_counts();
                    self.sweep().await;
                }
            }
        }
    }

    /// Takes up the changes behind `seen`; answers with the last one that was taken.
    async fn take_changes(&self, mut seen: Revision, last: Revision) -> Revision {
        while seen < last {
            match self.0.facts.changes(seen, CHANGES) {
                Ok(events) => {
                    let Some(end) = events.last().map(|event| event.revision) else { break };
                    for event in &events {
                        self.0.changed(event).await;
                    }
                    seen = end;
                }
                Err(_gone) => {
                    self.sweep().await;
                    seen = last;
                }
            }
            tokio::task::yield_now().await;
        }
        seen
    }

    /// Compares every entry with the facts.
    async fn sweep(&self) {
        self.0.bury_dead(&self.0.exact.all()).await;
    }
}

impl Inner {
    /// A fact has changed.
    async fn changed(&self, event: &Event) -> Dropped {
        if event.id.table == Table::Recalls && event.kind == EventKind::Put {
            return self.recall(event);
        }
        let entries = self.bury_dead(&self.exact.standing_on(&event.names)).await;
        Dropped { entries, flights: 0 }
    }

    /// Forgets those entries whose facts have changed; answers with how many they are. All may
    /// stand on one group of facts, so others have their turn in between.
    async fn bury_dead(&self, all: &[Found]) -> usize {
        let mut gone = 0;
        for some in all.chunks(SWEEP) {
            let is_dead = |found: &&Found| {
                let standing = self.standing(&found.head.record);
                matches!(standing, Standing::Dead { .. } | Standing::Expired { .. })
            };
            for found in some.iter().filter(is_dead) {
                self.bury(&found.head, Reason::Outdated);
                gone += 1;
            }
            tokio::task::yield_now().await;
        }
        gone
    }

    /// The recall lane: whatever tells of these products ends, kept or being made, whether or not
    /// it asked for recalls.
    fn recall(&self, event: &Event) -> Dropped {
        let names: HashSet<Name> =
            event.names.iter().flat_map(about_product).chain(event.names.iter().cloned()).collect();
        let dropped = self.end_of_recalled(&event.id, &names, false);
        let Dropped { entries, flights } = dropped;
        tracing::info!(recall = %event.id, entries, flights, "a recall ended answers");
        dropped
    }

    /// Ends whatever tells of what is recalled, and adds it to what the recall ended before; `told` asks
    /// for all of that, which then counts anew.
    fn end_of_recalled(&self, id: &FactId, names: &HashSet<Name>, told: bool) -> Dropped {
        // Held all the while, so that nothing is between being ended and being counted.
        let mut counted = self.recalled.0.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = self.drop_standing_on(names, Reason::Recalled);
        let before = counted.remove(id).unwrap_or_default();
        let sum = Dropped {
            entries: before.entries + dropped.entries,
            flights: before.flights + dropped.flights,
        };
        if told {
            return sum;
        }
        if counted.len() >= MAX_COUNTED {
            counted.pop_first();
        }
        counted.insert(id.clone(), sum);
        dropped
    }

    /// Forgets what stands on any of these facts, and ends what is being made of them.
    pub(super) fn drop_standing_on(&self, names: &HashSet<Name>, reason: Reason) -> Dropped {
        self.count_purge(Meant::Facts(names.clone()));
        let list: Vec<Name> = names.iter().cloned().collect();
        let gone = self.exact.remove_standing_on(&list);
        let keys: Vec<_> = gone.iter().map(|found| found.head.key).collect();
        self.forget(&keys, reason);
        let mut flights = 0;
        for flight in self.flights().values() {
            if let Some(name) = touched(&flight.record(), names) {
                flight.fail(Failure::Recalled { what: name.to_string() });
                flights += 1;
            }
        }
        Dropped { entries: gone.len(), flights }
    }
}

fn touched<'a>(record: &'a Record, names: &HashSet<Name>) -> Option<&'a Name> {
    record.read.iter().map(|(name, _)| name).find(|name| names.contains(name))
}

/// Every name that is about the product of a recall's group.
fn about_product(name: &Name) -> Vec<Name> {
    let Name::Collection(group) = name else { return Vec::new() };
    group.as_str().strip_prefix("recalls:product:").map(about).unwrap_or_default()
}

/// Every name that is about this product alone.
pub(super) fn about(sku: &str) -> Vec<Name> {
    let tables = [Table::Products, Table::Prices, Table::Stock];
    let facts = tables.iter().filter_map(|table| FactId::new(*table, sku).ok()).map(Name::Fact);
    let safety = sku.parse().ok().map(Name::Safety);
    let groups = [Collection::promotions_of(sku), Collection::recalls_of(sku)];
    facts.chain(safety).chain(groups.map(Name::Collection)).collect()
}
