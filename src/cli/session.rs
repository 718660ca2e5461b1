//! A model in this process: opened, loaded, asked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::output;
use crate::config::Config;
use crate::engine::{Chunk, Model, Observer, Request, Sampling, Scope, TokenId};
use crate::packages::{GenerationDefaults, Package, Store};
use crate::skills::chat::{ChatTemplate, Message};

/// A loaded model with what belongs to it.
pub(super) struct Session {
    model: Model,
    template: Option<ChatTemplate>,
    begin: Option<TokenId>,
    defaults: GenerationDefaults,
}

/// Opens MODEL: a package folder where that exists, else an installed package.
pub(super) fn open(config: &Config, model: &str) -> anyhow::Result<Package> {
    let folder = Path::new(model);
    if model.contains('/') || folder.join("package.json").is_file() {
        return Ok(Package::open(folder)?);
    }
    Ok(Store::open(&config.data_dir)?.package(model)?)
}

impl Session {
    pub(super) fn load(config: &Config, package: &Package) -> anyhow::Result<Self> {
        output::progress_note(&format!("loading {}", package.name()));
        let manifest = package.manifest();
        let template = package
            .chat_template()?
            .map(|source| ChatTemplate::compile(&source, &manifest.bos_token, &manifest.eos_token))
            .transpose()?;
        let defaults = package.generation_defaults()?;
        let model = Model::load(&package.decoder(), &config.engine, Arc::new(Unobserved))
            .with_context(|| format!("loading {}", package.name()))?;
        let begin = package.begin_token(model.tokenizer());
        Ok(Self { model, template, begin, defaults })
    }

    /// The package's sampling, as its maker would have it, with a seed that nobody chose.
    pub(super) fn sampling(&self) -> Sampling {
        Sampling { seed: getrandom::u64().unwrap_or_default(), ..self.defaults.sampling() }
    }

    /// Answers a conversation, handing on each part of the text; the whole answer comes back.
    pub(super) fn answer(
        &self,
        messages: &[Message],
        sampling: Sampling,
        max_tokens: Option<usize>,
        mut part: impl FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<String> {
        let prompt = match &self.template {
            Some(template) => {
                template.prompt(messages, |typed| self.model.tokenizer().guard(typed))?
            }
            None => messages.iter().map(|m| m.content.as_str()).collect::<Vec<_>>().join("\n"),
        };
        let begin = self.begin.filter(|_| self.template.is_none());
        let text = self.model.tokenizer().encode(&prompt, true)?;
        let prompt: Vec<_> = begin.into_iter().chain(text).collect();
        let left = self.model.context_tokens().saturating_sub(prompt.len()).max(1);
        let request = Request {
            prompt,
            sampling,
            max_tokens: max_tokens.unwrap_or(left).clamp(1, left),
            stop: Vec::new(),
            logprobs: None,
            deadline: None,
            scope: Scope::Public,
            constraint: None,
        };
        let mut generation = self.model.generate(request)?;
        let mut answer = String::new();
        while let Some(chunk) = generation.blocking_next() {
            let Chunk { text, .. } = chunk?;
            if !text.is_empty() {
                part(&text)?;
                answer.push_str(&text);
            }
        }
        Ok(answer)
    }
}

/// A command that nobody scrapes has nobody to tell.
pub(super) struct Unobserved;

impl Observer for Unobserved {
    fn first_token(&self, _after: Duration) {}
    fn token_gap(&self, _gap: Duration) {}
    fn prompt_tokens(&self, _tokens: u64) {}
    fn completed(&self, _total: Duration) {}
    fn cancelled(&self) {}
    fn failed(&self) {}
    fn queue(&self, _waiting: usize, _running: usize) {}
    fn kv_bytes(&self, _used: u64, _budget: u64) {}
}
