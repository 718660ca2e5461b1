//! Models that come into memory and leave it, counted under their names.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::metrics::{Histograms, ModelLabels};
use super::names::Metric;

/// A mapped package takes milliseconds, a large one that is packed for the first time a minute.
const LOAD_S: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

/// What the shelf reports. Models are named by their packages.
#[derive(Debug)]
pub struct ShelfMetrics {
    loaded: Family<ModelLabels, Gauge>,
    bytes: Family<ModelLabels, Gauge>,
    loads: Family<ModelLabels, Counter>,
    failures: Family<ModelLabels, Counter>,
    unloads: Family<ModelLabels, Counter>,
    evictions: Family<ModelLabels, Counter>,
    duration: Histograms<ModelLabels>,
    budget: Gauge,
    held: Family<HolderLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HolderLabels {
    holder: &'static str,
}

impl ShelfMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            loaded: Family::default(),
            bytes: Family::default(),
            loads: Family::default(),
            failures: Family::default(),
            unloads: Family::default(),
            evictions: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(LOAD_S)),
            budget: Gauge::default(),
            held: Family::default(),
        };
        Metric::ModelLoaded.register(registry, metrics.loaded.clone());
        Metric::ModelBytes.register(registry, metrics.bytes.clone());
        Metric::ModelLoads.register(registry, metrics.loads.clone());
        Metric::ModelLoadFailures.register(registry, metrics.failures.clone());
        Metric::ModelUnloads.register(registry, metrics.unloads.clone());
        Metric::ModelEvictions.register(registry, metrics.evictions.clone());
        Metric::ModelLoadDuration.register(registry, metrics.duration.clone());
        Metric::MemoryBudget.register(registry, metrics.budget.clone());
        Metric::MemoryHeld.register(registry, metrics.held.clone());
        metrics
    }

    /// The memory budget, and what of it something that is no model has, by name.
    pub fn memory(&self, budget_bytes: u64, held_bytes: &BTreeMap<&'static str, u64>) {
        self.budget.set(i64::try_from(budget_bytes).unwrap_or(i64::MAX));
        for (&holder, &bytes) in held_bytes {
            let gauge = self.held.get_or_create(&HolderLabels { holder });
            gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    /// A model came into memory.
    pub fn loaded(&self, model: &str, weight_bytes: u64, after: Duration) {
        let labels = labels(model);
        self.loaded.get_or_create(&labels).set(1);
        self.bytes.get_or_create(&labels).set(weight_bytes as i64);
        self.loads.get_or_create(&labels).inc();
        self.duration.get_or_create(&labels).observe(after.as_secs_f64());
    }

    /// A model could not be loaded.
    pub fn load_failed(&self, model: &str) {
        self.failures.get_or_create(&labels(model)).inc();
    }

    /// A model leaves memory because somebody said so.
    pub fn unloaded(&self, model: &str) {
        self.left(model);
        self.unloads.get_or_create(&labels(model)).inc();
    }

    /// A model leaves memory because another needs the room.
    pub fn evicted(&self, model: &str) {
        self.left(model);
        self.evictions.get_or_create(&labels(model)).inc();
    }

    fn left(&self, model: &str) {
        self.loaded.get_or_create(&labels(model)).set(0);
        self.bytes.get_or_create(&labels(model)).set(0);
    }
}

fn labels(model: &str) -> ModelLabels {
    ModelLabels { gen_ai_request_model: model.to_owned() }
}
