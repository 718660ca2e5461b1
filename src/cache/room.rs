//! The cache as a whole: its tiers, and what keeps them true.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use super::clock::now_ms;
use super::entry::Tally;
use super::exact::{Exact, Found, Kept, Room};
use super::flight::{Flight, Landed, Tower};
use super::night::{Night, Past};
use super::packs::Packs;
use super::purges::{Meant, Purges};
use super::semantic::{Calibration, Semantic, Vector};
use super::store::{Disk, Store};
use super::tidy::Recalled;
use super::{Ask, Config, Head, Key, Provenance, Tiers};
use crate::facts::{Facts, Record, Standing, UnixSeconds};
use crate::telemetry::CacheMetrics;

/// Answers that were made, each as long as the facts that it stands on hold. Clones are the same
/// cache.
#[derive(Clone)]
pub struct Cache(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) config: Config,
    /// By route, as it is now; the configuration's at first.
    routes: RwLock<BTreeMap<String, Tiers>>,
    pub(super) facts: Facts,
    pub(super) metrics: CacheMetrics,
    pub(super) exact: Exact,
    pub(super) semantic: Semantic,
    pub(super) store: Option<Store>,
    pub(super) night: Night,
    pub(super) packs: Packs,
    pub(super) recalled: Recalled,
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
    purges: Purges,
}

/// Why entries are gone, as metrics have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A fact that they stand on has changed.
    Outdated,
    /// Others needed the room.
    Evicted,
    /// Somebody said so.
    Purged,
    /// What they tell of was recalled.
    Recalled,
    /// They cannot be read any more.
    Lost,
}

impl Reason {
    pub(super) const ALL: [Self; 5] =
        [Self::Outdated, Self::Evicted, Self::Purged, Self::Recalled, Self::Lost];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Outdated => "outdated",
            Self::Evicted => "evicted",
            Self::Purged => "purged",
            Self::Recalled => "recalled",
            Self::Lost => "lost",
        }
    }
}

impl Cache {
    /// A cache in memory alone.
    pub fn in_memory(config: Config, facts: Facts, metrics: CacheMetrics) -> Self {
        Self(Arc::new(Inner::new(config, facts, metrics, 0)))
    }

    /// A cache that also keeps its answers in this file, or in memory alone where that cannot be.
    /// Blocks while it reads what is there.
    pub fn open(config: Config, facts: Facts, metrics: CacheMetrics, file: &Path) -> Self {
        if config.disk_bytes == 0 {
            return Self::in_memory(config, facts, metrics);
        }
        match Store::open(file) {
            Ok(opened) => Self::of_disk(config, facts, metrics, opened),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "answers are kept in memory only");
                Self::in_memory(config, facts, metrics)
            }
        }
    }

    /// A cache that goes on with what a file holds.
    pub(super) fn of_disk(
        config: Config,
        facts: Facts,
        metrics: CacheMetrics,
        (disk, kept): (Arc<Disk>, Vec<super::store::Kept>),
    ) -> Self {
        let (pause, disk_bytes) = (config.write_pause, config.answers_disk_bytes());
        let inner = Inner::new(config, facts, metrics, disk_bytes);
        if let Some(watched) = disk.watched() {
            inner.semantic.go_on_watching(&watched);
        }
        let entries = kept.into_iter().map(|kept| {
            if let Some(meaning) = &kept.meaning {
                inner.semantic.take_up(kept.head.key, kept.head.scope, meaning);
            }
            (kept.head, kept.tally, kept.bytes)
        });
        let gone = inner.exact.take_up(entries);
        let inner = Arc::new_cyclic(|weak: &Weak<Inner>| {
            let weak = Weak::clone(weak);
            let written = move |stored: &[(Key, u64, u64)]| {
                if let Some(inner) = weak.upgrade() {
                    inner.stored(stored);
                }
            };
            Inner { store: Some(Store::start(disk, pause, Box::new(written))), ..inner }
        });
        inner.forget(&gone, Reason::Evicted);
        inner.tell_kept();
        let cache = Self(inner);
        cache.show_packs();
        cache
    }

    /// Takes up the packs that the file has. They come again from HQ where they cannot be read.
    fn show_packs(&self) {
        let Some(store) = &self.0.store else { return };
        match store.disk().packs() {
            Ok(sets) => self.show(&sets),
            Err(error) => tracing::warn!(%error, "the kept packs of answers cannot be read"),
        }
    }

    /// How much is kept.
    pub fn kept(&self) -> Kept {
        self.0.exact.kept()
    }

    /// What one answer may take at most.
    pub fn max_answer_bytes(&self) -> usize {
        self.0.config.max_answer_bytes
    }

    /// Lets answers be given to other questions of the same meaning, as far as these thresholds for
    /// the vectors of one encoder allow it.
    pub fn calibrate(&self, calibration: Calibration) {
        self.0.semantic.calibrate(calibration);
    }

    /// What asks of this route and package may use.
    pub fn policy(&self, route: &str, model: &str) -> super::Policy {
        let routes = self.0.routes.read().unwrap_or_else(PoisonError::into_inner);
        let tiers = routes.get(route).copied().unwrap_or(Tiers::Exact);
        self.0.config.policy(tiers, model)
    }

    /// Sets which tiers may answer on each route, from the next ask on. What is kept stays, as far as
    /// there is room: questions by meaning take a part of the memory while a route asks for them.
    pub fn set_routes(&self, routes: BTreeMap<String, Tiers>) {
        let inner = &self.0;
        let questions = inner.config.questions_bytes(&routes);
        let answers = inner.config.answers_bytes(&routes);
        *inner.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
        inner.semantic.set_memory(questions);
        let gone = inner.exact.set_memory(answers);
        inner.forget(&gone, Reason::Evicted);
        inner.tell_kept();
    }

    /// Waits until everything so far is on disk. Blocks.
    pub fn flush(&self) {
        self.write_counts();
        if let Some(store) = &self.0.store {
            store.flush();
        }
    }

    /// Has it written how often answers were asked for.
    pub(super) fn write_counts(&self) {
        let Some(store) = &self.0.store else { return };
        let counted = self.0.exact.all().into_iter();
        store.count(counted.filter_map(|found| Some((found.head.key, found.tally.unwritten()?))));
    }
}

impl Inner {
    fn new(config: Config, facts: Facts, metrics: CacheMetrics, disk_bytes: u64) -> Self {
        let questions = config.questions_bytes(&config.routes);
        let room = Room { memory_bytes: config.answers_bytes(&config.routes), disk_bytes };
        let semantic = Semantic::new(questions, metrics.clone());
        Self {
            routes: RwLock::new(config.routes.clone()),
            config,
            facts,
            metrics,
            exact: Exact::new(room),
            semantic,
            store: None,
            night: Night::default(),
            packs: Packs::default(),
            recalled: Recalled::default(),
            flights: Mutex::default(),
            purges: Purges::default(),
        }
    }

    pub(super) fn flights(&self) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often entries were purged or recalled. What was begun before and was meant is not kept: what
    /// it stands on may not have been known then.
    pub(super) fn purges(&self) -> u64 {
        self.purges.count()
    }

    /// Comes before entries are looked through for those that are meant.
    pub(super) fn count_purge(&self, meant: Meant) {
        self.purges.add(meant);
        self.night.forget_dead();
    }

    /// Whether what rests on these facts may be given.
    pub(super) fn standing(&self, record: &Record) -> Standing {
        if record.is_empty() {
            return Standing::Current;
        }
        self.facts.check(record, UnixSeconds::now())
    }

    /// What has changed of these facts so that nothing may be said of them any more.
    pub(super) fn overtaken(&self, record: &Record) -> Option<String> {
        match self.standing(record) {
            Standing::Dead { name: Some(name) } => Some(name.to_string()),
            Standing::Dead { name: None } => Some("everything".to_owned()),
            Standing::Expired { at } => Some(format!("what held until {at}")),
            Standing::Current | Standing::TooOld { .. } | Standing::Soft { .. } => None,
        }
    }

    /// Forgets entries in every tier but the first, which they have left already.
    pub(super) fn forget(&self, keys: &[Key], reason: Reason) {
        if keys.is_empty() {
            return;
        }
        // The question of a pack's answer that had no room finds it again.
        let stays = |key: &&Key| reason == Reason::Evicted && self.packs.holds(key);
        keys.iter().filter(|key| !stays(key)).for_each(|key| self.semantic.remove(key));
        if let Some(store) = &self.store {
            store.drop_all(keys.iter().copied());
        }
        self.metrics.gone(reason.name(), keys.len() as u64);
        self.tell_kept();
    }

    /// Forgets an entry that must not be given any more.
    pub(super) fn bury(&self, head: &Head, reason: Reason) {
        if let Some(found) = self.exact.remove(&head.key, Some(head.made_ms)) {
            let grave = (reason != Reason::Purged).then(|| self.grave(&found)).flatten();
            self.forget(&[head.key], reason);
            self.night.mourn(grave);
        }
    }

    fn stored(&self, stored: &[(Key, u64, u64)]) {
        let gone = self.exact.stored(stored);
        self.forget(&gone, Reason::Evicted);
        self.tell_kept();
    }

    fn keep(&self, flight: &Flight, control: &Control, answer: Landed) {
        let Control { ask, vector, past, .. } = control;
        let Landed { events, bytes, record, cost } = answer;
        let now = now_ms();
        let head = Head {
            key: ask.key,
            scope: ask.scope,
            provenance: self.exact.shared(Provenance {
                seed: None,
                step: flight.step().map(str::to_owned),
                ..ask.provenance.clone()
            }),
            seed: ask.provenance.seed,
            record: Arc::unwrap_or_clone(record),
            recipe: ask.recipe.clone(),
            made_ms: now,
            cost,
            bytes: bytes as u64,
            pack: None,
        };
        let asked = past.as_ref().map_or(1, Past::inherited);
        let found = Found::of(head, Tally::new(asked, now));
        let gone = self.exact.insert(&found, Arc::clone(&events));
        let question = ask.question.as_ref().zip(vector.as_ref());
        let meaning = match question {
            _ if flight.is_particular() => None,
            Some((question, vector)) => self.semantic.insert(ask.key, ask.scope, question, vector),
            None => past.as_ref().and_then(|past| past.meaning.clone()),
        };
        if let (None, Some(meaning)) = (question, &meaning) {
            self.semantic.take_up(ask.key, ask.scope, meaning);
        }
        // What is one person's is in memory only: a page of a file outlives what was deleted in it.
        if let Some(store) = self.store.as_ref().filter(|_| !ask.scope.is_personal()) {
            store.keep(&found, &events, meaning);
        }
        self.forget(&gone, Reason::Evicted);
        self.tell_kept();
        if self.purges.meant_since(flight.purges(), &found.head.record) {
            self.bury(&found.head, Reason::Purged);
        }
    }

    pub(super) fn tell_kept(&self) {
        let Kept { entries, memory_bytes, disk_bytes } = self.exact.kept();
        self.metrics.kept(entries, memory_bytes, disk_bytes);
    }
}

/// What a flight asks of the cache.
pub(super) struct Control {
    pub(super) inner: Arc<Inner>,
    pub(super) ask: Ask,
    pub(super) vector: Option<Vector>,
    pub(super) past: Option<Past>,
}

impl Tower for Control {
    fn changed(&self, record: &Record) -> Option<String> {
        self.inner.overtaken(record)
    }

    fn may_keep(&self, record: &Record) -> bool {
        matches!(self.inner.standing(record), Standing::Current)
    }

    fn landed(&self, flight: &Arc<Flight>, answer: Option<Landed>) {
        if let Some(answer) = answer {
            self.inner.keep(flight, self, answer);
        }
        let mut flights = self.inner.flights();
        if flights.get(&self.ask.key).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            flights.remove(&self.ask.key);
        }
        self.inner.metrics.making(flights.len());
    }
}
