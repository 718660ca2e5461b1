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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaggedLabels {
    tagged: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EntityLabels {
    entity: &'static str,
}

/// What skills report. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct SkillMetrics {
    answers: Family<StepLabels, Counter>,
    refused: Family<ReasonLabels, Counter>,
    screened: Family<TaggedLabels, Counter>,
    found: Family<EntityLabels, Counter>,
}

impl SkillMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        Metric::SkillAnswers.register(registry, metrics.answers.clone());
        Metric::SkillRefused.register(registry, metrics.refused.clone());
        Metric::PrivacyTexts.register(registry, metrics.screened.clone());
        Metric::PrivacyFound.register(registry, metrics.found.clone());
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

    /// A text was looked through for personal data: `tagged` where a model tagged its words, or why none
    /// did.
    pub fn screened(&self, tagged: &'static str) {
        self.screened.get_or_create(&TaggedLabels { tagged }).inc();
    }

    /// An entity of this name was taken out of what is kept.
    pub fn found(&self, entity: &'static str) {
        self.found.get_or_create(&EntityLabels { entity }).inc();
    }
}
