//! How much is kept of shoppers and of generated answers; nothing of what.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::names::Metric;

type Count = Gauge<u64, AtomicU64>;

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptMetrics {
    /// Conversations that are not over.
    pub conversations: u64,
    /// Profiles.
    pub profiles: u64,
    /// Subjects that have a key.
    pub subjects: u64,
    /// Records of generated answers.
    pub records: u64,
    /// Bytes of what is sealed beside them.
    pub inputs_bytes: u64,
    /// Records since the start that could not be written.
    pub lost: u64,
}

/// What shows it. Clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    conversations: Count,
    profiles: Count,
    subjects: Count,
    records: Count,
    inputs_bytes: Count,
    lost: Count,
}

impl Kept {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let kept = Self::default();
        Metric::Conversations.register(registry, kept.conversations.clone());
        Metric::Profiles.register(registry, kept.profiles.clone());
        Metric::Subjects.register(registry, kept.subjects.clone());
        Metric::AuditRecords.register(registry, kept.records.clone());
        Metric::AuditInputs.register(registry, kept.inputs_bytes.clone());
        Metric::AuditLost.register(registry, kept.lost.clone());
        kept
    }

    /// Shows this much.
    pub fn set(&self, now: &KeptMetrics) {
        self.conversations.set(now.conversations);
        self.profiles.set(now.profiles);
        self.subjects.set(now.subjects);
        self.records.set(now.records);
        self.inputs_bytes.set(now.inputs_bytes);
        self.lost.set(now.lost);
    }
}
