//! A request that has pages and is being computed.

use std::time::Instant;

use super::{Event, Job, Limit};
use crate::engine::backend::Ask;
use crate::engine::kv::{KvStore, SequenceId};
use crate::engine::sampler::{Choice, Sampler, Top};
use crate::engine::{FinishReason, Observer, TokenId};

/// What a step found for a sequence.
pub(super) enum Found<'a> {
    /// The token with the largest logit.
    Best(TokenId),
    /// The largest logits, which are enough.
    Top(&'a Top),
    /// All logits, which may be changed.
    Logits(&'a mut [f32]),
}

pub(super) struct Sequence {
    pub(super) job: Job,
    pub(super) pages: SequenceId,
    /// Prompt and answer.
    pub(super) tokens: Vec<TokenId>,
    /// Tokens whose keys and values are in the pages.
    pub(super) computed: usize,
    /// Tokens of the prompt that were there already.
    cached: usize,
    sampler: Sampler,
    pub(super) started: Instant,
    last_token: Option<Instant>,
}

impl Sequence {
    /// Starts a job; gives it back where there are no pages for its prompt now.
    pub(super) fn start(job: Job, kv: &mut KvStore) -> Result<Self, Box<Job>> {
        let pages = kv.open(job.request.scope);
        let mut sequence = Self {
            pages,
            tokens: job.request.prompt.clone(),
            computed: 0,
            cached: 0,
            sampler: Sampler::new(
                job.request.sampling.clone(),
                &job.request.prompt,
                job.request.constraint.clone(),
            ),
            started: Instant::now(),
            last_token: None,
            job,
        };
        sequence.skip_known(kv);
        if kv.reserve(pages, sequence.tokens.len()) {
            return Ok(sequence);
        }
        kv.close(pages);
        Err(Box::new(sequence.job))
    }

    /// Brings back a sequence that was set aside; false where there are no pages for it now.
    pub(super) fn resume(&mut self, kv: &mut KvStore, context_tokens: usize) -> bool {
        self.pages = kv.open(self.job.request.scope);
        self.computed = 0;
        self.skip_known(kv);
        // One page more than it needs at once, or it would soon be back.
        if kv.reserve(self.pages, (self.tokens.len() + 16).min(context_tokens)) {
            return true;
        }
        kv.close(self.pages);
        false
    }

    /// Passes over all tokens but the last that some page holds already.
    pub(super) fn skip_known(&mut self, kv: &mut KvStore) {
        let all_but_last = self.tokens.split_last().map_or(&[][..], |(_, before)| before);
        let known = kv.adopt(self.pages, all_but_last);
        if known > self.computed {
            if self.last_token.is_none() {
                self.cached += known - self.computed;
            }
            self.computed = known;
        }
    }

    /// Tokens that are not computed yet.
    pub(super) fn pending(&self) -> usize {
        self.tokens.len() - self.computed
    }

    /// Tokens that are computed.
    pub(super) fn known(&self) -> &[TokenId] {
        self.tokens.get(..self.computed).unwrap_or_default()
    }

    /// Tokens generated so far.
    pub(super) fn answered(&self) -> usize {
        self.tokens.len() - self.job.request.prompt.len()
    }

    /// What it needs to choose the next token.
    pub(super) fn ask(&self) -> Ask {
        self.sampler.ask(self.job.request.logprobs)
    }

    /// Whether the largest logits are enough for it.
    pub(super) fn is_enough(&self, top: &Top) -> bool {
        self.sampler.is_decided_by(top, self.job.request.logprobs)
    }

    /// Samples, sends and appends a token; returns how the sequence ends, if it does.
    pub(super) fn next_token(
        &mut self,
        found: Found<'_>,
        limit: &Limit,
        observer: &dyn Observer,
    ) -> Option<Event> {
        let request = &self.job.request;
        let choice = match found {
            Found::Best(token) => Ok(Choice { token, logprobs: None }),
            Found::Top(top) => self.sampler.choose_of(top, request.logprobs),
            Found::Logits(logits) => self.sampler.choose(logits, request.logprobs),
        };
        let choice = match choice {
            Ok(choice) => choice,
            Err(error) => {
                observer.failed();
                return Some(Event::Failed(error));
            }
        };
        let now = Instant::now();
        match self.last_token.replace(now) {
            None => {
                observer.first_token(now - self.job.queued_at);
                let _reader_may_be_gone = self.job.events.try_send(Event::Cached(self.cached));
            }
            Some(before) => observer.token_gap(now - before),
        }
        self.tokens.push(choice.token);
        if limit.end_tokens.contains(&choice.token) {
            return Some(Event::End(FinishReason::Stop));
        }
        let _reader_may_be_gone = self.job.events.try_send(Event::Token(choice));
        let full = self.answered() >= self.job.request.max_tokens
            || self.tokens.len() >= limit.context_tokens;
        full.then_some(Event::End(FinishReason::Length))
    }
}
