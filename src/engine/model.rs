//! A loaded model and its answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::backend::{self, Decoder};
use super::constraint::{Constraint, ConstraintError, Form, Forms};
use super::cpu::Plan;
use super::sampler::Choice;
use super::scheduler::{EVENTS_BESIDES_TOKENS, Event, Job, Limit, Reading, Scheduler};
use super::text::{Assembler, Piece};
use super::{
    Budget, Chunk, Config, EngineError, FinishReason, LoadError, ModelSource, Observer, Report,
    Request, TokenId, TokenLogprob, TokenReport, Tokenizer, Usage,
};

/// Bytes of logits that one answer may have.
const MAX_LOGIT_BYTES: usize = 256 << 20;

/// A loaded model; clones share it. The last one dropped ends its thread.
#[derive(Clone)]
pub struct Model {
    inner: Arc<Inner>,
}

struct Inner {
    tokenizer: Arc<Tokenizer>,
    scheduler: Scheduler,
    report: Report,
    context_tokens: usize,
    vocabulary: usize,
    end_tokens: Vec<TokenId>,
    /// Made when a form is first asked for.
    forms: OnceLock<Result<Forms, ConstraintError>>,
}

impl Model {
    /// Loads and starts a model that has the whole budget of `config` for itself. Takes seconds and
    /// blocks.
    pub fn load(
        source: &ModelSource,
        config: &Config,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, LoadError> {
        Self::load_within(&config.budget(), source, config, observer)
    }

    /// [`Self::load`] beside other models, with which it shares `budget`. Refused with the figures
    /// where its weights do not fit.
    pub fn load_within(
        budget: &Budget,
        source: &ModelSource,
        config: &Config,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, LoadError> {
        let (plan, tokenizer) = open(source)?;
        let positions = plan.positions().unwrap_or(usize::MAX).min(source.context_tokens);
        let mut decoder = Decoder::new(plan, config, budget)?;
        let report = decoder.report(positions);
        let kv = decoder.kv();
        let context_tokens = positions.min(kv.limit_tokens());
        if context_tokens < 2 {
            let page_bytes = kv.layout().page_bytes();
            return Err(LoadError::Budget { budget_bytes: kv.allowed_bytes(), page_bytes });
        }
        let vocabulary = decoder.vocabulary();
        let limit = Limit { context_tokens, end_tokens: source.end_tokens.clone() };
        let scheduler =
            Scheduler::start(&source.name, decoder, config, observer, limit).map_err(|error| {
                LoadError::Graph { why: format!("its thread did not start: {error}") }
            })?;
        let tokenizer = Arc::new(tokenizer);
        let (end_tokens, forms) = (source.end_tokens.clone(), OnceLock::new());
        let inner =
            Inner { tokenizer, scheduler, report, context_tokens, vocabulary, end_tokens, forms };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Does what [`Self::load`] does up to the point of running, and reports.
    pub fn check(source: &ModelSource) -> Result<Report, LoadError> {
        let (plan, _) = open(source)?;
        let context_tokens = plan.positions().unwrap_or(usize::MAX).min(source.context_tokens);
        Ok(plan.report(context_tokens))
    }

    /// Why no graphics processor can run a model, whichever it is; none where its operations all have
    /// kernels there.
    pub fn device_fault(source: &ModelSource) -> Result<Option<String>, LoadError> {
        Ok(backend::fault(&Plan::load(source)?))
    }

    /// What it takes to run this model.
    pub fn report(&self) -> &Report {
        &self.inner.report
    }

    /// The model's tokeniser.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.inner.tokenizer
    }

    /// Positions available to prompt and answer together.
    pub fn context_tokens(&self) -> usize {
        self.inner.context_tokens
    }

    /// Prepares a form for one answer. Takes milliseconds, and the first time of a model as long as
    /// sorting its vocabulary.
    pub fn constrain(&self, form: &Form) -> Result<Constraint, ConstraintError> {
        let inner = &self.inner;
        let forms = inner
            .forms
            .get_or_init(|| Forms::new(&inner.tokenizer, inner.vocabulary, &inner.end_tokens));
        forms.as_ref().map_err(Clone::clone)?.compile(form)
    }

    /// Queues a request. Never blocks.
    pub fn generate(&self, request: Request) -> Result<Generation, EngineError> {
        let inner = &self.inner;
        let (prompt_tokens, limit_tokens) = (request.prompt.len(), inner.context_tokens - 1);
        if prompt_tokens == 0 {
            return Err(EngineError::EmptyPrompt);
        }
        if prompt_tokens > limit_tokens {
            return Err(EngineError::PromptTooLong { prompt_tokens, limit_tokens });
        }
        let biased = request.sampling.logit_bias.iter().map(|(token, _)| *token);
        if let Some(token) =
            request.prompt.iter().copied().chain(biased).find(|&t| t as usize >= inner.vocabulary)
        {
            return Err(EngineError::UnknownToken { token, vocabulary: inner.vocabulary });
        }
        // The answer has room in the channel, so that the thread never waits for a reader.
        let room = request.max_tokens.min(inner.context_tokens) + EVENTS_BESIDES_TOKENS;
        let (events, receiver) = mpsc::channel(room);
        let satisfied = Arc::new(AtomicBool::new(false));
        let generation = Generation {
            events: receiver,
            satisfied: Arc::clone(&satisfied),
            tokenizer: Arc::clone(&inner.tokenizer),
            text: Assembler::new(request.stop.clone()),
            usage: Usage { prompt_tokens, completion_tokens: 0, cached_tokens: 0 },
            ended: false,
        };
        inner.scheduler.submit(Job { request, events, satisfied, queued_at: Instant::now() })?;
        Ok(generation)
    }

    /// Tokens it knows.
    pub fn vocabulary(&self) -> usize {
        self.inner.vocabulary
    }

    /// Tokens that [`Self::logits`] takes at most: their logits are held at once.
    pub fn max_logit_tokens(&self) -> usize {
        let rows = MAX_LOGIT_BYTES / (4 * self.inner.vocabulary.max(1));
        rows.min(self.inner.context_tokens)
    }

    /// Logits after each of these tokens, [`Self::vocabulary`] of them a token, one token after
    /// another. Dropping the future stops the work.
    pub async fn logits(
        &self,
        tokens: Vec<TokenId>,
        deadline: Option<Instant>,
    ) -> Result<Vec<f32>, EngineError> {
        let (prompt_tokens, limit_tokens) = (tokens.len(), self.max_logit_tokens());
        if prompt_tokens == 0 {
            return Err(EngineError::EmptyPrompt);
        }
        if prompt_tokens > limit_tokens {
            return Err(EngineError::PromptTooLong { prompt_tokens, limit_tokens });
        }
        let vocabulary = self.inner.vocabulary;
        if let Some(&token) = tokens.iter().find(|&&token| token as usize >= vocabulary) {
            return Err(EngineError::UnknownToken { token, vocabulary });
        }
        let (answer, receiver) = oneshot::channel();
        self.inner.scheduler.read(Reading { tokens, deadline, answer })?;
        let gone = || EngineError::Internal("the model's thread gave no answer".to_owned());
        receiver.await.map_err(|_| gone())?
    }

    /// Forgets what was computed of earlier prompts: no later request shares it. Those that run go on.
    pub fn forget_prompts(&self) {
        self.inner.scheduler.forget_prompts();
    }

    /// Refuses new requests from now on; those accepted finish.
    pub fn shut_down(&self) {
        self.inner.scheduler.close();
    }

    /// Waits until the model has ended and its memory is given back. It does not end as long as
    /// nobody shuts it down and a handle is left.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.inner.scheduler.ending().come()
    }
}

fn open(source: &ModelSource) -> Result<(Plan, Tokenizer), LoadError> {
    let tokenizer = Tokenizer::load(&source.tokenizer)?;
    let plan = Plan::load(source)?;
    Ok((plan, tokenizer))
}

/// An answer as it is made. Dropping it stops the work.
pub struct Generation {
    events: mpsc::Receiver<Event>,
    satisfied: Arc<AtomicBool>,
    tokenizer: Arc<Tokenizer>,
    text: Assembler,
    usage: Usage,
    ended: bool,
}

impl Generation {
    /// The next part; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<Chunk, EngineError>> {
        while !self.ended {
            let event = self.events.recv().await;
            if let Some(part) = self.part(event) {
                return Some(part);
            }
        }
        None
    }

    /// [`Self::next`] for threads outside the async runtime.
    pub fn blocking_next(&mut self) -> Option<Result<Chunk, EngineError>> {
        while !self.ended {
            let event = self.events.blocking_recv();
            if let Some(part) = self.part(event) {
                return Some(part);
            }
        }
        None
    }

    /// What an event adds to the answer; `None` where there is nothing to show yet.
    fn part(&mut self, event: Option<Event>) -> Option<Result<Chunk, EngineError>> {
        match event {
            Some(Event::Cached(tokens)) => {
                self.usage.cached_tokens = tokens;
                None
            }
            Some(Event::Token(choice)) => self.token(&choice).map(Ok),
            Some(Event::End(reason)) => {
                // An end token is not shown, but it was generated.
                self.usage.completion_tokens += usize::from(reason == FinishReason::Stop);
                let text = self.text.finish();
                Some(Ok(self.last(text, Vec::new(), reason)))
            }
            Some(Event::Failed(error)) => {
                self.ended = true;
                Some(Err(error))
            }
            None => {
                self.ended = true;
                Some(Err(EngineError::Internal("the model's thread is gone".to_owned())))
            }
        }
    }

    fn token(&mut self, choice: &Choice) -> Option<Chunk> {
        self.usage.completion_tokens += 1;
        let tokens: Vec<_> = self.report(choice).into_iter().collect();
        match self.text.push(self.tokenizer.token_bytes(choice.token)) {
            Piece::Text(text) => {
                let silent = text.is_empty() && tokens.is_empty();
                (!silent).then_some(Chunk { text, tokens, finish: None })
            }
            Piece::Stopped(text) => {
                self.satisfied.store(true, Ordering::Release);
                Some(self.last(text, tokens, FinishReason::Stop))
            }
        }
    }

    fn last(&mut self, text: String, tokens: Vec<TokenReport>, reason: FinishReason) -> Chunk {
        self.ended = true;
        self.events.close();
        Chunk { text, tokens, finish: Some((reason, self.usage)) }
    }

    fn report(&self, choice: &Choice) -> Option<TokenReport> {
        let (logprob, top) = choice.logprobs.as_ref()?;
        let named = |token: TokenId, logprob: f32| TokenLogprob {
            token,
            bytes: self.tokenizer.token_bytes(token).to_vec(),
            logprob,
        };
        Some(TokenReport {
            chosen: named(choice.token, *logprob),
            top: top.iter().map(|&(token, logprob)| named(token, logprob)).collect(),
        })
    }
}
