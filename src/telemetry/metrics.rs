//! Everything that is counted, and its text for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::cache::CacheMetrics;
use super::desk::DeskMetrics;
use super::facts::FactsMetrics;
use super::figures::{Conduct, ModelFigures, Tallies};
use super::hq::HqMetrics;
use super::kept::Kept;
use super::line::LineMetrics;
use super::model::ModelObserver;
use super::names::Metric;
use super::network::NetworkCounts;
use super::process::Process;
use super::shelf::ShelfMetrics;
use super::skills::SkillMetrics;

/// Bounds of `gen_ai.server.time_to_first_token`, as the convention has them.
const FIRST_TOKEN_S: [f64; 17] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    30.0,
];
/// Bounds of `gen_ai.server.time_per_output_token`, as the convention has them.
const OUTPUT_TOKEN_S: [f64; 13] =
    [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
/// Bounds of `gen_ai.server.request.duration`, as the convention has them.
const GENERATION_S: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Bounds of `http.server.request.duration`, with room for answers that are streamed.
const HTTP_S: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 120.0];

pub(super) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ModelLabels {
    pub(super) gen_ai_request_model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TokenLabels {
    pub(super) gen_ai_request_model: String,
    pub(super) gen_ai_token_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    http_request_method: String,
    http_route: String,
    http_response_status_code: u16,
}

/// Families by model.
#[derive(Debug)]
pub(super) struct ModelFamilies {
    pub(super) first_token: Histograms<ModelLabels>,
    pub(super) token_gap: Histograms<ModelLabels>,
    pub(super) duration: Histograms<ModelLabels>,
    pub(super) tokens: Family<TokenLabels, Counter>,
    pub(super) completed: Family<ModelLabels, Counter>,
    pub(super) cancelled: Family<ModelLabels, Counter>,
    pub(super) failed: Family<ModelLabels, Counter>,
    pub(super) set_aside: Family<ModelLabels, Counter>,
    pub(super) waiting: Family<ModelLabels, Gauge>,
    pub(super) running: Family<ModelLabels, Gauge>,
    pub(super) kv_used: Family<ModelLabels, Gauge>,
    pub(super) kv_budget: Family<ModelLabels, Gauge>,
    pub(super) tallies: Tallies,
}

/// Families by network.
#[derive(Debug)]
pub(super) struct NetworkFamilies {
    pub(super) duration: Histograms<ModelLabels>,
    pub(super) runs: Family<ModelLabels, Counter>,
    pub(super) rows: Family<ModelLabels, Counter>,
    pub(super) cancelled: Family<ModelLabels, Counter>,
    pub(super) failed: Family<ModelLabels, Counter>,
    pub(super) waiting: Family<ModelLabels, Gauge>,
    pub(super) running: Family<ModelLabels, Gauge>,
}

impl NetworkFamilies {
    /// Queues of networks are shown with those of language models.
    fn register(registry: &mut Registry, models: &ModelFamilies) -> Self {
        let families = Self {
            duration: histograms(|| Histogram::new(HTTP_S)),
            runs: Family::default(),
            rows: Family::default(),
            cancelled: Family::default(),
            failed: Family::default(),
            waiting: models.waiting.clone(),
            running: models.running.clone(),
        };
        Metric::InferenceDuration.register(registry, families.duration.clone());
        for (metric, family) in [
            (Metric::InferenceRuns, &families.runs),
            (Metric::InferenceRows, &families.rows),
            (Metric::InferenceCancelled, &families.cancelled),
            (Metric::InferenceFailed, &families.failed),
        ] {
            metric.register(registry, family.clone());
        }
        families
    }
}

/// A request as it is counted.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// `GET`, `POST` …; anything unusual as `_OTHER`.
    pub method: &'static str,
    /// The route's pattern, not the path that was asked for.
    pub route: String,
    /// Status code of the response.
    pub status: u16,
    /// From the request's head to the last byte of the response.
    pub duration: Duration,
}

/// All that is counted. One per process; shared by reference count.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    models: ModelFamilies,
    shelf: ShelfMetrics,
    cache: CacheMetrics,
    facts: FactsMetrics,
    line: LineMetrics,
    /// At headquarters only.
    hq: Option<HqMetrics>,
    skills: SkillMetrics,
    kept: Kept,
    desk: DeskMetrics,
    networks: NetworkFamilies,
    http: Histograms<HttpLabels>,
    http_active: Gauge,
    connections: Gauge,
    refused: Counter,
    panics: Counter,
    process: Process,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let models = ModelFamilies {
            first_token: histograms(|| Histogram::new(FIRST_TOKEN_S)),
            token_gap: histograms(|| Histogram::new(OUTPUT_TOKEN_S)),
            duration: histograms(|| Histogram::new(GENERATION_S)),
            tokens: Family::default(),
            completed: Family::default(),
            cancelled: Family::default(),
            failed: Family::default(),
            set_aside: Family::default(),
            waiting: Family::default(),
            running: Family::default(),
            kv_used: Family::default(),
            kv_budget: Family::default(),
            tallies: Tallies::default(),
        };
        for (metric, family) in [
            (Metric::TimeToFirstToken, &models.first_token),
            (Metric::TimePerOutputToken, &models.token_gap),
            (Metric::GenerationDuration, &models.duration),
        ] {
            metric.register(&mut registry, family.clone());
        }
        Metric::Tokens.register(&mut registry, models.tokens.clone());
        for (metric, family) in [
            (Metric::Completed, &models.completed),
            (Metric::Cancelled, &models.cancelled),
            (Metric::Failed, &models.failed),
            (Metric::SetAside, &models.set_aside),
        ] {
            metric.register(&mut registry, family.clone());
        }
        for (metric, family) in [
            (Metric::QueueWaiting, &models.waiting),
            (Metric::QueueRunning, &models.running),
            (Metric::KvUsed, &models.kv_used),
            (Metric::KvBudget, &models.kv_budget),
        ] {
            metric.register(&mut registry, family.clone());
        }
        let shelf = ShelfMetrics::register(&mut registry);
        let cache = CacheMetrics::register(&mut registry);
        let facts = FactsMetrics::register(&mut registry);
        let line = LineMetrics::register(&mut registry);
        let skills = SkillMetrics::register(&mut registry);
        let kept = Kept::register(&mut registry);
        let desk = DeskMetrics::register(&mut registry);
        let networks = NetworkFamilies::register(&mut registry, &models);
        let http = histograms(|| Histogram::new(HTTP_S));
        Metric::HttpDuration.register(&mut registry, http.clone());
        let (http_active, connections) = (Gauge::default(), Gauge::default());
        Metric::HttpActive.register(&mut registry, http_active.clone());
        Metric::Connections.register(&mut registry, connections.clone());
        let (refused, panics) = (Counter::<u64, AtomicU64>::default(), Counter::default());
        Metric::ConnectionsRefused.register(&mut registry, refused.clone());
        Metric::Panics.register(&mut registry, panics.clone());
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        // `info` metrics get their `_info` from the encoder.
        registry.register(
            Metric::Build.name().trim_end_matches("_info"),
            Metric::Build.help(),
            build,
        );
        let process = Process::register(&mut registry);
        Self {
            registry,
            models,
            shelf,
            cache,
            facts,
            line,
            hq: None,
            skills,
            kept,
            desk,
            networks,
            http,
            http_active,
            connections,
            refused,
            panics,
            process,
        }
    }

    /// The observer by which a model's engine reports.
    pub fn observe_model(&self, name: &str) -> ModelObserver {
        ModelObserver::new(&self.models, name)
    }

    /// By which whoever asks a model tells what its engine cannot see.
    pub fn conduct(&self, name: &str) -> Conduct {
        Conduct::of(self.models.tallies.of(name))
    }

    /// What a model's answers were like, all since the start.
    pub fn model_figures(&self, name: &str) -> ModelFigures {
        self.models.tallies.figures(name)
    }

    /// What tells of models that come into memory and leave it.
    pub fn shelf(&self) -> &ShelfMetrics {
        &self.shelf
    }

    /// What tells of the shop's facts.
    pub fn facts(&self) -> &FactsMetrics {
        &self.facts
    }

    /// What tells of the line to HQ.
    pub fn line(&self) -> &LineMetrics {
        &self.line
    }

    /// The same with what is told of headquarters.
    #[must_use]
    pub fn with_hq(mut self) -> Self {
        self.hq = Some(HqMetrics::register(&mut self.registry));
        self
    }

    /// What tells of headquarters, where this is one.
    pub fn hq(&self) -> Option<&HqMetrics> {
        self.hq.as_ref()
    }

    /// What is kept of shoppers and answers.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// By which the desk reports.
    pub fn desk(&self) -> &DeskMetrics {
        &self.desk
    }

    /// By which skills report.
    pub fn skills(&self) -> &SkillMetrics {
        &self.skills
    }

    /// By which the cache of answers reports.
    pub fn cache(&self) -> &CacheMetrics {
        &self.cache
    }

    /// The observer by which a network reports.
    pub fn observe_network(&self, name: &str) -> NetworkCounts {
        NetworkCounts::new(&self.networks, name)
    }

    /// A request began.
    pub fn http_began(&self) {
        self.http_active.inc();
    }

    /// A request that began has ended.
    pub fn http_ended(&self, request: HttpRequest) {
        self.http_active.dec();
        let labels = HttpLabels {
            http_request_method: request.method.to_owned(),
            http_route: request.route,
            http_response_status_code: request.status,
        };
        self.http.get_or_create(&labels).observe(request.duration.as_secs_f64());
    }

    /// A connection was accepted.
    pub fn connection_opened(&self) {
        self.connections.inc();
    }

    /// An accepted connection has ended.
    pub fn connection_closed(&self) {
        self.connections.dec();
    }

    /// A connection was refused at the limit.
    pub fn connection_refused(&self) {
        self.refused.inc();
    }

    /// A panic was caught at the door.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Media type of [`Self::encode`]'s text.
    pub const CONTENT_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// All metrics as OpenMetrics text, which Prometheus reads.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        self.process.refresh();
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

fn histograms<L: Clone + std::hash::Hash + Eq>(make: fn() -> Histogram) -> Histograms<L> {
    Family::new_with_constructor(make)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{NetworkObserver, Observer};
    use crate::telemetry::HqFigures;

    #[test]
    fn everything_counted_is_shown_under_its_name() {
        let metrics = Metrics::new().with_hq();
        let model = metrics.observe_model("tiny");
        model.first_token(Duration::from_millis(30));
        model.token_gap(Duration::from_millis(12));
        model.prompt_tokens(7);
        model.completed(Duration::from_millis(90));
        model.cancelled();
        model.failed();
        model.set_aside();
        model.queue(3, 2);
        model.kv_bytes(1024, 4096);
        let network = metrics.observe_network("mask");
        network.answered(Duration::from_millis(4));
        network.executed(8, Duration::from_millis(3));
        NetworkObserver::cancelled(&network);
        NetworkObserver::failed(&network);
        NetworkObserver::queue(&network, 5, 1);
        metrics.http_began();
        metrics.http_ended(HttpRequest {
            method: "GET",
            route: "/v1/models".into(),
            status: 200,
            duration: Duration::from_millis(2),
        });
        metrics.connection_refused();
        metrics.shelf().loaded("tiny", 2048, Duration::from_millis(20));
        metrics.shelf().load_failed("tiny");
        metrics.shelf().unloaded("tiny");
        metrics.shelf().loaded("tiny", 2048, Duration::from_millis(20));
        metrics.shelf().evicted("other");
        metrics.shelf().memory(1 << 20, &[("facts", 4096)].into());
        metrics.cache().answered("chat", "exact");
        metrics.skills().answered("ask", "template");
        metrics.skills().refused("copy", "money");
        metrics.skills().screened("absent");
        metrics.skills().found("PERSON");
        metrics.cache().saved("chat", Duration::from_secs(90), 30, 700);
        metrics.cache().gone("outdated", 3);
        metrics.cache().kept(5, 4096, 8192);
        metrics.cache().making(2);
        metrics.cache().compared("hours", true);
        metrics.cache().by_meaning("hours", true);
        metrics.cache().at_night("ask", "made");
        metrics.cache().of_pack("copy");
        metrics.cache().packs(Some((3, 20)));
        metrics.desk().called("anger");
        metrics.desk().escalated();
        metrics.desk().claimed(Duration::from_secs(8));
        metrics.desk().over("solved");
        metrics.desk().corrected();
        metrics.desk().standing(2, 1, 3);
        metrics.facts().store(7, 4096);
        metrics.facts().table("prices", 12, Some(30));
        metrics.facts().refused("invalid");
        metrics.line().phase("open", &["waiting", "open"]);
        metrics.line().connections(3);
        metrics.line().refused("signature", 2);
        metrics.line().outbox("evt", 5, 700, 60);
        metrics.line().lost(1);
        metrics.line().certificate(80);
        let nodes = vec![("online".to_owned(), 3)];
        let figures = HqFigures { nodes, taken: 7, listening: true, ..HqFigures::default() };
        metrics.hq().unwrap().set(&figures);
        let text = metrics.encode().unwrap();
        for metric in Metric::ALL {
            assert!(text.contains(metric.name()), "{}\n{text}", metric.name());
        }
        for line in [
            "gen_ai_server_time_to_first_token_seconds_count{gen_ai_request_model=\"tiny\"} 1",
            "gen_ai_server_time_per_output_token_seconds_bucket{le=\"0.025\",gen_ai_request_model=\"tiny\"} 1",
            "endcap_tokens_total{gen_ai_request_model=\"tiny\",gen_ai_token_type=\"input\"} 7",
            "endcap_tokens_total{gen_ai_request_model=\"tiny\",gen_ai_token_type=\"output\"} 2",
            "endcap_answers_cancelled_total{gen_ai_request_model=\"tiny\"} 1",
            "endcap_queue_waiting{gen_ai_request_model=\"tiny\"} 3",
            "endcap_cache_answers_total{route=\"chat\",how=\"exact\"} 1",
            "endcap_cache_saved_tokens_total{route=\"chat\"} 30",
            "endcap_cache_gone_total{reason=\"outdated\"} 3",
            "endcap_cache_night_total{maker=\"ask\",outcome=\"made\"} 1",
            "endcap_skill_answers_total{skill=\"ask\",step=\"template\"} 1",
            "endcap_skill_refused_total{skill=\"copy\",reason=\"money\"} 1",
            "endcap_privacy_texts_total{tagged=\"absent\"} 1",
            "endcap_privacy_found_total{entity=\"PERSON\"} 1",
            "endcap_cache_memory_bytes 4096",
            "endcap_inference_duration_seconds_count{gen_ai_request_model=\"mask\"} 1",
            "endcap_inference_runs_total{gen_ai_request_model=\"mask\"} 1",
            "endcap_inference_rows_total{gen_ai_request_model=\"mask\"} 8",
            "endcap_inferences_cancelled_total{gen_ai_request_model=\"mask\"} 1",
            "endcap_inferences_failed_total{gen_ai_request_model=\"mask\"} 1",
            "endcap_queue_waiting{gen_ai_request_model=\"mask\"} 5",
            "endcap_kv_used_bytes{gen_ai_request_model=\"tiny\"} 1024",
            "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_route=\"/v1/models\",http_response_status_code=\"200\"} 1",
            "endcap_model_loaded{gen_ai_request_model=\"tiny\"} 1",
            "endcap_model_weights_bytes{gen_ai_request_model=\"tiny\"} 2048",
            "endcap_model_unloads_total{gen_ai_request_model=\"tiny\"} 1",
            "endcap_model_evictions_total{gen_ai_request_model=\"other\"} 1",
            "endcap_memory_budget_bytes 1048576",
            "endcap_memory_held_bytes{holder=\"facts\"} 4096",
            "endcap_facts{table=\"prices\"} 12",
            "endcap_line_certificate_days 80",
            "endcap_hq_nodes{presence=\"online\"} 3",
            "endcap_hq_messages_total{outcome=\"taken\"} 7",
            "endcap_hq_listening 1",
            "endcap_facts_revision 7",
            "endcap_facts_memory_bytes 4096",
            "endcap_facts_feed_age_seconds{table=\"prices\"} 30",
            "endcap_facts_writes_refused_total{reason=\"invalid\"} 1",
            "endcap_line_phase{phase=\"waiting\"} 0",
            "endcap_line_phase{phase=\"open\"} 1",
            "endcap_line_connections_total 3",
            "endcap_line_messages_refused_total{reason=\"signature\"} 2",
            "endcap_outbox_entries{stream=\"evt\"} 5",
            "endcap_outbox_bytes{stream=\"evt\"} 700",
            "endcap_outbox_oldest_age_seconds{stream=\"evt\"} 60",
            "endcap_notes_lost_total 1",
            "http_server_active_requests 0",
            "endcap_http_connections_refused_total 1",
            concat!("endcap_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
