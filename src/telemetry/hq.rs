//! Headquarters, counted.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::names::Metric;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PresenceLabels {
    presence: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// What is told of headquarters.
#[derive(Debug)]
pub struct HqMetrics {
    nodes: Family<PresenceLabels, Gauge>,
    messages: Family<OutcomeLabels, Counter>,
    answers: Counter,
    commands: Gauge,
    ending: Gauge,
    database: Gauge,
    listening: Gauge,
}

/// How headquarters is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HqFigures {
    /// Boxes by what they said of themselves last; the words are ours.
    pub nodes: Vec<(String, u64)>,
    /// Commands that wait for an answer.
    pub commands_waiting: u64,
    /// Boxes whose certificate ends within ten days.
    pub certificates_ending: u64,
    /// Bytes of the database, its log included.
    pub database_bytes: u64,
    /// Whether the broker has HQ on the line.
    pub listening: bool,
    /// Messages of boxes that were taken, since the start.
    pub taken: u64,
    /// Those that could not be taken and were laid aside.
    pub laid_aside: u64,
    /// Those of nobody HQ knows.
    pub strange: u64,
    /// Those that were left, as their box says more than it may; they come again.
    pub too_many: u64,
    /// Messages that were given to the line in answer.
    pub answers: u64,
}

impl HqMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            nodes: Family::default(),
            messages: Family::default(),
            answers: Counter::default(),
            commands: Gauge::default(),
            ending: Gauge::default(),
            database: Gauge::default(),
            listening: Gauge::default(),
        };
        Metric::HqNodes.register(registry, metrics.nodes.clone());
        Metric::HqMessages.register(registry, metrics.messages.clone());
        Metric::HqAnswers.register(registry, metrics.answers.clone());
        Metric::HqCommands.register(registry, metrics.commands.clone());
        Metric::HqCertificates.register(registry, metrics.ending.clone());
        Metric::HqDatabase.register(registry, metrics.database.clone());
        Metric::HqListening.register(registry, metrics.listening.clone());
        metrics
    }

    /// Headquarters is so now.
    pub fn set(&self, figures: &HqFigures) {
        let gauge = |gauge: &Gauge, value: u64| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        self.nodes.clear();
        for (presence, count) in &figures.nodes {
            let labels = PresenceLabels { presence: presence.clone() };
            gauge(&self.nodes.get_or_create(&labels), *count);
        }
        for (outcome, total) in [
            ("taken", figures.taken),
            ("laid_aside", figures.laid_aside),
            ("strange", figures.strange),
            ("too_many", figures.too_many),
        ] {
            let counter = self.messages.get_or_create(&OutcomeLabels { outcome });
            counter.inner().store(total, Ordering::Relaxed);
        }
        self.answers.inner().store(figures.answers, Ordering::Relaxed);
        gauge(&self.commands, figures.commands_waiting);
        gauge(&self.ending, figures.certificates_ending);
        gauge(&self.database, figures.database_bytes);
        gauge(&self.listening, u64::from(figures.listening));
    }
}
