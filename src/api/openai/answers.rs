//! The answers of one request, joined as they come.

use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll, unfold};
use tokio::time::timeout_at;

use crate::api::service::ServedModel;
use crate::api::shelf::Lent;
use crate::cache::{self, Event, Failure, Generating, Step};
use crate::engine::{Chunk, EngineError, FinishReason, Generation, Request, TokenReport, Usage};
use crate::privacy;

/// Chunks of one answer, each with the answer's index.
pub(super) type Numbered = BoxStream<'static, (usize, Result<Chunk, Failure>)>;

/// Answers in progress. Dropping them stops their work.
pub(super) struct Answers {
    streams: SelectAll<Numbered>,
    unfinished: usize,
    deadline: Instant,
    /// The model stays in memory until the answers are complete.
    _lent: Option<Lent<ServedModel>>,
}

/// Queues all requests; where one is refused, none goes on. The model stays in memory as long as
/// the stream lives. An answer with personal data in it is not fit to be kept.
pub(super) fn generate(
    served: &Lent<ServedModel>,
    requests: Vec<Request>,
) -> Result<Generating, EngineError> {
    let generations: Vec<_> =
        requests.into_iter().map(|r| served.model.generate(r)).collect::<Result<_, _>>()?;
    let streams = generations.into_iter().zip(0..).map(|(generation, choice)| {
        let making = Making { generation, choice, text: String::new(), _lent: served.clone() };
        unfold(making, |mut making| async move { Some((making.next().await?, making)) }).boxed()
    });
    Ok(streams.collect::<SelectAll<_>>().boxed())
}

/// One choice in the making.
struct Making {
    generation: Generation,
    choice: u32,
    /// All that was said so far.
    text: String,
    _lent: Lent<ServedModel>,
}

impl Making {
    async fn next(&mut self) -> Option<Result<Step, EngineError>> {
        let Some(next) = self.generation.next().await else {
            let text = std::mem::take(&mut self.text);
            return (!privacy::find(&text).is_empty()).then_some(Ok(Step::Unfit));
        };
        let choice = self.choice;
        Some(next.map(|chunk| {
            self.text.push_str(&chunk.text);
            Step::Event(Event::Chunk { choice, chunk })
        }))
    }
}

impl Answers {
    /// Queues all requests; where one is refused, none goes on.
    pub(super) fn start(
        served: &Lent<ServedModel>,
        requests: Vec<Request>,
        deadline: Instant,
    ) -> Result<Self, EngineError> {
        let generations = requests
            .into_iter()
            .map(|r| served.model.generate(r))
            .collect::<Result<Vec<_>, _>>()?;
        let streams = generations.into_iter().enumerate().map(|(i, g)| numbered(i, g)).collect();
        Ok(Self { _lent: Some(served.clone()), ..Self::join(streams, deadline) })
    }

    /// What the cache answers, of so many choices.
    pub(super) fn of_cache(answer: cache::Answer, choices: usize, deadline: Instant) -> Self {
        let stream = unfold(answer, |mut answer| async move {
            loop {
                match answer.next().await? {
                    Ok(Event::Chunk { choice, chunk }) => {
                        return Some(((choice as usize, Ok(chunk)), answer));
                    }
                    Ok(Event::Note(_)) => {}
                    Err(failure) => return Some(((0, Err(failure)), answer)),
                }
            }
        });
        Self { unfinished: choices, ..Self::join(vec![stream.boxed()], deadline) }
    }

    pub(super) fn join(streams: Vec<Numbered>, deadline: Instant) -> Self {
        let unfinished = streams.len();
        Self { streams: streams.into_iter().collect(), unfinished, deadline, _lent: None }
    }

    /// The next chunk of any answer with the answer's index; `None` when all are complete.
    pub(super) async fn next(&mut self) -> Option<Result<(usize, Chunk), Failure>> {
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

fn numbered(index: usize, generation: Generation) -> Numbered {
    unfold(generation, move |mut generation| async move {
        let next = generation.next().await?;
        Some(((index, next.map_err(Failure::from)), generation))
    })
    .boxed()
}

/// One answer, whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Whole {
    pub(super) text: String,
    pub(super) tokens: Vec<TokenReport>,
    pub(super) finish: Option<(FinishReason, Usage)>,
}

/// A kept answer's choices, whole, in order.
pub(super) fn whole(events: &[Event], choices: usize) -> Vec<Whole> {
    let mut answers: Vec<Whole> = std::iter::repeat_with(Whole::default).take(choices).collect();
    for event in events {
        if let Event::Chunk { choice, chunk } = event
            && let Some(answer) = answers.get_mut(*choice as usize)
        {
            answer.text.push_str(&chunk.text);
            answer.tokens.extend(chunk.tokens.iter().cloned());
            answer.finish = chunk.finish.or(answer.finish);
        }
    }
    answers
}

impl Whole {
    fn push(&mut self, chunk: Chunk) {
        self.text.push_str(&chunk.text);
        self.tokens.extend(chunk.tokens);
        self.finish = chunk.finish.or(self.finish);
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.finish.map(|(_, usage)| usage)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

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
            let chunks = futures_util::stream::iter(script).map(move |chunk| (index, chunk));
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
        assert_eq!(seen, [("milk", FinishReason::Stop), ("bread", FinishReason::Length)]);
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
