//! How shoppers who need a person fare; nothing of who they are or what they said.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::names::Metric;

/// Bounds of the time until somebody answers: from a person who stands beside it to nobody there.
const CLAIM_S: [f64; 10] = [2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

type Count = Gauge<u64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// By which the desk reports. Clones count together.
#[derive(Debug, Clone)]
pub struct DeskMetrics {
    called: Family<ReasonLabels, Counter>,
    waiting: Count,
    claimed: Count,
    escalated: Counter,
    over: Family<OutcomeLabels, Counter>,
    claim: Histogram,
    present: Count,
    corrections: Counter,
}

impl Default for DeskMetrics {
    fn default() -> Self {
        Self {
            called: Family::default(),
            waiting: Count::default(),
            claimed: Count::default(),
            escalated: Counter::default(),
            over: Family::default(),
            claim: Histogram::new(CLAIM_S),
            present: Count::default(),
            corrections: Counter::default(),
        }
    }
}

impl DeskMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        Metric::Handoffs.register(registry, metrics.called.clone());
        Metric::HandoffsWaiting.register(registry, metrics.waiting.clone());
        Metric::HandoffsClaimed.register(registry, metrics.claimed.clone());
        Metric::HandoffsEscalated.register(registry, metrics.escalated.clone());
        Metric::HandoffsOver.register(registry, metrics.over.clone());
        Metric::HandoffClaim.register(registry, metrics.claim.clone());
        Metric::Associates.register(registry, metrics.present.clone());
        Metric::Corrections.register(registry, metrics.corrections.clone());
        metrics
    }

    /// A person was called. The reason is one of the assistant's few words for it, never a shopper's.
    pub fn called(&self, reason: &str) {
        self.called.get_or_create(&ReasonLabels { reason: reason.to_owned() }).inc();
    }

    /// Nobody took it for long; all were rung.
    pub fn escalated(&self) {
        self.escalated.inc();
    }

    /// Somebody answers, after so long.
    pub fn claimed(&self, waited: Duration) {
        self.claim.observe(waited.as_secs_f64());
    }

    /// It is over, in this way.
    pub fn over(&self, outcome: &'static str) {
        self.over.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// An answer was put right.
    pub fn corrected(&self) {
        self.corrections.inc();
    }

    /// How many wait, how many are answered, and how many could answer.
    pub fn standing(&self, waiting: usize, claimed: usize, present: usize) {
        self.waiting.set(waiting as u64);
        self.claimed.set(claimed as u64);
        self.present.set(present as u64);
    }
}
