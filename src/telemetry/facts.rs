//! The shop's facts, counted by their tables.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::names::Metric;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabels {
    table: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// What is told of facts. Tables and reasons are named by us, so they are few.
#[derive(Debug)]
pub struct FactsMetrics {
    facts: Family<TableLabels, Gauge>,
    revision: Gauge,
    memory: Gauge,
    feed_age: Family<TableLabels, Gauge>,
    refused: Family<ReasonLabels, Counter>,
}

impl FactsMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            facts: Family::default(),
            revision: Gauge::default(),
            memory: Gauge::default(),
            feed_age: Family::default(),
            refused: Family::default(),
        };
        Metric::Facts.register(registry, metrics.facts.clone());
        Metric::FactsRevision.register(registry, metrics.revision.clone());
        Metric::FactsMemory.register(registry, metrics.memory.clone());
        Metric::FactsFeedAge.register(registry, metrics.feed_age.clone());
        Metric::FactsRefused.register(registry, metrics.refused.clone());
        metrics
    }

    /// How the store as a whole is now.
    pub fn store(&self, revision: u64, memory_bytes: usize) {
        self.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        self.memory.set(i64::try_from(memory_bytes).unwrap_or(i64::MAX));
    }

    /// How a table is now; a feed that never spoke has no age.
    pub fn table(&self, table: &'static str, facts: usize, feed_age_s: Option<u64>) {
        let labels = TableLabels { table };
        self.facts.get_or_create(&labels).set(i64::try_from(facts).unwrap_or(i64::MAX));
        if let Some(age) = feed_age_s {
            self.feed_age.get_or_create(&labels).set(i64::try_from(age).unwrap_or(i64::MAX));
        }
    }

    /// A write was refused.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }
}
