//! Logits of every token of a text, for who wants a language model as arrays: computed a piece at a
//! time between the steps of answers, which hardly notice.

use std::time::Instant;

use tokio::sync::oneshot;

use crate::engine::backend::{Decoder, StepError};
use crate::engine::cpu::Row;
use crate::engine::kv::SequenceId;
use crate::engine::{EngineError, Scope, TokenId};

/// Tokens of a piece.
const PIECE_TOKENS: usize = 64;

/// A text on its way to the thread. The answer has the logits of all tokens, one after another.
pub(in crate::engine) struct Reading {
    pub(in crate::engine) tokens: Vec<TokenId>,
    pub(in crate::engine) deadline: Option<Instant>,
    pub(in crate::engine) answer: oneshot::Sender<Result<Vec<f32>, EngineError>>,
}

/// Why a piece was not computed.
enum Fault {
    /// The asker is told.
    Of(EngineError),
    /// What computes is gone.
    Gone(String),
}

/// A text that is being read.
pub(super) struct Progress {
    reading: Reading,
    pages: SequenceId,
    computed: usize,
    logits: Vec<f32>,
}

impl Progress {
    pub(super) fn start(reading: Reading, decoder: &mut Decoder) -> Self {
        Self { reading, pages: decoder.kv().open(Scope::Alone), computed: 0, logits: Vec::new() }
    }

    /// After the KV memory is another: nothing is computed, and there are no pages.
    pub(super) fn begin_again(&mut self, decoder: &mut Decoder) {
        self.pages = decoder.kv().open(Scope::Alone);
        self.computed = 0;
        self.logits.clear();
    }

    /// Computes a piece; `None` when it has been answered, or nobody waits any more. Fails with itself
    /// and the reason where what computes is gone.
    pub(super) fn go_on(mut self, decoder: &mut Decoder) -> Result<Option<Self>, (Self, String)> {
        let outcome = match self.piece(decoder) {
            Ok(false) => return Ok(Some(self)),
            Ok(true) => Ok(std::mem::take(&mut self.logits)),
            Err(Fault::Gone(why)) => return Err((self, why)),
            Err(Fault::Of(error)) => Err(error),
        };
        self.end(decoder, outcome);
        Ok(None)
    }

    /// Answers, and gives the pages back.
    pub(super) fn end(self, decoder: &mut Decoder, outcome: Result<Vec<f32>, EngineError>) {
        decoder.kv().close(self.pages);
        // Nobody may be waiting any more.
        let _ = self.reading.answer.send(outcome);
    }

    /// True when all is computed, or nobody waits for it.
    fn piece(&mut self, decoder: &mut Decoder) -> Result<bool, Fault> {
        if self.reading.answer.is_closed() {
            return Ok(true);
        }
        if self.reading.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Fault::Of(EngineError::Deadline));
        }
        let tokens = &self.reading.tokens;
        let end = tokens.len().min(self.computed + PIECE_TOKENS);
        if !decoder.kv().reserve(self.pages, end) {
            let limit_tokens = decoder.kv().limit_tokens();
            let prompt_tokens = tokens.len();
            return Err(Fault::Of(EngineError::PromptTooLong { prompt_tokens, limit_tokens }));
        }
        let new = tokens.iter().enumerate().take(end).skip(self.computed);
        let rows: Vec<Row> =
            new.map(|(position, &token)| Row { sequence: self.pages, position, token }).collect();
        let wanted: Vec<usize> = (0..rows.len()).collect();
        match decoder.logits(&rows, &wanted) {
            Ok(logits) => self.logits.extend(logits),
            Err(StepError::Gone(why)) => return Err(Fault::Gone(why)),
            Err(StepError::Failed(why)) => return Err(Fault::Of(EngineError::Internal(why))),
        }
        self.computed = end;
        Ok(end == self.reading.tokens.len())
    }
}
