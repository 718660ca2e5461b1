//! Reading, and the record of what was read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use chrono::NaiveDate;

use super::fact::Fact;
use super::hours::Hours;
use super::label::Id;
use super::name::{Collection, FactId, Name, Revision, Table};
use super::price::Price;
use super::product::Product;
use super::promotion::Promotion;
use super::recall::Recall;
use super::record::Record;
use super::state::State;
use super::stock::Stock;
use super::time::UnixSeconds;
use super::zone::Zone;

/// A fact that is in its reader's record. Only a [`Reader`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<T> {
    id: FactId,
    revision: Revision,
    value: Arc<T>,
}

impl<T> Seen<T> {
    /// Which fact it is.
    pub fn id(&self) -> &FactId {
        &self.id
    }

    /// Of its last change.
    pub fn revision(&self) -> Revision {
        self.revision
    }
}

impl<T> Deref for Seen<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The facts of one moment. Whatever is read, and whatever is found not to be there, is written
/// down; [`Self::finish`] gives the record.
#[derive(Debug)]
pub struct Reader {
    state: Arc<State>,
    zone: Zone,
    at: UnixSeconds,
    read: BTreeMap<Name, Revision>,
    asked: BTreeSet<Table>,
    until: Option<UnixSeconds>,
}

impl Reader {
    pub(super) fn new(state: Arc<State>, zone: Zone, at: UnixSeconds) -> Self {
        Self { state, zone, at, read: BTreeMap::new(), asked: BTreeSet::new(), until: None }
    }

    /// A product, with its recalls in the record.
    pub fn product(&mut self, sku: &str) -> Option<Seen<Product>> {
        self.note_product(sku);
        self.see(Table::Products, sku, |fact| match fact {
            Fact::Product(product) => Some(product),
            _ => None,
        })
    }

    /// What a product costs without promotions.
    pub fn price(&mut self, sku: &str) -> Option<Seen<Price>> {
        self.note_recalls(sku);
        self.see(Table::Prices, sku, |fact| match fact {
            Fact::Price(price) => Some(price),
            _ => None,
        })
    }

    /// How much of a product is there, and where.
    pub fn stock(&mut self, sku: &str) -> Option<Seen<Stock>> {
        self.note_recalls(sku);
        self.see(Table::Stock, sku, |fact| match fact {
            Fact::Stock(stock) => Some(stock),
            _ => None,
        })
    }

    /// When something is open. What is made of it holds until it next opens, closes, or the day
    /// ends.
    pub fn hours(&mut self, id: &str) -> Option<Seen<Hours>> {
        let hours = self.see(Table::Hours, id, |fact| match fact {
            Fact::Hours(hours) => Some(hours),
            _ => None,
        })?;
        self.end_by(hours.next_change(self.zone, self.at));
        Some(hours)
    }

    /// Everything that has opening hours.
    pub fn all_hours(&mut self) -> Vec<Seen<Hours>> {
        self.note(Collection::table(Table::Hours));
        let ids = self.ids(Table::Hours);
        ids.iter().filter_map(|id| self.hours(id)).collect()
    }

    /// Whether it is open at the reader's moment.
    pub fn is_open(&self, hours: &Seen<Hours>) -> bool {
        hours.is_open(self.zone, self.at)
    }

    /// Promotions that hold for a product now, by its SKU, its categories, or for everything.
    pub fn promotions_of(&mut self, sku: &str) -> Vec<Seen<Promotion>> {
        self.note_recalls(sku);
        self.note_safety(sku);
        self.asked.insert(Table::Promotions);
        let mut groups =
            vec![Collection::promotions_for_everything(), Collection::promotions_of(sku)];
        let row = self.state.row(Table::Products, sku);
        if let Some(Fact::Product(product)) = row.and_then(|row| row.fact.as_ref()) {
            let categories = product.category.iter().flat_map(|category| category.prefixes());
            groups.extend(categories.map(Collection::promotions_in));
        }
        let mut ids: Vec<Arc<str>> = Vec::new();
        for group in groups {
            ids.extend(self.members(&group));
            self.note(group);
        }
        ids.sort();
        ids.dedup();
        self.promotions_on(&ids, usize::MAX)
    }

    /// Promotions that hold now, at most so many of them.
    pub fn promotions(&mut self, limit: usize) -> Vec<Seen<Promotion>> {
        self.note(Collection::table(Table::Promotions));
        let ids = self.ids(Table::Promotions);
        self.promotions_on(&ids, limit)
    }

    /// Recalls of a product that have begun.
    pub fn recalls_of(&mut self, sku: &str) -> Vec<Seen<Recall>> {
        self.note_recalls(sku);
        self.asked.insert(Table::Recalls);
        let ids = self.members(&Collection::recalls_of(sku));
        let mut begun = Vec::new();
        for id in ids {
            let recall = self.see(Table::Recalls, &id, |fact| match fact {
                Fact::Recall(recall) => Some(recall),
                _ => None,
            });
            let Some(recall) = recall else { continue };
            if recall.since > self.at {
                self.end_by(recall.since);
            } else {
                begun.push(recall);
            }
        }
        begun
    }

    /// Products of a category or below it, by their SKUs; at most so many of them.
    pub fn products_in(&mut self, category: &str, limit: usize) -> Vec<Seen<Product>> {
        let group = Collection::products_in(category);
        let skus: Vec<_> = self.members(&group).into_iter().take(limit).collect();
        self.note(group);
        skus.iter().filter_map(|sku| self.product(sku)).collect()
    }

    /// The day on the shop's calendar. What is made of it holds until it is over.
    pub fn today(&mut self) -> NaiveDate {
        self.end_by(self.zone.next_day(self.at));
        self.zone.local(self.at).date()
    }

    /// When a table was last heard of from its feed.
    pub fn heard(&self, table: Table) -> Option<UnixSeconds> {
        self.state.heard(table)
    }

    /// What was read.
    pub fn finish(self) -> Record {
        let heard = |table: Table| (table, self.state.heard(table));
        Record {
            origin: self.state.origin,
            floor: self.state.floor,
            at: Some(self.at),
            until: self.until,
            heard: self.asked.iter().map(|table| heard(*table)).collect(),
            read: self.read.into_iter().collect(),
        }
    }

    /// Writes down that something was looked at. Search uses it for what it stands on as a whole.
    pub(in crate::facts) fn note(&mut self, name: impl Into<Name>) {
        let name = name.into();
        self.asked.insert(name.table());
        self.note_only(name);
    }

    /// The same where the table's feed is not what the answer rests on.
    fn note_only(&mut self, name: Name) {
        let revision = self.state.revision_of(&name);
        self.read.insert(name, revision);
    }

    /// The facts that are read.
    pub(in crate::facts) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// The clock and the moment at which is read.
    pub(in crate::facts) fn moment(&self) -> (Zone, UnixSeconds) {
        (self.zone, self.at)
    }

    /// What is made of the facts holds no longer than this.
    pub(in crate::facts) fn end_by(&mut self, moment: UnixSeconds) {
        self.until = Some(self.until.map_or(moment, |until| until.min(moment)));
    }

    fn note_product(&mut self, sku: &str) {
        self.note_safety(sku);
        self.note_recalls(sku);
    }

    fn note_safety(&mut self, sku: &str) {
        if let Ok(sku) = sku.parse::<Id>() {
            self.note_only(Name::Safety(sku));
        }
    }

    /// Whatever is told of a product ends when it is recalled.
    fn note_recalls(&mut self, sku: &str) {
        if sku.parse::<Id>().is_ok() {
            self.note_only(Collection::recalls_of(sku).into());
        }
    }

    /// A fact, written down whether or not it is there.
    fn see<T>(
        &mut self,
        table: Table,
        id: &str,
        kind: impl Fn(&Fact) -> Option<&Arc<T>>,
    ) -> Option<Seen<T>> {
        // What cannot be an id is not there, and never will be.
        let id = FactId::new(table, id).ok()?;
        self.note(id.clone());
        let row = self.state.row(table, &id.id)?;
        let value = Arc::clone(kind(row.fact.as_ref()?)?);
        Some(Seen { id, revision: row.revision, value })
    }

    /// Those of these promotions that hold now, at most so many. Those that are yet to come are
    /// written down, too.
    fn promotions_on(&mut self, ids: &[Arc<str>], limit: usize) -> Vec<Seen<Promotion>> {
        let mut on = Vec::new();
        for id in ids {
            if on.len() >= limit {
                break;
            }
            let row = self.state.row(Table::Promotions, id);
            let Some(Fact::Promotion(promotion)) = row.and_then(|row| row.fact.as_ref()) else {
                continue;
            };
            let holds = promotion.is_on(self.zone, self.at);
            let next = promotion.next_change(self.zone, self.at);
            if !holds && next.is_none() {
                continue;
            }
            let seen = self.see(Table::Promotions, id, |fact| match fact {
                Fact::Promotion(promotion) => Some(promotion),
                _ => None,
            });
            if let Some(next) = next {
                self.end_by(next);
            }
            on.extend(seen.filter(|_| holds));
        }
        on
    }

    fn members(&self, group: &Collection) -> Vec<Arc<str>> {
        let members = self.state.group(group).map(|group| group.members.iter());
        members.into_iter().flatten().map(|(id, ())| Arc::clone(id)).collect()
    }

    fn ids(&self, table: Table) -> Vec<Arc<str>> {
        let rows = self.state.rows(table).iter().filter(|(_, row)| row.fact.is_some());
        rows.map(|(id, _)| Arc::clone(id)).collect()
    }
}
