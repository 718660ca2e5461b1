//! What skills answer, counted.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::names::Metric;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    skill: &'static str,
    step: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    skill: &'static str,
    reason: &'static str,
}

/// What skills report. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct SkillMetrics {
    answers: Family<StepLabels, Counter>,
    refused: Family<ReasonLabels, Counter>,
}

impl SkillMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        Metric::SkillAnswers.register(registry, metrics.answers.clone());
        Metric::SkillRefused.register(registry, metrics.refused.clone());
        metrics
    }

    /// A skill has answered by this step.
    pub fn answered(&self, skill: &'static str, step: &'static str) {
        self.answers.get_or_create(&StepLabels { skill, step }).inc();
    }

    /// A generated text was refused for this reason.
    pub fn refused(&self, skill: &'static str, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabels { skill, reason }).inc();
    }
}
