//! `endcap bench`: how fast a model is on this box.
//!
//! Prompts are text of the model's own vocabulary, cut to the asked number of tokens; answers are
//! greedy and never end early. Time to first token and speed come from the arrival of the parts
//! that any client would see.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::arguments::Common;
use super::output;
use super::session::{self, Unobserved};
use crate::config;
use crate::engine::{Model, Request, Sampling, TokenId};

const EXAMPLES: &str = "\
Examples:
  endcap bench smollm2-135m-instruct
  endcap bench smollm2-135m-instruct --streams 1,4,8 --prompt-tokens 256 --json";

/// Text for prompts; its sense does not matter, only that it is ordinary.
const TEXT: &str = "The shop opens at nine and the first customers ask for bread, milk and the \
                    price of apples. Somebody wants to know where the lamps are. ";

/// Arguments of `bench`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Bench {
    /// Name of an installed package, or the path of a package folder
    model: String,
    /// Answers made at the same time, one measurement each
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,2,4,8",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    streams: Vec<u16>,
    /// Tokens of each prompt
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    prompt_tokens: u32,
    /// Tokens of each answer
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..))]
    max_tokens: u32,
    /// Rounds of each measurement; the middle one is told
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

/// One measurement.
#[derive(Debug, Clone, Serialize)]
struct Measured {
    streams: usize,
    /// From the request to its first token; the slowest stream's.
    ttft_ms: f64,
    /// Prompt tokens of all streams in the time until each has its first token.
    prefill_tokens_per_s: f64,
    /// Of one stream, while all decode.
    decode_tokens_per_s_per_stream: f64,
    /// Of all streams together, while all decode.
    decode_tokens_per_s: f64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    model: String,
    kernel: &'static str,
    threads: usize,
    load_ms: f64,
    prompt_tokens: usize,
    max_tokens: usize,
    rounds: u16,
    results: Vec<Measured>,
}

pub(super) fn run(common: &Common, bench: &Bench) -> anyhow::Result<()> {
    let mut config = config::load(&common.sources())?;
    let most = bench.streams.iter().copied().max().unwrap_or(1).into();
    config.engine.max_sequences = config.engine.max_sequences.max(most);
    config.engine.max_queue = config.engine.max_queue.max(most);
    let package = session::open(&config, &bench.model)?;
    let mut source = package.decoder();
    source.end_tokens.clear();
    let report = Model::check(&source)?;
    let start = Instant::now();
    let model = Model::load(&source, &config.engine, std::sync::Arc::new(Unobserved))
        .with_context(|| format!("loading {}", package.name()))?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let prompt = bench.prompt(&model)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut outcome = Outcome {
        model: package.name().to_owned(),
        kernel: report.kernel,
        threads: if config.engine.threads == 0 { cores } else { config.engine.threads },
        load_ms,
        prompt_tokens: prompt.len(),
        max_tokens: bench.max_tokens as usize,
        rounds: bench.rounds,
        results: Vec::new(),
    };
    let bar = bench.bar();
    measure(&model, &prompt, 2, 1).context("warming up")?;
    for &streams in &bench.streams {
        bar.set_message(format!("{streams} at a time"));
        let mut rounds = Vec::new();
        for _ in 0..bench.rounds {
            rounds.push(measure(&model, &prompt, bench.max_tokens as usize, streams.into())?);
            bar.inc(1);
        }
        rounds.sort_by(|a, b| a.decode_tokens_per_s.total_cmp(&b.decode_tokens_per_s));
        outcome.results.extend(rounds.get(rounds.len() / 2).cloned());
    }
    bar.finish_and_clear();
    if bench.json { output::json(&outcome) } else { outcome.print() }
}

impl Bench {
    fn prompt(&self, model: &Model) -> anyhow::Result<Vec<TokenId>> {
        let wanted = self.prompt_tokens as usize;
        let room = model.context_tokens().saturating_sub(self.max_tokens as usize);
        anyhow::ensure!(
            wanted <= room,
            "{wanted} prompt tokens and {} of an answer are more than the {} of this model",
            self.max_tokens,
            model.context_tokens()
        );
        let text = TEXT.repeat(wanted.div_ceil(16) + 1);
        let tokens = model.tokenizer().encode(&text, false)?;
        Ok(tokens.into_iter().cycle().take(wanted).collect())
    }

    fn bar(&self) -> ProgressBar {
        let steps = self.streams.len() as u64 * u64::from(self.rounds);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
        ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

/// Runs `streams` equal requests at the same time.
fn measure(
    model: &Model,
    prompt: &[TokenId],
    max_tokens: usize,
    streams: usize,
) -> anyhow::Result<Measured> {
    let start = Instant::now();
    let times = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..streams).map(|_| scope.spawn(|| one(model, prompt, max_tokens, start))).collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(times) => times,
            Err(_) => Err(anyhow::anyhow!("a measuring thread panicked")),
        });
        joined.collect::<anyhow::Result<Vec<Times>>>()
    })?;
    let firsts = || times.iter().filter_map(|t| t.first().copied());
    let lasts = || times.iter().filter_map(|t| t.last().copied());
    let slowest = firsts().max().unwrap_or_default();
    // All streams decode between the last one's first token and the first one's last; answers too
    // short for that are taken from the first token to the last.
    let all = (slowest, lasts().min().unwrap_or_default());
    let any = (firsts().min().unwrap_or_default(), lasts().max().unwrap_or_default());
    let (from, to) = if all.0 < all.1 { all } else { any };
    let decoded = times.iter().flatten().filter(|&&at| from < at && at <= to).count();
    let rate = decoded as f64 / to.saturating_sub(from).as_secs_f64().max(1e-9);
    Ok(Measured {
        streams,
        ttft_ms: slowest.as_secs_f64() * 1e3,
        prefill_tokens_per_s: (prompt.len() * streams) as f64 / slowest.as_secs_f64(),
        decode_tokens_per_s_per_stream: rate / streams as f64,
        decode_tokens_per_s: rate,
    })
}

/// When each token of a stream came, counted from the common start.
type Times = Vec<Duration>;

fn one(
    model: &Model,
    prompt: &[TokenId],
    max_tokens: usize,
    start: Instant,
) -> anyhow::Result<Times> {
    let request = Request {
        prompt: prompt.to_vec(),
        sampling: Sampling::default(),
        max_tokens,
        stop: Vec::new(),
        // So that each token is told, whether or not it completes a character.
        logprobs: Some(0),
        deadline: None,
    };
    let mut generation = model.generate(request)?;
    let mut times = Times::new();
    while let Some(chunk) = generation.blocking_next() {
        if !chunk?.tokens.is_empty() {
            times.push(start.elapsed());
        }
    }
    Ok(times)
}

impl Outcome {
    fn print(&self) -> anyhow::Result<()> {
        output::line(&format!(
            "{}: kernel {}, {} threads, loaded in {:.0} ms; prompts of {} tokens, answers of {}",
            self.model,
            self.kernel,
            self.threads,
            self.load_ms,
            self.prompt_tokens,
            self.max_tokens
        ))?;
        output::line("streams   TTFT ms   prefill tok/s   decode tok/s   per stream")?;
        for row in &self.results {
            output::line(&format!(
                "{:7}   {:7.0}   {:13.0}   {:12.1}   {:10.1}",
                row.streams,
                row.ttft_ms,
                row.prefill_tokens_per_s,
                row.decode_tokens_per_s,
                row.decode_tokens_per_s_per_stream
            ))?;
        }
        Ok(())
    }
}
