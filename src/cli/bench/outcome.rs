//! What a measurement found: as JSON, and as a table that can be taken in at a glance.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::rig::{Rig, Round};
use crate::cli::output;
use crate::engine::{Accelerator, Activation, Limits, Report};
use crate::units::Bytes;

/// Cells of the longest bar.
const BAR_CELLS: usize = 16;

/// One number of streams.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measured {
    pub(super) streams: usize,
    /// From the request to its first token; the slowest stream's.
    pub(super) time_to_first_token_ms: f64,
    /// Prompt tokens of all streams in the time until each has its first token.
    pub(super) prefill_tokens_per_s: f64,
    /// Of all streams together, while all decode.
    pub(super) decode_tokens_per_s: f64,
    /// Of one stream, while all decode.
    pub(super) decode_tokens_per_s_per_stream: f64,
    /// Between two tokens of a stream: 99 of 100 are shorter.
    pub(super) token_gap_p99_ms: f64,
    /// Of what the box could do at most.
    #[serde(flatten)]
    pub(super) shares: Option<Shares>,
}

/// Shares of the limits; 1 is the limit.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Shares {
    /// Bytes of weights and KV that decode reads, against reading memory in order.
    pub(super) share_of_read_limit: f64,
    /// Multiply-adds of prefill, against the processor's integer dot products.
    pub(super) share_of_multiply_add_limit: f64,
}

/// What a graphics processor could do at most.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct DeviceLimits {
    /// Bytes read and written together while a buffer is copied.
    pub(super) copy_bytes_per_s: f64,
    /// Bytes of weights and KV that decode of the first number of streams reads, of these.
    pub(super) share_of_copy_limit: f64,
}

/// Everything that is told; the figures beside `results` are those of the first number of streams.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    model: String,
    kernel: Cow<'static, str>,
    /// The graphics processor that computed; absent where the processor did.
    device: Option<Accelerator>,
    threads: usize,
    activation: Activation,
    load_ms: f64,
    /// Nodes of the plan; on a device the kernels of a token.
    nodes: usize,
    prompt_tokens: usize,
    answer_tokens: usize,
    context_tokens: usize,
    rounds: u16,
    prefill_tokens_per_s: f64,
    decode_tokens_per_s: f64,
    time_to_first_token_ms: f64,
    /// Absent where the system does not tell.
    peak_rss_mb: Option<f64>,
    weight_bytes: u64,
    read_bytes_per_token: u64,
    multiply_adds_per_token: u64,
    kv_bytes_per_token: u64,
    limits: Option<Limits>,
    /// What the graphics processor moves while it copies, and the share of it that decode reads.
    device_limits: Option<DeviceLimits>,
    results: Vec<Measured>,
}

/// What was asked to be measured.
pub(super) struct Asked {
    pub(super) rounds: u16,
    pub(super) prompt: usize,
    pub(super) tokens: usize,
    pub(super) context: usize,
}

/// Milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The middle one of some numbers; 0 of none.
pub(super) fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

impl Measured {
    /// The middle of each figure over some rounds.
    pub(super) fn middle(streams: usize, prompt: usize, rounds: &[Round]) -> Self {
        let figure = |of: &dyn Fn(&Round) -> f64| middle(rounds.iter().map(of).collect());
        let slowest = |r: &Round| r.first_tokens.iter().max().copied().unwrap_or_default();
        let decode =
            figure(&|r| r.gaps.len() as f64 / r.decoding.as_secs_f64().max(f64::MIN_POSITIVE));
        Self {
            streams,
            time_to_first_token_ms: figure(&|r| ms(slowest(r))),
            prefill_tokens_per_s: figure(&|r| {
                (prompt * streams) as f64 / slowest(r).as_secs_f64().max(f64::MIN_POSITIVE)
            }),
            decode_tokens_per_s: decode,
            decode_tokens_per_s_per_stream: decode / streams as f64,
            token_gap_p99_ms: figure(&|r| ms(super::cases::percentile(&r.gaps, 0.99))),
            shares: None,
        }
    }

    /// Bytes that decode reads.
    fn read_bytes_per_s(&self, report: &Report, context: f64) -> f64 {
        // The weights are read once a step, the keys and values of each stream for itself.
        let kv = report.kv_bytes_per_token as f64 * context * self.streams as f64;
        self.decode_tokens_per_s_per_stream * (report.read_bytes_per_token as f64 + kv)
    }

    fn compare(&mut self, report: &Report, products: u64, context: f64, limits: &Limits) {
        let read = self.read_bytes_per_s(report, context);
        let per_token = (report.multiply_adds_per_token * products) as f64;
        self.shares = Some(Shares {
            share_of_read_limit: read / limits.read_bytes_per_s,
            share_of_multiply_add_limit: self.prefill_tokens_per_s * per_token
                / limits.multiply_adds_per_s,
        });
    }
}

impl Outcome {
    pub(super) fn new(
        rig: &Rig,
        asked: &Asked,
        peak_bytes: Option<u64>,
        results: Vec<Measured>,
    ) -> Self {
        let report = rig.report();
        let first = |of: fn(&Measured) -> f64| results.first().map_or(0.0, of);
        Self {
            model: rig.name().to_owned(),
            kernel: report.kernel.clone(),
            device: report.device.clone(),
            threads: rig.threads(),
            activation: rig.config().activation,
            load_ms: ms(rig.load_time()),
            nodes: report.nodes,
            prompt_tokens: asked.prompt,
            answer_tokens: asked.tokens,
            context_tokens: asked.context,
            rounds: asked.rounds,
            prefill_tokens_per_s: first(|m| m.prefill_tokens_per_s),
            decode_tokens_per_s: first(|m| m.decode_tokens_per_s),
            time_to_first_token_ms: first(|m| m.time_to_first_token_ms),
            peak_rss_mb: peak_bytes.map(|bytes| bytes as f64 / 1e6),
            weight_bytes: report.weight_bytes,
            read_bytes_per_token: report.read_bytes_per_token,
            multiply_adds_per_token: report.multiply_adds_per_token,
            kv_bytes_per_token: report.kv_bytes_per_token,
            limits: None,
            device_limits: None,
            results,
        }
    }

    /// Adds what the box could do at most, and each result's share of it.
    pub(super) fn compare(&mut self, rig: &Rig, limits: Limits) {
        let context = self.context_tokens as f64 + self.answer_tokens as f64 / 2.0;
        let products = self.activation.products();
        for result in &mut self.results {
            result.compare(rig.report(), products, context, &limits);
        }
        self.limits = Some(limits);
    }

    /// [`Self::compare`] for what a graphics processor computed.
    pub(super) fn compare_with_device(&mut self, rig: &Rig, copy_bytes_per_s: Option<f64>) {
        let context = self.context_tokens as f64 + self.answer_tokens as f64 / 2.0;
        let Some((first, copy_bytes_per_s)) = self.results.first().zip(copy_bytes_per_s) else {
            return;
        };
        let share_of_copy_limit = first.read_bytes_per_s(rig.report(), context) / copy_bytes_per_s;
        self.device_limits = Some(DeviceLimits { copy_bytes_per_s, share_of_copy_limit });
    }

    pub(super) fn print(&self) -> anyhow::Result<()> {
        self.lines().iter().try_for_each(|text| Ok(output::line(text)?))
    }

    fn lines(&self) -> Vec<String> {
        let activation = self.activation.name();
        let memory = self.peak_rss_mb.map(|mb| format!(", {mb:.0} MB of memory at most"));
        let mut lines = vec![
            match &self.device {
                None => format!(
                    "{}: {} kernels, {} threads, {activation} activations",
                    self.model, self.kernel, self.threads
                ),
                Some(device) => format!(
                    "{}: {} kernels on {} ({}, {})",
                    self.model, self.kernel, device.name, device.kind, device.driver
                ),
            },
            format!(
                "loaded in {:.0} ms, weights of {}{}",
                self.load_ms,
                Bytes(self.weight_bytes),
                memory.unwrap_or_default()
            ),
        ];
        lines.extend(self.limits.map(|limits| {
            format!(
                "this box: {:.1} GB/s read in order, {:.0} G multiply-adds/s",
                limits.read_bytes_per_s / 1e9,
                limits.multiply_adds_per_s / 1e9
            )
        }));
        lines.extend(self.device_limits.map(|limits| {
            format!(
                "this device: {:.1} GB/s while it copies; decode of {} reads at {:.0} % of that",
                limits.copy_bytes_per_s / 1e9,
                self.results.first().map_or(0, |first| first.streams),
                limits.share_of_copy_limit * 100.0
            )
        }));
        lines.push(format!(
            "prompts of {}, answers of {} tokens at a context of {}; the middle of {}",
            self.prompt_tokens, self.answer_tokens, self.context_tokens, self.rounds
        ));
        lines.push(String::new());
        lines.push(HEAD.to_owned());
        let most = |of: fn(&Measured) -> f64| self.results.iter().map(of).fold(0.0, f64::max);
        let (prefill, decode) = (most(|m| m.prefill_tokens_per_s), most(|m| m.decode_tokens_per_s));
        lines.extend(self.results.iter().map(|result| result.line(prefill, decode)));
        lines
    }
}

const HEAD: &str = "streams  first token  prefill tok/s             of limit  \
                    decode tok/s              of limit";

impl Measured {
    /// A row under [`HEAD`], with bars against the largest figures of all rows.
    fn line(&self, prefill: f64, decode: f64) -> String {
        let percent = |of: fn(&Shares) -> f64| {
            self.shares.map_or("–".to_owned(), |shares| format!("{:.0} %", of(&shares) * 100.0))
        };
        format!(
            "{:7}  {:>11}  {:7.0} {}{:>9}  {:7.1} {}{:>9}",
            self.streams,
            format!("{:.0} ms", self.time_to_first_token_ms),
            self.prefill_tokens_per_s,
            bar(self.prefill_tokens_per_s / prefill),
            percent(|s| s.share_of_multiply_add_limit),
            self.decode_tokens_per_s,
            bar(self.decode_tokens_per_s / decode),
            percent(|s| s.share_of_read_limit),
        )
    }
}

/// A share of [`BAR_CELLS`], to an eighth of a cell, filled up with blanks.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * (BAR_CELLS * 8) as f64).round() as usize;
    let end = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    format!("{:BAR_CELLS$}", format!("{}{end}", "█".repeat(eighths / 8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        for (share, want) in [
            (0.0, ""),
            (1.0, "████████████████"),
            (0.5, "████████"),
            (1.0 / 128.0, "▏"),
            (f64::NAN, ""),
        ] {
            assert_eq!(bar(share).trim_end(), want, "{share}");
            assert_eq!(bar(share).chars().count(), BAR_CELLS);
        }
    }

    #[test]
    fn a_share_counts_weights_once_a_step_and_kv_for_each_stream() {
        let report = Report {
            kernel: "portable".into(),
            device: None,
            weight_bytes: 0,
            read_bytes_per_token: 1000,
            multiply_adds_per_token: 50,
            kv_bytes_per_token: 10,
            layers: 1,
            context_tokens: 0,
            vocabulary: 0,
            nodes: 0,
            operators: Vec::new(),
        };
        let limits = Limits { read_bytes_per_s: 10_000.0, multiply_adds_per_s: 1000.0 };
        let second = Duration::from_secs(1);
        let gaps = vec![second / 4; 8];
        let round = Round { first_tokens: vec![second * 4; 2], decoding: second, gaps };
        let mut measured = Measured::middle(2, 20, &[round]);
        assert_eq!(measured.prefill_tokens_per_s, 10.0);
        assert_eq!(measured.decode_tokens_per_s_per_stream, 4.0);
        measured.compare(&report, 2, 25.0, &limits);
        let shares = measured.shares.unwrap();
        // Four steps, each of the weights and of 25 tokens of two streams.
        assert_eq!(shares.share_of_read_limit, 4.0 * 1500.0 / 10_000.0);
        assert_eq!(shares.share_of_multiply_add_limit, 10.0 * 100.0 / 1000.0);
    }
}
