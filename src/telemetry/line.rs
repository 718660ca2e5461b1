//! The line to HQ, counted.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::Ordering;

use super::names::Metric;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabels {
    stream: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// What is told of the line to HQ. Phases, streams and reasons are named by us, so they are few.
#[derive(Debug)]
pub struct LineMetrics {
    phase: Family<PhaseLabels, Gauge>,
    connections: Counter,
    refused: Family<ReasonLabels, Counter>,
    entries: Family<StreamLabels, Gauge>,
    bytes: Family<StreamLabels, Gauge>,
    oldest: Family<StreamLabels, Gauge>,
    lost: Counter,
    certificate: Gauge,
}

impl LineMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            phase: Family::default(),
            connections: Counter::default(),
            refused: Family::default(),
            entries: Family::default(),
            bytes: Family::default(),
            oldest: Family::default(),
            lost: Counter::default(),
            certificate: Gauge::default(),
        };
        Metric::LinePhase.register(registry, metrics.phase.clone());
        Metric::LineConnections.register(registry, metrics.connections.clone());
        Metric::LineRefused.register(registry, metrics.refused.clone());
        Metric::OutboxEntries.register(registry, metrics.entries.clone());
        Metric::OutboxBytes.register(registry, metrics.bytes.clone());
        Metric::OutboxAge.register(registry, metrics.oldest.clone());
        Metric::NotesLost.register(registry, metrics.lost.clone());
        Metric::CertificateDays.register(registry, metrics.certificate.clone());
        metrics
    }

    /// The line is in this phase, of all there are.
    pub fn phase(&self, phase: &'static str, all: &[&'static str]) {
        for each in all {
            let labels = PhaseLabels { phase: each };
            self.phase.get_or_create(&labels).set(i64::from(*each == phase));
        }
    }

    /// Connections since the start.
    pub fn connections(&self, total: u64) {
        self.connections.inner().store(total, Ordering::Relaxed);
    }

    /// Messages of HQ that were not taken, since the start.
    pub fn refused(&self, reason: &'static str, total: u64) {
        let counter = self.refused.get_or_create(&ReasonLabels { reason });
        counter.inner().store(total, Ordering::Relaxed);
    }

    /// What waits for HQ in a stream, and for how long the oldest has.
    pub fn outbox(&self, stream: &'static str, entries: u64, bytes: u64, oldest_s: u64) {
        let labels = StreamLabels { stream };
        let set = |family: &Family<StreamLabels, Gauge>, value| {
            family.get_or_create(&labels).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.entries, entries);
        set(&self.bytes, bytes);
        set(&self.oldest, oldest_s);
    }

    /// So many days this box's certificate holds on.
    pub fn certificate(&self, days: u64) {
        self.certificate.set(i64::try_from(days).unwrap_or(i64::MAX));
    }

    /// So many events or values could not be written down for HQ.
    pub fn lost(&self, count: u64) {
        self.lost.inc_by(count);
    }
}
