//! What one model's engine reports, counted under the model's name.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::figures::Tally;
use super::metrics::{ModelFamilies, ModelLabels, TokenLabels};
use crate::engine::Observer;

/// Counts for one model; the series exist from the start, at zero.
#[derive(Debug)]
pub struct ModelObserver {
    first_token: Histogram,
    token_gap: Histogram,
    duration: Histogram,
    input: Counter,
    output: Counter,
    completed: Counter,
    cancelled: Counter,
    failed: Counter,
    set_aside: Counter,
    waiting: Gauge,
    running: Gauge,
    kv_used: Gauge,
    kv_budget: Gauge,
    tally: Arc<Tally>,
}

impl ModelObserver {
    pub(super) fn new(families: &ModelFamilies, name: &str) -> Self {
        let model = ModelLabels { gen_ai_request_model: name.to_owned() };
        let tokens = |gen_ai_token_type| {
            let gen_ai_request_model = name.to_owned();
            families
                .tokens
                .get_or_create(&TokenLabels { gen_ai_request_model, gen_ai_token_type })
                .clone()
        };
        Self {
            first_token: families.first_token.get_or_create(&model).clone(),
            token_gap: families.token_gap.get_or_create(&model).clone(),
            duration: families.duration.get_or_create(&model).clone(),
            input: tokens("input"),
            output: tokens("output"),
            completed: families.completed.get_or_create(&model).clone(),
            cancelled: families.cancelled.get_or_create(&model).clone(),
            failed: families.failed.get_or_create(&model).clone(),
            set_aside: families.set_aside.get_or_create(&model).clone(),
            waiting: families.waiting.get_or_create(&model).clone(),
            running: families.running.get_or_create(&model).clone(),
            kv_used: families.kv_used.get_or_create(&model).clone(),
            kv_budget: families.kv_budget.get_or_create(&model).clone(),
            tally: families.tallies.of(name),
        }
    }
}

impl Observer for ModelObserver {
    fn first_token(&self, after: Duration) {
        self.first_token.observe(after.as_secs_f64());
        self.output.inc();
    }
    fn token_gap(&self, gap: Duration) {
        self.token_gap.observe(gap.as_secs_f64());
        self.output.inc();
    }
    fn prompt_tokens(&self, tokens: u64) {
        self.input.inc_by(tokens);
    }
    fn completed(&self, total: Duration) {
        self.completed.inc();
        self.duration.observe(total.as_secs_f64());
        self.tally.completed(total);
    }
    fn cancelled(&self) {
        self.cancelled.inc();
    }
    fn failed(&self) {
        self.failed.inc();
        self.tally.failed();
    }
    fn set_aside(&self) {
        self.set_aside.inc();
    }
    fn queue(&self, waiting: usize, running: usize) {
        self.waiting.set(waiting as i64);
        self.running.set(running as i64);
    }
    fn kv_bytes(&self, used: u64, budget: u64) {
        self.kv_used.set(used as i64);
        self.kv_budget.set(budget as i64);
    }
}
