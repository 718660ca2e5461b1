//! Answers that end before a blocked term.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::engine::{Chunk, Usage};
use crate::skills::guard::{Heard, Listener, Terms};

/// Chunks of one answer, kept back as long as a blocked term may begin in them.
pub(super) struct Hold {
    listener: Listener,
    /// Each with the bytes of the answer up to its end.
    waiting: VecDeque<(usize, Chunk)>,
    /// Bytes of the answer so far.
    heard: usize,
    /// Tokens of the answer so far, where each chunk is one.
    tokens: usize,
    prompt_tokens: usize,
}

/// What becomes of a chunk and those before it.
#[derive(Debug, PartialEq)]
pub(super) enum Passed {
    /// These may be said.
    Chunks(Vec<Chunk>),
    /// These, and nothing of the answer after them. It took about this.
    Ended(Vec<Chunk>, Usage),
}

impl Hold {
    /// For an answer to a prompt of so many tokens.
    pub(super) fn new(terms: &Arc<Terms>, prompt_tokens: usize) -> Self {
        let (listener, waiting) = (terms.listen(), VecDeque::new());
        Self { listener, waiting, heard: 0, tokens: 0, prompt_tokens }
    }

    /// The next chunk of the answer.
    pub(super) fn pass(&mut self, chunk: Chunk) -> Passed {
        let finish = chunk.finish;
        self.heard += chunk.text.len();
        self.tokens += 1;
        let mut heard = self.listener.hear(&chunk.text);
        self.waiting.push_back((self.heard, chunk));
        if finish.is_some() && matches!(heard, Heard::UpTo(_)) {
            heard = self.listener.end();
        }
        match heard {
            Heard::UpTo(bytes) => Passed::Chunks(self.free(bytes)),
            Heard::Blocked(bytes) => {
                let so_far = Usage {
                    prompt_tokens: self.prompt_tokens,
                    completion_tokens: self.tokens,
                    cached_tokens: 0,
                };
                let usage = finish.map_or(so_far, |(_, usage)| usage);
                Passed::Ended(self.free(bytes), usage)
            }
        }
    }

    /// Whole chunks within so many bytes of the answer.
    fn free(&mut self, bytes: usize) -> Vec<Chunk> {
        let mut free = Vec::new();
        while self.waiting.front().is_some_and(|(end, _)| *end <= bytes) {
            free.extend(self.waiting.pop_front().map(|(_, chunk)| chunk));
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::tests::chunks;
    use super::*;
    use crate::engine::FinishReason;

    fn said(texts: &[&str]) -> (Vec<String>, Option<Usage>) {
        let terms = Arc::new(Terms::new([("any", "free of charge")]));
        let (mut hold, mut said) = (Hold::new(&terms, 5), Vec::new());
        for chunk in chunks(texts, FinishReason::Stop) {
            match hold.pass(chunk) {
                Passed::Chunks(chunks) => said.extend(chunks.into_iter().map(|c| c.text)),
                Passed::Ended(chunks, usage) => {
                    said.extend(chunks.into_iter().map(|c| c.text));
                    return (said, Some(usage));
                }
            }
        }
        assert!(hold.waiting.is_empty(), "an answer that is over is said to its end");
        (said, None)
    }

    #[test]
    fn nothing_of_a_blocked_term_is_said_and_everything_before_it() {
        let usage = |completion_tokens| {
            Some(Usage { prompt_tokens: 5, completion_tokens, cached_tokens: 0 })
        };
        for (texts, expected, took) in [
            (&["Milk ", "is ", "fr", "ee of", " sugar", ""][..], 6, None),
            (&["Milk ", "is ", "fr", "ee", " of char", "ge ", "today"], 2, usage(6)),
            (&["Milk ", "is ", "free of charge"], 2, usage(3)),
            (&["Milk ", "is free of", " charge."], 1, usage(3)),
            (&["free"], 1, None),
            (&[""], 1, None),
        ] {
            let (said, ended) = said(texts);
            assert_eq!(said, texts[..expected], "{texts:?}");
            assert_eq!(ended, took, "{texts:?}");
        }
    }
}
