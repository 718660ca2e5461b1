//! A message, answered whole or while the answer is made.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::own;
use super::views::TurnView;
use crate::api::error::of_concierge;
use crate::api::feed;
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::api::store::skilled;
use crate::http::{Identity, Problem, RequestId};
use crate::shoppers::Turn;
use crate::skills::concierge::{ConciergeError, Message, Telling};
use crate::skills::language::Language;

/// Bytes of a message.
const MAX_MESSAGE_BYTES: usize = 2000;
/// Tellings that wait for a slow reader.
const TOLD_AHEAD: usize = 64;

/// What a shopper says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct MessageRequest {
    /// As it was typed or spoken.
    text: String,
    /// In which language it is; told from its words where it is left out.
    language: Option<Language>,
    /// Events while the answer is made.
    stream: Option<bool>,
}

/// One event of an answer in the making: `step`, `tool`, `delta`, `turn` or `error`, by its name.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::api) enum MessageEvent {
    /// A step is taken.
    Step {
        /// Which.
        step: &'static str,
        /// Why.
        reason: String,
    },
    /// A tool was used.
    Tool {
        /// Which.
        name: String,
        /// With what.
        arguments: serde_json::Value,
        /// What came of it.
        outcome: String,
    },
    /// The text goes on.
    Delta {
        /// By this.
        text: String,
    },
    /// All of it.
    Turn(Box<TurnView>),
}

impl MessageEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::Step { .. } => "step",
            Self::Tool { .. } => "tool",
            Self::Delta { .. } => "delta",
            Self::Turn(_) => "turn",
        }
    }

    fn event(&self) -> Event {
        let data = serde_json::to_string(self).unwrap_or_default();
        Event::default().event(self.name()).data(data)
    }
}

impl From<Telling> for MessageEvent {
    fn from(telling: Telling) -> Self {
        match telling {
            Telling::Step { step, reason } => Self::Step { step: step.name(), reason },
            Telling::Tool(used) => {
                Self::Tool { name: used.name, arguments: used.arguments, outcome: used.outcome }
            }
            Telling::Delta(text) => Self::Delta { text },
        }
    }
}

pub(in crate::api) async fn message(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    request_id: Option<Extension<RequestId>>,
    Path(id): Path<String>,
    Asked(request): Asked<MessageRequest>,
) -> Result<Response, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let id = own(&service, &id, identity.as_ref())?.id;
    let text = skilled::text("text", request.text, MAX_MESSAGE_BYTES)?;
    let message = Message { text, language: request.language, deadline };
    if !request.stream.unwrap_or_default() {
        let turn = service.concierge.hear(&id, message, None).await.map_err(of_concierge)?;
        return Ok(Json(TurnView::from(turn)).into_response());
    }
    let (sender, told) = mpsc::channel(TOLD_AHEAD);
    let work = async move { service.concierge.hear(&id, message, Some(sender)).await };
    let making = Making { work: work.boxed(), told, id: request_id.map(|Extension(id)| id) };
    Ok(feed::respond(tell(making)))
}

/// An answer in the making.
struct Making {
    work: BoxFuture<'static, Result<Turn, ConciergeError>>,
    told: mpsc::Receiver<Telling>,
    id: Option<RequestId>,
}

/// What is told while an answer is made, then the answer.
fn tell(making: Making) -> BoxStream<'static, Event> {
    let steps = stream::unfold(Some(making), |making| async move {
        let mut making = making?;
        tokio::select! {
            biased;
            Some(telling) = making.told.recv() => {
                Some((vec![MessageEvent::from(telling).event()], Some(making)))
            }
            made = &mut making.work => Some((last(made, &mut making), None)),
        }
    });
    steps.flat_map(stream::iter).boxed()
}

/// What was told and not read yet, then the end.
fn last(made: Result<Turn, ConciergeError>, making: &mut Making) -> Vec<Event> {
    let rest = std::iter::from_fn(|| making.told.try_recv().ok());
    let mut events: Vec<_> = rest.map(|telling| MessageEvent::from(telling).event()).collect();
    events.push(match made {
        Ok(turn) => MessageEvent::Turn(Box::new(turn.into())).event(),
        Err(error) => {
            let problem = of_concierge(error);
            let cause = problem.cause().unwrap_or(&problem.body().message);
            tracing::warn!(
                id = making.id.as_ref().map(RequestId::as_str),
                cause,
                "a conversation's answer failed midway"
            );
            let data = serde_json::to_string(&problem.envelope(making.id.as_ref()));
            Event::default().event("error").data(data.unwrap_or_default())
        }
    });
    events
}
