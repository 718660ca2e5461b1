//! What one network reports, counted under its name.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::metrics::{ModelLabels, NetworkFamilies};
use crate::engine::NetworkObserver;

/// Counts for one network; the series exist from the start, at zero.
#[derive(Debug)]
pub struct NetworkCounts {
    duration: Histogram,
    runs: Counter,
    rows: Counter,
    cancelled: Counter,
    failed: Counter,
    waiting: Gauge,
    running: Gauge,
}

impl NetworkCounts {
    pub(super) fn new(families: &NetworkFamilies, name: &str) -> Self {
        let model = ModelLabels { gen_ai_request_model: name.to_owned() };
        Self {
            duration: families.duration.get_or_create(&model).clone(),
            runs: families.runs.get_or_create(&model).clone(),
            rows: families.rows.get_or_create(&model).clone(),
            cancelled: families.cancelled.get_or_create(&model).clone(),
            failed: families.failed.get_or_create(&model).clone(),
            waiting: families.waiting.get_or_create(&model).clone(),
            running: families.running.get_or_create(&model).clone(),
        }
    }
}

impl NetworkObserver for NetworkCounts {
    fn answered(&self, total: Duration) {
        self.duration.observe(total.as_secs_f64());
    }
    fn failed(&self) {
        self.failed.inc();
    }
    fn cancelled(&self) {
        self.cancelled.inc();
    }
    fn executed(&self, rows: usize, _: Duration) {
        self.runs.inc();
        self.rows.inc_by(rows as u64);
    }
    fn queue(&self, waiting: usize, running: usize) {
        self.waiting.set(waiting as i64);
        self.running.set(running as i64);
    }
}
