//! The answers of one request, joined as they come.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll, unfold};
use tokio::time::timeout_at;

use super::usage::Finish;
use super::withheld::{Hold, Passed};
use crate::api::service::ServedModel;
use crate::api::shelf::Lent;
use crate::cache::{self, Event, Failure, Generating, Step};
use crate::engine::{Chunk, EngineError, Generation, Request, TokenReport, Usage};
use crate::privacy;
use crate::skills::guard::Terms;

/// Parts of answers, each with its answer's index.
pub(super) type Numbered = BoxStream<'static, (usize, Result<Said, Failure>)>;

/// A part of one answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) tokens: Vec<TokenReport>,
    /// With the last part: why it is the last, and what the answer took.
    pub(super) finish: Option<(Finish, Usage)>,
}

impl From<Chunk> for Said {
    fn from(chunk: Chunk) -> Self {
        let Chunk { text, tokens, finish } = chunk;
        Self { text, tokens, finish: finish.map(|(reason, usage)| (reason.into(), usage)) }
    }
}

impl Said {
    fn withheld(usage: Usage) -> Self {
        let finish = Some((Finish::ContentFilter, usage));
        Self { text: String::new(), tokens: Vec::new(), finish }
    }

    /// What an event of an answer says, and of which choice; nothing where it says nothing to clients.
    fn of(event: Event) -> Option<(usize, Self)> {
        match event {
            Event::Chunk { choice, chunk } => Some((choice as usize, chunk.into())),
            Event::Withheld { choice, usage } => Some((choice as usize, Self::withheld(usage))),
            Event::Note(_) => None,
        }
    }
}

/// Answers in progress. Dropping them stops their work.
pub(super) struct Answers {
    streams: SelectAll<Numbered>,
    unfinished: usize,
    deadline: Instant,
}

/// Queues all requests; where one is refused, none goes on. The model stays in memory as long as
/// the stream lives. An answer that would have a blocked term ends before it; such an answer, and one
/// with personal data in it, is not fit to be kept.
pub(super) fn generate(
    served: &Lent<ServedModel>,
    requests: Vec<Request>,
    blocked: &Arc<Terms>,
) -> Result<Generating, EngineError> {
    let makings = Making::begin(served, requests, blocked)?;
    let streams = makings.into_iter().map(|making| {
        unfold(making, |mut making| async move { Some((making.next().await?, making)) }).boxed()
    });
    Ok(streams.collect::<SelectAll<_>>().boxed())
}

/// One choice in the making.
struct Making {
    /// None where it is over.
    generation: Option<Generation>,
    choice: u32,
    /// Where terms are blocked.
    hold: Option<Hold>,
    ready: VecDeque<Step>,
    /// All that was said so far.
    text: String,
    lent: Lent<ServedModel>,
}

impl Making {
    fn begin(
        served: &Lent<ServedModel>,
        requests: Vec<Request>,
        blocked: &Arc<Terms>,
    ) -> Result<Vec<Self>, EngineError> {
        let hold = |request: &Request| {
            (!blocked.is_empty()).then(|| Hold::new(blocked, request.prompt.len()))
        };
        let begin = |(request, choice): (Request, u32)| {
            let hold = hold(&request);
            let generation = Some(served.model.generate(request)?);
            let (ready, lent) = (VecDeque::new(), served.clone());
            Ok(Self { generation, choice, hold, ready, text: String::new(), lent })
        };
        requests.into_iter().zip(0..).map(begin).collect()
    }

    async fn next(&mut self) -> Option<Result<Step, EngineError>> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Some(Ok(step));
            }
            match self.generation.as_mut()?.next().await {
                Some(Ok(chunk)) => self.take(chunk),
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.generation = None;
                    let personal = !privacy::find(&self.text).is_empty();
                    self.ready.extend(personal.then_some(Step::Unfit));
                }
            }
        }
    }

    fn take(&mut self, chunk: Chunk) {
        let passed = match &mut self.hold {
            Some(hold) => hold.pass(chunk),
            None => Passed::Chunks(vec![chunk]),
        };
        let (chunks, ended) = match passed {
            Passed::Chunks(chunks) => (chunks, None),
            Passed::Ended(chunks, usage) => (chunks, Some(usage)),
        };
        let choice = self.choice;
        for chunk in chunks {
            self.text.push_str(&chunk.text);
            self.ready.push_back(Step::Event(Event::Chunk { choice, chunk }));
        }
        if let Some(usage) = ended {
            // Nobody hears the rest, so it is not made.
            self.generation = None;
            self.lent.conduct.refused();
            self.ready.extend([Step::Unfit, Step::Event(Event::Withheld { choice, usage })]);
        }
    }
}

impl Answers {
    /// Queues all requests; where one is refused, none goes on.
    pub(super) fn start(
        served: &Lent<ServedModel>,
        requests: Vec<Request>,
        blocked: &Arc<Terms>,
        deadline: Instant,
    ) -> Result<Self, EngineError> {
        let makings = Making::begin(served, requests, blocked)?;
        let streams = makings.into_iter().map(numbered).collect();
        Ok(Self::join(streams, deadline))
    }

    /// What the cache answers, of so many choices.
    pub(super) fn of_cache(answer: cache::Answer, choices: usize, deadline: Instant) -> Self {
        let stream = unfold(answer, |mut answer| async move {
            loop {
                match answer.next().await? {
                    Ok(event) => {
                        if let Some((choice, said)) = Said::of(event) {
                            return Some(((choice, Ok(said)), answer));
                        }
                    }
                    Err(failure) => return Some(((0, Err(failure)), answer)),
                }
            }
        });
        Self { unfinished: choices, ..Self::join(vec![stream.boxed()], deadline) }
    }

    pub(super) fn join(streams: Vec<Numbered>, deadline: Instant) -> Self {
        let unfinished = streams.len();
        Self { streams: streams.into_iter().collect(), unfinished, deadline }
    }

    /// The next part of any answer with the answer's index; `None` when all are complete.
    pub(super) async fn next(&mut self) -> Option<Result<(usize, Said), Failure>> {
        if self.unfinished == 0 {
            return None;
        }
        let next = match timeout_at(self.deadline.into(), self.streams.next()).await {
            Err(_) => Err(EngineError::Deadline.into()),
            Ok(None) => Err(EngineError::Internal("an answer has no end".into()).into()),
            Ok(Some((_, Err(error)))) => Err(error),
            Ok(Some((index, Ok(chunk)))) => {
                self.unfinished -= usize::from(chunk.finish.is_some());
                Ok((index, chunk))
            }
        };
        if next.is_err() {
            self.unfinished = 0;
            self.streams = SelectAll::new();
        }
        Some(next)
    }

    /// All answers, whole, in order.
    pub(super) async fn collect(mut self) -> Result<Vec<Whole>, Failure> {
        let mut answers: Vec<Whole> =
            std::iter::repeat_with(Whole::default).take(self.unfinished).collect();
        while let Some(next) = self.next().await {
            let (index, chunk) = next?;
            if let Some(answer) = answers.get_mut(index) {
                answer.push(chunk);
            }
        }
        Ok(answers)
    }
}

fn numbered(making: Making) -> Numbered {
    unfold(making, |mut making| async move {
        let index = making.choice as usize;
        loop {
            match making.next().await? {
                Ok(Step::Event(event)) => {
                    if let Some((choice, said)) = Said::of(event) {
                        return Some(((choice, Ok(said)), making));
                    }
                }
                // What concerns the cache alone.
                Ok(_) => {}
                Err(error) => return Some(((index, Err(error.into())), making)),
            }
        }
    })
    .boxed()
}

/// One answer, whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Whole {
    pub(super) text: String,
    pub(super) tokens: Vec<TokenReport>,
    pub(super) finish: Option<(Finish, Usage)>,
}

/// A kept answer's choices, whole, in order.
pub(super) fn whole(events: &[Event], choices: usize) -> Vec<Whole> {
    let mut answers: Vec<Whole> = std::iter::repeat_with(Whole::default).take(choices).collect();
    for event in events {
        if let Some((choice, said)) = Said::of(event.clone())
            && let Some(answer) = answers.get_mut(choice)
        {
            answer.push(said);
        }
    }
    answers
}

impl Whole {
    fn push(&mut self, said: Said) {
        self.text.push_str(&said.text);
        self.tokens.extend(said.tokens);
        self.finish = said.finish.or(self.finish);
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.finish.map(|(_, usage)| usage)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::FinishReason;

    /// Chunks of these texts; the last has the finish.
    pub(in crate::api::openai) fn chunks(texts: &[&str], reason: FinishReason) -> Vec<Chunk> {
        let usage = Usage { prompt_tokens: 5, completion_tokens: texts.len(), cached_tokens: 0 };
        let end = texts.len() - 1;
        let one = |(i, text): (usize, &&str)| Chunk {
            text: (*text).to_owned(),
            tokens: Vec::new(),
            finish: (i == end).then_some((reason, usage)),
        };
        texts.iter().enumerate().map(one).collect()
    }

    pub(in crate::api::openai) fn scripted(
        scripts: Vec<Vec<Result<Chunk, Failure>>>,
        deadline: Duration,
    ) -> Answers {
        let streams = scripts.into_iter().enumerate().map(|(index, script)| {
            let stuck = futures_util::stream::pending();
            let said = |chunk: Result<Chunk, Failure>| chunk.map(Said::from);
            let chunks = futures_util::stream::iter(script).map(move |c| (index, said(c)));
            chunks.chain(stuck).boxed()
        });
        Answers::join(streams.collect(), Instant::now() + deadline)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn answers_are_put_together_each_by_itself() {
        let script = |texts: &[&str], reason| chunks(texts, reason).into_iter().map(Ok).collect();
        let scripts = vec![
            script(&["mi", "lk", ""], FinishReason::Stop),
            script(&["bread"], FinishReason::Length),
        ];
        let whole = scripted(scripts, LONG).collect().await.unwrap();
        let seen: Vec<_> = whole.iter().map(|w| (w.text.as_str(), w.finish.unwrap().0)).collect();
        assert_eq!(seen, [("milk", Finish::Stop), ("bread", Finish::Length)]);
    }

    #[tokio::test]
    async fn one_that_fails_or_has_no_end_ends_all() {
        let failed = scripted(vec![vec![Err(EngineError::ShuttingDown.into())]], LONG);
        assert_eq!(failed.collect().await, Err(EngineError::ShuttingDown.into()));
        let stuck = scripted(vec![vec![]], Duration::from_millis(20));
        assert_eq!(stuck.collect().await, Err(EngineError::Deadline.into()));
        let short =
            Answers::join(vec![futures_util::stream::empty().boxed()], Instant::now() + LONG);
        assert!(matches!(short.collect().await, Err(Failure::Engine(EngineError::Internal(_)))));
    }
}
