//! What people ask of the cache: why an answer was given, how it does, and to forget.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clock::now_ms;
use super::exact::Found;
use super::purges::Meant;
use super::room::Reason;
use super::tidy::{Dropped, about};
use super::{Cache, Cost, Failure, How, Kept, PackMark, PackState, Provenance, Scope, id};
use crate::facts::{Name, Standing};

/// Digits of an id that are enough to ask for it.
const MIN_DIGITS: usize = 4;

/// All that is known of one kept answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// By which `Cache-Status` calls it.
    pub id: String,
    /// Who may be given it.
    pub scope: Scope,
    /// How it came about.
    pub provenance: Provenance,
    /// The facts that it stands on, and their revisions when it was made.
    pub facts: Vec<(String, u64)>,
    /// The moment from which on its facts read otherwise, seconds since 1970.
    pub until_s: Option<i64>,
    /// What its facts say of it now, a sentence.
    pub standing: String,
    /// When it was made, milliseconds since 1970.
    pub made_ms: u64,
    /// How long ago that is.
    pub age_ms: u64,
    /// What it took.
    pub cost: Cost,
    /// How often it was asked for, the first time included.
    pub asked: u32,
    /// What it takes in memory, where it is.
    pub bytes: u64,
    /// What the semantic tier knows of its question and of its last hits.
    pub meaning: Vec<String>,
    /// The pack that it came with.
    pub pack: Option<PackMark>,
}

/// How one route does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteStats {
    /// Answers by how they were come by.
    pub answers: BTreeMap<&'static str, u64>,
    /// Tokens that need not be generated.
    pub saved_tokens: u64,
    /// Milliseconds that need not be spent.
    pub saved_ms: u64,
}

/// How the cache does since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// What is kept.
    pub kept: Kept,
    /// What may be kept in memory.
    pub memory_limit_bytes: u64,
    /// What may be kept on disk.
    pub disk_limit_bytes: u64,
    /// Answers that are being made.
    pub making: usize,
    /// By route.
    pub routes: BTreeMap<&'static str, RouteStats>,
    /// Entries that are gone, by reason.
    pub gone: BTreeMap<&'static str, u64>,
    /// The pack whose answers are given.
    pub pack: Option<PackState>,
}

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purge {
    /// Everything.
    All,
    /// One answer, by the id that `Cache-Status` has.
    Answer(String),
    /// Whatever stands on this fact or group of facts.
    Fact(Name),
    /// Whatever is about this product.
    Product(String),
    /// Answers of a package.
    Model(String),
    /// Answers of one scope, such as a shopper's.
    Scope(Scope),
}

impl Purge {
    /// Whatever stands on the fact or group of facts of this name, such as `prices:0041`.
    pub fn fact(name: &str) -> Result<Self, String> {
        match name.parse::<Name>() {
            Ok(name) => Ok(Self::Fact(name)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// What the facts say of a record.
fn said(standing: &Standing) -> String {
    match standing {
        Standing::Current => "its facts are as they were".to_owned(),
        Standing::Dead { name: Some(name) } => format!("{name} has changed"),
        Standing::Dead { name: None } => "it was made of another store's facts".to_owned(),
        Standing::Expired { at } => format!("it held until {at}"),
        Standing::TooOld { table, .. } => format!("the feed of {table} is silent for too long"),
        Standing::Soft { name } => format!("{name} has other words now"),
    }
}

impl Cache {
    /// What is known of the answer of this id; of several where the id is cut short.
    pub fn why(&self, asked: &str) -> Vec<Why> {
        self.named(asked).iter().map(|found| self.explain(found)).collect()
    }

    /// How it does. `routes` are those that are shown.
    pub fn stats(&self, routes: &[&'static str]) -> Stats {
        let inner = &self.0;
        let route = |&route: &&'static str| {
            let answers = How::NAMES.iter().map(|how| (*how, inner.metrics.count(route, how)));
            let answers = answers.filter(|(_, count)| *count > 0).collect();
            let (saved_tokens, saved_ms) = inner.metrics.savings(route);
            (route, RouteStats { answers, saved_tokens, saved_ms })
        };
        let gone = Reason::ALL.map(Reason::name).map(|name| (name, inner.metrics.gone_for(name)));
        Stats {
            kept: self.kept(),
            memory_limit_bytes: inner.exact.room().memory_bytes,
            disk_limit_bytes: inner.store.as_ref().map_or(0, |_| inner.config.answers_disk_bytes()),
            making: inner.flights().len(),
            routes: routes.iter().map(route).collect(),
            gone: BTreeMap::from(gone),
            pack: inner.packs.states().0,
        }
    }

    /// Forgets, and ends what is being made of it. What is forgotten does not come back with a
    /// restart once [`Self::flush`] has returned.
    pub fn purge(&self, purge: &Purge) -> Dropped {
        let inner = &self.0;
        inner.count_purge(match purge {
            Purge::Fact(name) => Meant::of([name.clone()]),
            Purge::Product(sku) => Meant::of(about(sku)),
            Purge::All | Purge::Answer(_) | Purge::Model(_) | Purge::Scope(_) => Meant::Anything,
        });
        self.purge_of_packs(purge);
        match purge {
            Purge::All => {
                let keys = inner.exact.clear();
                inner.semantic.clear();
                inner.night.clear();
                if let Some(store) = &inner.store {
                    store.clear();
                }
                inner.forget(&keys, Reason::Purged);
                let flights = inner.flights();
                let what = Failure::Recalled { what: "everything".to_owned() };
                flights.values().for_each(|flight| flight.fail(what.clone()));
                Dropped { entries: keys.len(), flights: flights.len() }
            }
            Purge::Answer(asked) => self.purge_found(&self.named(asked)),
            Purge::Fact(name) => {
                inner.drop_standing_on(&HashSet::from([name.clone()]), Reason::Purged)
            }
            Purge::Product(sku) => {
                inner.drop_standing_on(&about(sku).into_iter().collect(), Reason::Purged)
            }
            Purge::Model(model) => {
                let of = |found: &Found| &found.head.provenance.model == model;
                let found: Vec<_> = inner.exact.all().into_iter().filter(of).collect();
                self.purge_found(&found)
            }
            Purge::Scope(scope) => {
                let of = |found: &Found| found.head.scope == *scope;
                let found: Vec<_> = inner.exact.all().into_iter().filter(of).collect();
                self.purge_found(&found)
            }
        }
    }

    fn purge_found(&self, found: &[Found]) -> Dropped {
        let gone = found.iter().filter_map(|found| self.0.exact.remove(&found.head.key, None));
        let keys: Vec<_> = gone.map(|found| found.head.key).collect();
        self.0.forget(&keys, Reason::Purged);
        Dropped { entries: keys.len(), flights: 0 }
    }

    fn named(&self, asked: &str) -> Vec<Found> {
        if asked.len() < MIN_DIGITS {
            return Vec::new();
        }
        let all = self.0.exact.all();
        all.into_iter().filter(|found| id(&found.head.key).starts_with(asked)).collect()
    }

    fn explain(&self, found: &Found) -> Why {
        let head = Arc::clone(&found.head);
        Why {
            id: id(&head.key),
            scope: head.scope,
            provenance: Provenance { seed: head.seed, ..Provenance::clone(&head.provenance) },
            facts: head.record.read.iter().map(|(name, at)| (name.to_string(), at.0)).collect(),
            until_s: head.record.until.map(|until| until.0),
            standing: said(&self.0.standing(&head.record)),
            made_ms: head.made_ms,
            age_ms: now_ms().saturating_sub(head.made_ms),
            cost: head.cost,
            asked: found.tally.asked.load(Ordering::Relaxed),
            bytes: head.bytes,
            meaning: self.0.semantic.explain(&head.key),
            pack: head.pack.clone(),
        }
    }
}
