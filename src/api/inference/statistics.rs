//! What models have done, in the form of Triton's statistics extension.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::target::{self, Target};
use crate::api::error::not_a_network;
use crate::api::service::{Served, ServedNetwork, Service};
use crate::api::shelf::Manner;
use crate::engine::{BatchStatistics, Statistics, Total};
use crate::http::Problem;

/// `$stats_model_response`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ModelStatistics {
    model_stats: Vec<ModelStat>,
}

/// `$model_stat`.
#[derive(Debug, Serialize, JsonSchema)]
struct ModelStat {
    name: String,
    version: String,
    /// Milliseconds since 1970; 0 where there was none.
    last_inference: u64,
    /// Rows answered.
    inference_count: u64,
    /// Runs of the graph.
    execution_count: u64,
    inference_stats: InferenceStats,
    batch_stats: Vec<BatchStat>,
}

/// `$inference_stats`.
#[derive(Debug, Serialize, JsonSchema)]
struct InferenceStats {
    success: DurationStat,
    fail: DurationStat,
    queue: DurationStat,
    compute_input: DurationStat,
    compute_infer: DurationStat,
    compute_output: DurationStat,
    /// Answers are computed each time.
    cache_hit: DurationStat,
    cache_miss: DurationStat,
    /// Requests whose asker went away before their turn.
    cancel: DurationStat,
}

/// `$batch_stats`.
#[derive(Debug, Serialize, JsonSchema)]
struct BatchStat {
    batch_size: usize,
    compute_input: DurationStat,
    compute_infer: DurationStat,
    compute_output: DurationStat,
}

/// `$duration_stat`.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct DurationStat {
    count: u64,
    ns: u64,
}

impl From<Total> for DurationStat {
    fn from(total: Total) -> Self {
        Self { count: total.count, ns: ns(total.time) }
    }
}

impl ModelStat {
    fn of(network: &ServedNetwork) -> Self {
        Self::told(&network.name, &network.version, &network.network.statistics())
    }

    fn told(name: &str, version: &str, told: &Statistics) -> Self {
        let batch_stats = told.batches.iter().map(|(rows, batch)| BatchStat::of(*rows, *batch));
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            last_inference: told.last_inference.map_or(0, unix_ms),
            inference_count: told.inference_count,
            execution_count: told.execution_count,
            batch_stats: batch_stats.collect(),
            inference_stats: InferenceStats::of(told),
        }
    }
}

impl InferenceStats {
    fn of(told: &Statistics) -> Self {
        Self {
            success: told.success.into(),
            fail: told.fail.into(),
            queue: told.queue.into(),
            compute_input: told.compute_input.into(),
            compute_infer: told.compute_infer.into(),
            compute_output: told.compute_output.into(),
            cache_hit: DurationStat::default(),
            cache_miss: DurationStat::default(),
            cancel: told.cancel.into(),
        }
    }
}

impl BatchStat {
    fn of(batch_size: usize, told: BatchStatistics) -> Self {
        Self {
            batch_size,
            compute_input: told.compute_input.into(),
            compute_infer: told.compute_infer.into(),
            compute_output: told.compute_output.into(),
        }
    }
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `GET /v2/models/{model}/stats`, since it came into memory. Asking this loads nothing.
pub(in crate::api) async fn of_model(
    State(service): State<Arc<Service>>,
    target: Target,
) -> Result<Json<ModelStatistics>, Problem> {
    let shelved = target.look(&service).await?;
    if shelved.about.manner == Manner::Chat {
        return Err(not_a_network(&shelved.name));
    }
    let told = match target::loaded(&service, &shelved) {
        Some(Served::Network(network)) => ModelStat::of(&network),
        _ => ModelStat::told(&shelved.name, &shelved.about.version, &Statistics::default()),
    };
    Ok(Json(ModelStatistics { model_stats: vec![told] }))
}

/// `GET /v2/models/stats`: of every model in memory that is asked with arrays.
pub(in crate::api) async fn of_all(State(service): State<Arc<Service>>) -> Json<ModelStatistics> {
    let loaded = service.shelf.loaded();
    let networks = loaded.iter().filter_map(|served| match served {
        Served::Network(network) => Some(ModelStat::of(network)),
        Served::Language(_) => None,
    });
    Json(ModelStatistics { model_stats: networks.collect() })
}
