//! What happens in a conversation, as it happens: what an associate says, who answers, its end.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{Response, sse};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use super::views::TurnView;
use super::{now, seen};
use crate::api::feed;
use crate::api::service::Service;
use crate::api::streams;
use crate::http::{Identity, Problem};
use crate::shoppers::{ConversationId, Event, Events, Stage};

/// One event: `turn`, `stage` or `ended`, by its name.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::api) enum ConversationEvent {
    /// Something was said. One may come again after a reader was slow.
    Turn(Box<TurnView>),
    /// Somebody else answers from now on.
    Stage {
        #[schemars(with = "String")]
        stage: Stage,
    },
    /// It is over.
    Ended {},
}

impl ConversationEvent {
    fn event(&self) -> sse::Event {
        let name = match self {
            Self::Turn(_) => "turn",
            Self::Stage { .. } => "stage",
            Self::Ended {} => "ended",
        };
        sse::Event::default().event(name).data(serde_json::to_string(self).unwrap_or_default())
    }
}

pub(in crate::api) async fn follow(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = seen(&service, &id, identity.as_ref())?.id;
    let followed = service.streams.follow(identity.as_ref())?;
    let events = service.concierge.shoppers().events(&id);
    // What happened between the look and the listening is in the conversation that is read now.
    let stage = seen(&service, &id.to_string(), identity.as_ref())?.stage;
    let first = stream::iter([ConversationEvent::Stage { stage }]);
    let told = first.chain(happening(Arc::clone(&service), id, events));
    let told = streams::while_wanted(service, followed, told.boxed());
    Ok(feed::respond(told.map(|event| event.event())))
}

fn happening(
    service: Arc<Service>,
    id: ConversationId,
    events: Events,
) -> BoxStream<'static, ConversationEvent> {
    let told = stream::unfold(Some(events), move |events| {
        let service = Arc::clone(&service);
        async move {
            let mut events = events?;
            match events.recv().await {
                Ok(Event::Turn(turn)) => {
                    Some((vec![ConversationEvent::Turn(Box::new(turn.into()))], Some(events)))
                }
                Ok(Event::Stage(stage)) => {
                    Some((vec![ConversationEvent::Stage { stage }], Some(events)))
                }
                Err(RecvError::Lagged(_)) => Some((missed(&service, &id), Some(events))),
                Ok(Event::Ended) | Err(RecvError::Closed) => {
                    Some((vec![ConversationEvent::Ended {}], None))
                }
            }
        }
    });
    told.flat_map(stream::iter).boxed()
}

/// Everything once more, for a reader that was too slow.
fn missed(service: &Service, id: &ConversationId) -> Vec<ConversationEvent> {
    let Ok(found) = service.concierge.shoppers().conversation(id, now()) else {
        return Vec::new();
    };
    let stage = ConversationEvent::Stage { stage: found.stage };
    let turns = found.turns.into_iter().map(|turn| ConversationEvent::Turn(Box::new(turn.into())));
    turns.chain([stage]).collect()
}
