//! A decoder by itself, for whoever wants its logits: comparison with other runtimes, measuring.

use std::time::{Duration, Instant};

use super::backend::{Backend, Decoder};
use super::cpu::{Kernel, Plan, Row};
use super::{Config, LoadError, ModelSource, Scope, TokenId};

/// A decoder without scheduler, sampler and tokeniser.
pub struct Probe {
    decoder: Decoder,
}

impl Probe {
    /// Names of the kernels this processor runs, the best last.
    pub fn kernels() -> Vec<&'static str> {
        Kernel::available().into_iter().map(Kernel::name).collect()
    }

    /// Loads a decoder for the named kernels, or the best where the name is not one of
    /// [`Self::kernels`].
    pub fn load(source: &ModelSource, kernel: &str, config: &Config) -> Result<Self, LoadError> {
        let named = Kernel::available().into_iter().find(|k| k.name() == kernel);
        let plan = Plan::load_for(source, named.unwrap_or(Kernel::best()))?;
        // Kernels are the processor's, unless a device is demanded.
        let backend = match config.backend {
            Backend::Auto => Backend::Cpu,
            named => named,
        };
        let config = Config { backend, ..config.clone() };
        Ok(Self { decoder: Decoder::new(plan, &config, &config.budget())? })
    }

    /// Runs sequences side by side, at most `chunk` tokens of each a step, and returns the logits
    /// after each of their tokens, sequence by sequence.
    pub fn logits(
        &mut self,
        sequences: &[&[TokenId]],
        chunk: usize,
    ) -> Result<Vec<Vec<Vec<f32>>>, String> {
        let mut out: Vec<Vec<Vec<f32>>> = vec![Vec::new(); sequences.len()];
        self.run(sequences, chunk, |sequence, logits| {
            if let Some(out) = out.get_mut(sequence) {
                out.push(logits.to_vec());
            }
        })?;
        Ok(out)
    }

    fn run(
        &mut self,
        sequences: &[&[TokenId]],
        chunk: usize,
        mut take: impl FnMut(usize, &[f32]),
    ) -> Result<(), String> {
        let opened: Vec<_> =
            sequences.iter().map(|_| self.decoder.kv().open(Scope::Alone)).collect();
        let mut computed = 0;
        let mut outcome = Ok(());
        while outcome.is_ok() && sequences.iter().any(|s| s.len() > computed) {
            let mut rows = Vec::new();
            let mut owners = Vec::new();
            for (owner, (tokens, &sequence)) in sequences.iter().zip(&opened).enumerate() {
                let end = tokens.len().min(computed + chunk.max(1));
                if !self.decoder.kv().reserve(sequence, end) {
                    outcome = Err("the KV budget is used up".to_owned());
                }
                for (position, &token) in tokens.iter().enumerate().take(end).skip(computed) {
                    rows.push(Row { sequence, position, token });
                    owners.push(owner);
                }
            }
            if outcome.is_ok() {
                let wanted: Vec<usize> = (0..rows.len()).collect();
                let logits = self.decoder.logits(&rows, &wanted);
                outcome = logits.map_err(|error| error.to_string()).map(|logits| {
                    let width = self.decoder.vocabulary().max(1);
                    for (owner, logits) in owners.iter().zip(logits.chunks_exact(width)) {
                        take(*owner, logits);
                    }
                });
            }
            computed += chunk.max(1);
        }
        for sequence in opened {
            self.decoder.kv().close(sequence);
        }
        outcome
    }

    /// How long one prompt of `prompt` tokens takes, and then `steps` steps in each of which
    /// `streams` sequences with such a prompt get one token.
    pub fn time(
        &mut self,
        prompt: usize,
        streams: usize,
        steps: usize,
    ) -> Result<(Duration, Duration), String> {
        let token = |i: usize| ((i * 37) % self.decoder.vocabulary().max(1)) as TokenId;
        let tokens: Vec<TokenId> = (0..prompt).map(token).collect();
        let opened: Vec<_> =
            (0..streams.max(1)).map(|_| self.decoder.kv().open(Scope::Alone)).collect();
        let outcome = self.time_opened(&tokens, &opened, steps);
        for sequence in opened {
            self.decoder.kv().close(sequence);
        }
        outcome
    }

    fn time_opened(
        &mut self,
        tokens: &[TokenId],
        opened: &[super::kv::SequenceId],
        steps: usize,
    ) -> Result<(Duration, Duration), String> {
        let mut prefill = Duration::ZERO;
        for &sequence in opened {
            if !self.decoder.kv().reserve(sequence, tokens.len() + steps) {
                return Err("the KV budget is used up".to_owned());
            }
            let start = Instant::now();
            for (piece, chunk) in tokens.chunks(128).enumerate() {
                let rows: Vec<_> = chunk
                    .iter()
                    .enumerate()
                    .map(|(i, &token)| Row { sequence, position: piece * 128 + i, token })
                    .collect();
                self.step(&rows, &[rows.len() - 1])?;
            }
            prefill += start.elapsed();
        }
        let start = Instant::now();
        let wanted: Vec<usize> = (0..opened.len()).collect();
        for step in 0..steps {
            let token = tokens.get(step % tokens.len().max(1)).copied().unwrap_or(0);
            let position = tokens.len() + step;
            let rows: Vec<_> =
                opened.iter().map(|&sequence| Row { sequence, position, token }).collect();
            self.step(&rows, &wanted)?;
        }
        Ok((prefill / opened.len() as u32, start.elapsed()))
    }

    /// A step as greedy answers need it.
    fn step(&mut self, rows: &[Row], wanted: &[usize]) -> Result<(), String> {
        let outcome = self.decoder.best(rows, wanted);
        outcome.map(|_| ()).map_err(|error| error.to_string())
    }
}
