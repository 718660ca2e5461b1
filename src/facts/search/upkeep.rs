//! How the index follows the facts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::SearchError;
use super::index::{Index, Slot, Step};
use crate::facts::{Fact, FactId, Facts, Product, Revision, Table};

/// Products that are put into the index at once.
const PAGE: usize = 2000;
/// Changes that are looked at together.
const CHANGES: usize = 10_000;
/// Memory of a product's slot: an SKU with its counts, and a place in each map.
const SLOT_BYTES: usize = 128;

/// What the index holds.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// The facts' revision that it has; none at the beginning.
    at: Option<Revision>,
    slots: BTreeMap<Arc<str>, Slot>,
    skus: HashMap<Slot, Arc<str>>,
    next: Slot,
}

impl Upkeep {
    /// Whether it has followed nothing yet.
    pub(super) fn is_new(&self) -> bool {
        self.at.is_none()
    }

    /// What the slots take in memory.
    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * SLOT_BYTES
    }

    pub(super) fn has(&self, sku: &str) -> bool {
        self.slots.contains_key(sku)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn skus(&self) -> impl Iterator<Item = Arc<str>> {
        self.slots.keys().cloned()
    }

    pub(super) fn sku(&self, slot: Slot) -> Option<Arc<str>> {
        self.skus.get(&slot).cloned()
    }

    /// Brings the index up to the facts; gives the products that are gone.
    pub(super) fn follow(
        &mut self,
        facts: &Facts,
        index: &Index,
    ) -> Result<Vec<Arc<str>>, SearchError> {
        let mut gone = Vec::new();
        loop {
            let now = *facts.watch().borrow();
            let Some(at) = self.at.filter(|at| *at <= now) else {
                gone.extend(self.begin_anew(facts, index, now)?);
                return Ok(gone);
            };
            if at == now {
                return Ok(gone);
            }
            let Ok(events) = facts.changes(at, CHANGES) else {
                gone.extend(self.begin_anew(facts, index, now)?);
                return Ok(gone);
            };
            let last = events.last().map_or(now, |event| event.revision);
            let mut changed: Vec<FactId> = events.into_iter().map(|event| event.id).collect();
            changed.retain(|id| id.table == Table::Products);
            changed.sort();
            changed.dedup();
            if !changed.is_empty() {
                gone.extend(self.change(facts, index, &changed)?);
            }
            self.at = Some(last);
        }
    }

    /// Puts the products in as they are now, whatever the change was.
    fn change(
        &mut self,
        facts: &Facts,
        index: &Index,
        changed: &[FactId],
    ) -> Result<Vec<Arc<str>>, SearchError> {
        let mut gone = Vec::new();
        let mut now: Vec<(Arc<str>, Option<(Slot, Arc<Product>)>)> = Vec::new();
        for id in changed {
            let sku: Arc<str> = id.id.clone().into();
            match facts.get(id).map(|held| held.fact) {
                Some(Fact::Product(product)) => {
                    let slot = self.slot(&sku);
                    now.push((sku, Some((slot, product))));
                }
                _ => {
                    if let Some(slot) = self.slots.remove(&sku) {
                        self.skus.remove(&slot);
                    }
                    gone.push(Arc::clone(&sku));
                    now.push((sku, None));
                }
            }
        }
        index.apply(now.iter().map(|(sku, product)| match product {
            Some((slot, product)) => Step::Put(*slot, sku, product),
            None => Step::Remove(sku),
        }))?;
        Ok(gone)
    }

    /// Puts all products in; gives those that were there and are not any more.
    fn begin_anew(
        &mut self,
        facts: &Facts,
        index: &Index,
        now: Revision,
    ) -> Result<Vec<Arc<str>>, SearchError> {
        let before = std::mem::take(&mut self.slots);
        self.skus.clear();
        let mut after = String::new();
        loop {
            let page = facts.list(Table::Products, &after, PAGE);
            let Some(last) = page.last() else { break };
            after = last.id.id.as_str().to_owned();
            let mut products = Vec::with_capacity(page.len());
            for held in page {
                if let Fact::Product(product) = held.fact {
                    let sku: Arc<str> = held.id.id.into();
                    products.push((self.slot(&sku), sku, product));
                }
            }
            index.apply(
                products.iter().map(|(slot, sku, product)| Step::Put(*slot, sku, product)),
            )?;
        }
        let gone = before.into_keys().filter(|sku| !self.slots.contains_key(sku));
        let gone: Vec<_> = gone.collect();
        index.apply(gone.iter().map(|sku| Step::Remove(sku)))?;
        self.at = Some(now);
        Ok(gone)
    }

    fn slot(&mut self, sku: &Arc<str>) -> Slot {
        if let Some(slot) = self.slots.get(sku) {
            return *slot;
        }
        let slot = self.next;
        self.next += 1;
        self.slots.insert(Arc::clone(sku), slot);
        self.skus.insert(slot, Arc::clone(sku));
        slot
    }
}
