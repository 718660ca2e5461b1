//! What the box tells its operator: metrics for machines, log lines for people.
//!
//! [`Metrics`] holds every counter, gauge and histogram and writes them for Prometheus;
//! [`Metrics::observe_model`] gives the engine the observer of one model. [`start`] sets up the
//! log on standard error. [`with_causes`] tells an error on one line.
//!
//! **Invariants**
//! - Every metric's name, help and unit stand in [`Metric`] and nowhere else.
//! - Label values come from us (routes, served models, status codes), never from a caller, so
//!   the number of series is bounded.
//! - No prompt, answer, customer word or token is in a metric or a log line.
//!
//! **Not here**: the route that shows the metrics, deciding what is worth counting.

// A room's paths are the same wherever they are written.
extern crate self as telemetry;
use endcap_engine as engine;

mod cache;
mod desk;
mod error;
mod facts;
mod figures;
mod hq;
mod kept;
mod line;
mod log;
mod memory;
mod metrics;
mod model;
mod names;
mod network;
mod process;
mod shelf;
mod skills;
mod sums;
mod tap;

pub use cache::CacheMetrics;
pub use desk::DeskMetrics;
pub use error::with_causes;
pub use facts::FactsMetrics;
pub use figures::{Conduct, ModelFigures};
pub use hq::{HqFigures, HqMetrics};
pub use kept::{Kept, KeptMetrics};
pub use line::LineMetrics;
pub use log::{Levels, LogError, LogFormat, start};
pub use memory::{forget_peak_memory, peak_memory_bytes};
pub use metrics::{HttpRequest, Metrics};
pub use model::ModelObserver;
pub use names::Metric;
pub use network::NetworkCounts;
pub use shelf::ShelfMetrics;
pub use skills::SkillMetrics;
pub use sums::Sums;
pub use tap::Warned;
