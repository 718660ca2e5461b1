//! Answers as server-sent events.

use std::collections::VecDeque;

use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream::unfold;
use serde::Serialize;

use super::answers::{Answers, Said};
use crate::api::{error, feed};
use crate::http::{Problem, RequestId};

/// How chunks of answers become events.
pub(super) trait Transcript: Send + 'static {
    /// What an event carries.
    type Part: Serialize;
    /// What is said before anything is generated.
    fn begin(&mut self) -> Vec<Self::Part>;
    /// What a part of an answer adds.
    fn push(&mut self, index: usize, said: Said) -> Vec<Self::Part>;
    /// What is said when all answers are complete.
    fn end(&mut self) -> Vec<Self::Part>;
}

/// The response that streams these answers. `prompt` is the field that errors of the prompt name.
pub(super) fn respond(
    answers: Answers,
    transcript: impl Transcript,
    id: Option<RequestId>,
    prompt: &'static str,
) -> Response {
    let telling = Telling::new(answers, transcript, id, prompt);
    let events = unfold(telling, |mut telling| async move {
        let data = telling.next().await?;
        Some((Event::default().data(data), telling))
    });
    feed::respond(events)
}

struct Telling<T> {
    answers: Answers,
    transcript: T,
    id: Option<RequestId>,
    prompt: &'static str,
    pending: VecDeque<String>,
    ended: bool,
}

impl<T: Transcript> Telling<T> {
    fn new(
        answers: Answers,
        mut transcript: T,
        id: Option<RequestId>,
        prompt: &'static str,
    ) -> Self {
        let first = transcript.begin();
        let mut telling =
            Self { answers, transcript, id, prompt, pending: VecDeque::new(), ended: false };
        telling.tell(first);
        telling
    }

    /// The data of the next event.
    async fn next(&mut self) -> Option<String> {
        while self.pending.is_empty() && !self.ended {
            match self.answers.next().await {
                Some(Ok((index, said))) => {
                    let parts = self.transcript.push(index, said);
                    self.tell(parts);
                }
                Some(Err(error)) => self.fail(error::of_failure(error, self.prompt)),
                None => {
                    let last = self.transcript.end();
                    self.tell(last);
                    if !self.ended {
                        self.pending.push_back("[DONE]".to_owned());
                    }
                    self.ended = true;
                }
            }
        }
        self.pending.pop_front()
    }

    fn tell(&mut self, parts: Vec<T::Part>) {
        for part in parts {
            match serde_json::to_string(&part) {
                Ok(data) => self.pending.push_back(data),
                Err(error) => self.fail(Problem::internal(error)),
            }
        }
    }

    /// Says what went wrong; nothing comes after it.
    fn fail(&mut self, problem: Problem) {
        let cause = problem.cause().unwrap_or(&problem.body().message);
        let id = self.id.as_ref().map(RequestId::as_str);
        tracing::warn!(id, cause, "a stream failed midway");
        let data = serde_json::to_string(&problem.envelope(self.id.as_ref()));
        self.pending.extend(data);
        self.ended = true;
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::super::answers::tests::{chunks, scripted};
    use super::*;
    use crate::cache::Failure;
    use crate::engine::{Chunk, EngineError, FinishReason};

    struct Plain;

    impl Transcript for Plain {
        type Part = String;
        fn begin(&mut self) -> Vec<String> {
            vec!["begin".into()]
        }
        fn push(&mut self, index: usize, said: Said) -> Vec<String> {
            vec![format!("{index} {}", said.text)]
        }
        fn end(&mut self) -> Vec<String> {
            vec!["end".into()]
        }
    }

    async fn wire(script: Vec<Result<Chunk, Failure>>) -> String {
        let answers = scripted(vec![script], std::time::Duration::from_secs(60));
        let response = respond(answers, Plain, Some(RequestId::new()), "messages");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_stream_ends_with_done() {
        let script = chunks(&["two\n", "lines"], FinishReason::Stop).into_iter().map(Ok).collect();
        assert_eq!(
            wire(script).await,
            "data: \"begin\"\n\ndata: \"0 two\\n\"\n\ndata: \"0 lines\"\n\ndata: \"end\"\n\n\
             data: [DONE]\n\n"
        );
    }

    #[tokio::test]
    async fn an_error_midway_is_said_and_ends_the_stream() {
        let first = chunks(&["so", "far"], FinishReason::Stop).swap_remove(0);
        let text = wire(vec![Ok(first), Err(EngineError::Internal("NaN".into()).into())]).await;
        let events: Vec<_> = text.trim_end().split("\n\n").collect();
        assert_eq!(events.len(), 3, "{text}");
        assert!(
            events[2].starts_with("data: {\"error\":{\"message\":\"the server failed"),
            "{text}"
        );
        assert!(events[2].contains("its id is req_") && !text.contains("NaN"), "{text}");
    }
}
