//! What the cache of answers does, counted.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::names::Metric;

/// From a minute to a month: answers live as long as their facts.
const AGE_S: [f64; 8] = [1.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    route: String,
    how: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ComparedLabels {
    category: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CategoryLabels {
    category: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NightLabels {
    maker: String,
    outcome: &'static str,
}

/// What the cache of answers reports. Clones count together.
#[derive(Debug, Clone)]
pub struct CacheMetrics {
    answers: Family<AnswerLabels, Counter>,
    saved_tokens: Family<RouteLabels, Counter>,
    saved_ms: Family<RouteLabels, Counter>,
    age: Histogram,
    gone: Family<ReasonLabels, Counter>,
    compared: Family<ComparedLabels, Counter>,
    off: Family<CategoryLabels, Gauge>,
    night: Family<NightLabels, Counter>,
    entries: Gauge,
    memory: Gauge,
    disk: Gauge,
    making: Gauge,
    of_pack: Family<RouteLabels, Counter>,
    pack_entries: Gauge,
    pack_epoch: Gauge,
}

impl Default for CacheMetrics {
    fn default() -> Self {
        Self {
            answers: Family::default(),
            saved_tokens: Family::default(),
            saved_ms: Family::default(),
            age: Histogram::new(AGE_S),
            gone: Family::default(),
            compared: Family::default(),
            off: Family::default(),
            night: Family::default(),
            entries: Gauge::default(),
            memory: Gauge::default(),
            disk: Gauge::default(),
            making: Gauge::default(),
            of_pack: Family::default(),
            pack_entries: Gauge::default(),
            pack_epoch: Gauge::default(),
        }
    }
}

impl CacheMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        Metric::CacheAnswers.register(registry, metrics.answers.clone());
        Metric::CacheSavedTokens.register(registry, metrics.saved_tokens.clone());
        Metric::CacheSavedMs.register(registry, metrics.saved_ms.clone());
        Metric::CacheAge.register(registry, metrics.age.clone());
        Metric::CacheGone.register(registry, metrics.gone.clone());
        Metric::CacheCompared.register(registry, metrics.compared.clone());
        Metric::CacheOff.register(registry, metrics.off.clone());
        Metric::CacheNight.register(registry, metrics.night.clone());
        Metric::CacheEntries.register(registry, metrics.entries.clone());
        Metric::CacheMemory.register(registry, metrics.memory.clone());
        Metric::CacheDisk.register(registry, metrics.disk.clone());
        Metric::CacheMaking.register(registry, metrics.making.clone());
        Metric::CacheOfPack.register(registry, metrics.of_pack.clone());
        Metric::CachePackEntries.register(registry, metrics.pack_entries.clone());
        Metric::CachePackEpoch.register(registry, metrics.pack_epoch.clone());
        metrics
    }

    /// An answer of this route was come by in this way.
    pub fn answered(&self, route: &str, how: &'static str) {
        let labels = AnswerLabels { route: route.to_owned(), how };
        self.answers.get_or_create(&labels).inc();
    }

    /// A kept answer of this age was given; making it took these tokens and milliseconds.
    pub fn saved(&self, route: &str, age: Duration, tokens: u64, ms: u64) {
        let labels = RouteLabels { route: route.to_owned() };
        self.saved_tokens.get_or_create(&labels).inc_by(tokens);
        self.saved_ms.get_or_create(&labels).inc_by(ms);
        self.age.observe(age.as_secs_f64());
    }

    /// So many entries are gone for this reason.
    pub fn gone(&self, reason: &'static str, entries: u64) {
        self.gone.get_or_create(&ReasonLabels { reason }).inc_by(entries);
    }

    /// An answer given by meaning was also made; whether it says the same.
    pub fn compared(&self, category: &'static str, same: bool) {
        let outcome = if same { "same" } else { "false" };
        self.compared.get_or_create(&ComparedLabels { category, outcome }).inc();
    }

    /// A category of questions is answered by meaning from now on, or is not.
    pub fn by_meaning(&self, category: &'static str, on: bool) {
        self.off.get_or_create(&CategoryLabels { category }).set(i64::from(!on));
    }

    /// What came of making an answer of this maker that nobody waited for.
    pub fn at_night(&self, maker: &str, outcome: &'static str) {
        let labels = NightLabels { maker: maker.to_owned(), outcome };
        self.night.get_or_create(&labels).inc();
    }

    /// What is kept, after a change.
    pub fn kept(&self, entries: u64, memory_bytes: u64, disk_bytes: u64) {
        self.entries.set(entries as i64);
        self.memory.set(memory_bytes as i64);
        self.disk.set(disk_bytes as i64);
    }

    /// An answer of a pack was found to hold here and taken up.
    pub fn of_pack(&self, route: &str) {
        self.of_pack.get_or_create(&RouteLabels { route: route.to_owned() }).inc();
    }

    /// The number of the pack whose answers are given, and how many it has.
    pub fn packs(&self, pack: Option<(u64, usize)>) {
        let (epoch, entries) = pack.unwrap_or_default();
        self.pack_epoch.set(i64::try_from(epoch).unwrap_or(i64::MAX));
        self.pack_entries.set(entries as i64);
    }

    /// Answers that are being made, after a change.
    pub fn making(&self, flights: usize) {
        self.making.set(flights as i64);
    }

    /// How many answers of this route were come by in this way.
    pub fn count(&self, route: &str, how: &'static str) -> u64 {
        self.answers.get_or_create(&AnswerLabels { route: route.to_owned(), how }).get()
    }

    /// How many answers of this maker came to this while nobody waited for them.
    pub fn nights(&self, maker: &str, outcome: &'static str) -> u64 {
        let labels = NightLabels { maker: maker.to_owned(), outcome };
        self.night.get_or_create(&labels).get()
    }

    /// Tokens and milliseconds that hits of this route saved.
    pub fn savings(&self, route: &str) -> (u64, u64) {
        let labels = RouteLabels { route: route.to_owned() };
        let tokens = self.saved_tokens.get_or_create(&labels).get();
        (tokens, self.saved_ms.get_or_create(&labels).get())
    }

    /// How many entries are gone for this reason.
    pub fn gone_for(&self, reason: &'static str) -> u64 {
        self.gone.get_or_create(&ReasonLabels { reason }).get()
    }
}
