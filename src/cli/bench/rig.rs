//! A model under measurement: prompts go in, times come out.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::watch::{Event, Watch};
use crate::cli::session;
use crate::config::Config;
use crate::engine::{self, Generation, Model, Report, Request, Sampling, Scope, TokenId};

/// Text for prompts; its sense does not matter, only that it is ordinary.
const TEXT: &str = "The shop opens at nine and the first customers ask for bread, milk and the \
                    price of apples. Somebody wants to know where the lamps are. ";

/// Tokens at the start of a prompt that tell it from every other one.
const NUMBER_TOKENS: usize = 6;

/// A loaded model and what it tells of its work.
pub(super) struct Rig {
    model: Model,
    name: String,
    config: engine::Config,
    load: Duration,
    events: mpsc::Receiver<(Instant, Event)>,
    text: Vec<TokenId>,
    prompts: usize,
}

/// What one round took.
#[derive(Debug, Clone)]
pub(super) struct Round {
    /// From the request to the first token, of each stream.
    pub(super) first_tokens: Vec<Duration>,
    /// From when each stream had its first token to the last token that was counted.
    pub(super) decoding: Duration,
    /// One for each token of that time, of all streams: from the stream's token before.
    pub(super) gaps: Vec<Duration>,
}

impl Rig {
    /// Loads MODEL, of an installed package or a folder.
    pub(super) fn load(config: &Config, model: &str) -> anyhow::Result<Self> {
        let package = session::open(config, model)?;
        let mut source = package.decoder();
        source.end_tokens.clear();
        let (watch, events) = Watch::new();
        let start = Instant::now();
        let model = Model::load(&source, &config.engine, Arc::new(watch))
            .with_context(|| format!("loading {}", package.name()))?;
        let load = start.elapsed();
        let text = model.tokenizer().encode(TEXT, false)?;
        ensure!(text.len() > 1, "{} knows too few tokens to write a prompt", package.name());
        let (name, config) = (package.name().to_owned(), config.engine.clone());
        Ok(Self { model, name, config, load, events, text, prompts: 0 })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn config(&self) -> &engine::Config {
        &self.config
    }

    pub(super) fn load_time(&self) -> Duration {
        self.load
    }

    pub(super) fn report(&self) -> &Report {
        self.model.report()
    }

    /// Threads that the kernels use.
    pub(super) fn threads(&self) -> usize {
        match self.config.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// Tokens that prompt and answer may have together.
    pub(super) fn room(&self) -> usize {
        self.model.context_tokens()
    }

    /// Refuses what the model has no room for.
    pub(super) fn room_for(&self, tokens: usize) -> anyhow::Result<()> {
        let limit = self.room();
        ensure!(
            tokens <= limit,
            "a prompt or context and its answer of {tokens} tokens are more than the {limit} that \
             {} takes here",
            self.name
        );
        Ok(())
    }

    /// Ordinary text that begins like no other prompt of this rig.
    pub(super) fn prompt(&mut self, tokens: usize) -> Vec<TokenId> {
        self.prompts += 1;
        let (mut number, base) = (self.prompts, self.text.len());
        let head = (0..NUMBER_TOKENS).filter_map(|_| {
            let digit = number % base;
            number /= base;
            self.text.get(digit).copied()
        });
        let head: Vec<_> = head.collect();
        head.into_iter().chain(self.text.iter().copied().cycle()).take(tokens).collect()
    }

    /// Asks by itself: nothing that was computed for another prompt helps, and nothing is kept.
    pub(super) fn ask(
        &self,
        prompt: Vec<TokenId>,
        max_tokens: usize,
    ) -> anyhow::Result<Generation> {
        self.ask_in(Scope::Alone, prompt, max_tokens)
    }

    pub(super) fn ask_in(
        &self,
        scope: Scope,
        prompt: Vec<TokenId>,
        max_tokens: usize,
    ) -> anyhow::Result<Generation> {
        let request = Request {
            prompt,
            sampling: Sampling::default(),
            max_tokens,
            stop: Vec::new(),
            logprobs: None,
            deadline: None,
            scope,
            constraint: None,
        };
        Ok(self.model.generate(request)?)
    }

    /// The next event; those that spoil a measurement are errors.
    pub(super) fn event(&self) -> anyhow::Result<(Instant, Event)> {
        let (at, event) = self.events.recv().context("the model's thread is gone")?;
        match event {
            Event::Failed => bail!("an answer failed; the log says why"),
            Event::SetAside => bail!(
                "there is too little KV memory for this; engine.memory_budget and engine.kv_budget \
                 set it"
            ),
            _ => Ok((at, event)),
        }
    }

    /// Ends answers and waits until the engine has.
    pub(super) fn end(&self, answers: Vec<Generation>, ended: usize) -> anyhow::Result<()> {
        let mut left = answers.len().saturating_sub(ended);
        drop(answers);
        while left > 0 {
            left -= usize::from(self.event()?.1 == Event::Ended);
        }
        Ok(())
    }

    /// Runs `streams` prompts of `prompt` tokens at the same time, and from when each has its first
    /// token decodes `tokens` tokens of each.
    pub(super) fn round(
        &mut self,
        streams: usize,
        prompt: usize,
        tokens: usize,
    ) -> anyhow::Result<Round> {
        // The first to be answered go on while the last still read their prompts.
        let mut ahead = if tokens > 1 { streams * prompt / 16 } else { 0 };
        let limit = self.room().saturating_sub(prompt).max(1);
        loop {
            let most = (tokens + ahead).min(limit);
            // Where the model has no room for longer answers, all of their time is what there is.
            let whole = most == limit;
            if let Some(round) = self.attempt(streams, prompt, tokens, most, whole)? {
                return Ok(round);
            }
            ahead = (2 * ahead).max(64);
        }
    }

    /// A round whose answers have `most` tokens. Where one ended before the last began there is
    /// none, or the time from the first token to the last counts.
    fn attempt(
        &mut self,
        streams: usize,
        prompt: usize,
        tokens: usize,
        most: usize,
        whole: bool,
    ) -> anyhow::Result<Option<Round>> {
        let prompts: Vec<_> = (0..streams).map(|_| self.prompt(prompt)).collect();
        let answers = prompts.into_iter().map(|prompt| self.ask(prompt, most));
        let answers = answers.collect::<anyhow::Result<Vec<_>>>()?;
        let (mut first_tokens, mut gaps, mut ended) = (Vec::new(), Vec::new(), 0);
        let (mut began, mut from) = (None, Instant::now());
        while first_tokens.len() < streams {
            let (at, event) = self.event()?;
            match event {
                Event::First(after) => {
                    began.get_or_insert(at);
                    first_tokens.push(after);
                }
                Event::Next(gap) => gaps.push(gap),
                Event::Ended => ended += 1,
                _ => {}
            }
            from = at;
        }
        if ended > 0 && tokens > 1 {
            let to = if whole {
                self.tokens(&mut gaps, &mut ended, |_, ended| ended == streams)?
            } else {
                None
            };
            self.end(answers, ended)?;
            let decoding = to.unwrap_or(from) - began.unwrap_or(from);
            return Ok(whole.then_some(Round { first_tokens, decoding, gaps }));
        }
        gaps.clear();
        // Each step gives a token to every stream, in the same order: so this is whole steps.
        let wanted = tokens.saturating_sub(1) * streams;
        let enough = |tokens, ended| tokens >= wanted || ended > 0;
        let to = self.tokens(&mut gaps, &mut ended, enough)?.unwrap_or(from);
        self.end(answers, ended)?;
        Ok(Some(Round { first_tokens, decoding: to - from, gaps }))
    }

    /// Takes in tokens until there are enough, by the number of them and of answers that ended;
    /// returns when the last came.
    fn tokens(
        &self,
        gaps: &mut Vec<Duration>,
        ended: &mut usize,
        enough: impl Fn(usize, usize) -> bool,
    ) -> anyhow::Result<Option<Instant>> {
        let mut last = None;
        while !enough(gaps.len(), *ended) {
            match self.event()? {
                (at, Event::Next(gap)) => {
                    gaps.push(gap);
                    last = Some(at);
                }
                (_, Event::Ended) => *ended += 1,
                _ => {}
            }
        }
        Ok(last)
    }
}
