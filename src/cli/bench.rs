//! `endcap bench`: how fast a model is on this box, and how near that is to what the box could do.
//!
//! Times are those at which the engine hands tokens out. Prompts are ordinary text, no two alike,
//! so that nothing computed for one helps another; answers are greedy and never end early.

mod cases;
mod outcome;
mod rig;
mod watch;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use self::outcome::{Asked, Measured, Outcome};
use self::rig::{Rig, Round};
use super::arguments::Common;
use super::output;
use crate::config;
use crate::engine::{Activation, Backend, Limits, device_bandwidth};

const EXAMPLES: &str = "\
Examples:
  endcap bench smollm2-135m-instruct
  endcap bench smollm2-135m-instruct --streams 1,4,8 --prompt 256 --tokens 128 --json
  endcap bench smollm2-135m-instruct --threads 1 --context 2000

A share of a limit is of what is measured on the spot with as many threads: for decode the bytes
that a token takes against reading memory in order, for prefill the multiply-adds against the
processor's integer dot products on registers.";

/// Arguments of `bench`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Bench {
    /// Name of an installed package, or the path of a package folder
    model: String,
    /// Answers made at the same time, one measurement each
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,4,8,16",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    streams: Vec<u16>,
    /// Tokens of each prompt
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    prompt: u32,
    /// Tokens of each answer
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..))]
    tokens: u32,
    /// Tokens before each answer where decode is measured [default: the prompt's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    context: Option<u32>,
    /// Threads; 0 takes every core [default: as configured]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: Option<u16>,
    /// How finely values between weights are kept: 8-bit, mixed or 16-bit [default: as configured]
    #[arg(long, value_name = "BITS")]
    activation: Option<Activation>,
    /// What runs the model: auto, cpu or gpu [default: as configured]
    #[arg(long, value_name = "WHAT")]
    backend: Option<Backend>,
    /// Rounds of each measurement; the middle one is told
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Do not measure what the box could do at most
    #[arg(long)]
    no_limits: bool,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    /// One particular question instead; its answer is JSON
    #[arg(long, hide = true)]
    case: Option<Case>,
}

/// Questions that the comparison with other programs asks.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Case {
    /// The first token of a prompt of which all but 100 tokens were computed before.
    Prefix,
    /// The gaps between tokens of running answers while a long prompt arrives.
    Arrival,
    /// One token of one prompt, for whoever takes the time of the whole process.
    Start,
}

pub(super) fn run(common: &Common, bench: &Bench) -> anyhow::Result<()> {
    let mut config = config::load(&common.sources())?;
    let most = bench.streams.iter().copied().max().unwrap_or(1).into();
    let engine = &mut config.engine;
    // One more than the streams, for the prompt that arrives.
    engine.max_sequences = engine.max_sequences.max(most + 1);
    engine.max_queue = engine.max_queue.max(most + 1);
    engine.threads = bench.threads.map_or(engine.threads, usize::from);
    engine.activation = bench.activation.unwrap_or(engine.activation);
    engine.backend = bench.backend.unwrap_or(engine.backend);
    let mut rig = Rig::load(&config, &bench.model)?;
    let rounds = usize::from(bench.rounds);
    let (prompt, tokens) = (bench.prompt as usize, bench.tokens as usize);
    match bench.case {
        Some(Case::Prefix) => output::json(&cases::prefix(&mut rig, prompt, rounds)?),
        Some(Case::Arrival) => {
            output::json(&cases::arrival(&mut rig, most, prompt, tokens, rounds)?)
        }
        Some(Case::Start) => output::json(&cases::start(&mut rig, prompt)?),
        None => {
            let outcome = bench.measure(&mut rig)?;
            if bench.json { output::json(&outcome) } else { outcome.print() }
        }
    }
}

impl Bench {
    fn measure(&self, rig: &mut Rig) -> anyhow::Result<Outcome> {
        let (prompt, tokens) = (self.prompt as usize, self.tokens as usize);
        let context = self.context.map_or(prompt, |context| context as usize);
        rig.room_for(prompt.max(context) + tokens)?;
        rig.round(1, prompt.min(16), 2)?;
        let bar = self.bar();
        let mut all = Vec::new();
        for &streams in &self.streams {
            bar.set_message(format!("{streams} at a time"));
            let mut rounds = Vec::new();
            for _ in 0..self.rounds {
                rounds.push(self.round(rig, streams.into(), context)?);
                bar.inc(1);
            }
            all.push(Measured::middle(streams.into(), prompt, &rounds));
        }
        bar.finish_and_clear();
        // Before the limits, which take memory of their own.
        let peak_bytes = crate::telemetry::peak_memory_bytes();
        let asked = Asked { rounds: self.rounds, prompt, tokens, context };
        let mut outcome = Outcome::new(rig, &asked, peak_bytes, all);
        match &rig.report().device {
            _ if self.no_limits => {}
            None => outcome.compare(rig, Limits::measure(rig.threads())),
            Some(_) => outcome.compare_with_device(rig, device_bandwidth(&rig.config().graphics)),
        }
        Ok(outcome)
    }

    fn round(&self, rig: &mut Rig, streams: usize, context: usize) -> anyhow::Result<Round> {
        let (prompt, tokens) = (self.prompt as usize, self.tokens as usize);
        if context == prompt {
            return rig.round(streams, prompt, tokens);
        }
        let prefill = rig.round(streams, prompt, 1)?;
        let decode = rig.round(streams, context, tokens)?;
        Ok(Round { first_tokens: prefill.first_tokens, ..decode })
    }

    fn bar(&self) -> ProgressBar {
        let steps = self.streams.len() as u64 * u64::from(self.rounds);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
        ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}
