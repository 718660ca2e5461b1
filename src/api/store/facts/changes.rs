//! What changes, as it changes: `GET /store/v1/facts/changes`.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::AnyFact;
use crate::api::feed::{self, EventId, LOOK_PERIOD};
use crate::api::service::Service;
use crate::api::streams;
use crate::facts::{EventKind, Fact, Gone, Revision, Table};
use crate::http::{Identity, Problem, Stage};

/// Changes that are fetched at once.
const AT_ONCE: usize = 256;

/// What an event carries.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::api) enum FactEvent {
    /// Of `change`.
    Change {
        /// Its number.
        revision: Revision,
        table: Table,
        id: String,
        change: Kind,
        /// The value, where it is still this one.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<AnyFact>")]
        fact: Option<Fact>,
    },
    /// Of `begin`, the first event of who begins anew, and of `reset`: changes were missed that are
    /// no longer known, so everything is to be read again.
    Begin {
        /// Changes behind this one follow.
        revision: Revision,
    },
}

/// How a fact changed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::api) enum Kind {
    /// It has another value.
    Put,
    /// It is gone.
    Delete,
}

/// `GET /store/v1/facts/changes`.
pub(in crate::api) async fn follow(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    request: Request,
) -> Result<Response, Problem> {
    let followed = service.streams.follow(identity.as_ref())?;
    let follower = Follower::begin(Arc::clone(&service), EventId::last(&request)?);
    let events = unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((event, follower))
    });
    Ok(feed::respond(streams::while_wanted(service, followed, events.boxed())))
}

/// Somebody who follows, and how far they are.
struct Follower {
    service: Arc<Service>,
    origin: u64,
    at: Revision,
    pending: VecDeque<Event>,
    news: watch::Receiver<Revision>,
    deadline: Instant,
}

impl Follower {
    fn begin(service: Arc<Service>, last: Option<EventId>) -> Self {
        let news = service.facts.watch();
        let (status, deadline) = (service.facts.status(), Instant::now() + service.request_timeout);
        let (origin, revision) = (status.origin, status.revision);
        let mut follower =
            Self { service, origin, at: revision, pending: VecDeque::new(), news, deadline };
        match last {
            None => follower.start("begin"),
            Some(id) if id.origin == origin && id.number <= revision.0 => {
                follower.at = Revision(id.number);
            }
            // Another store's changes, or those of a copy that was put back.
            Some(_) => follower.start("reset"),
        }
        follower
    }

    /// Begins from what is there now.
    fn start(&mut self, name: &'static str) {
        self.at = *self.news.borrow_and_update();
        let begin = FactEvent::Begin { revision: self.at };
        self.tell(name, self.at, &begin);
    }

    /// The next event; none when the request's time is over or the server stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            self.fetch();
            if self.pending.is_empty() && !self.wait().await {
                return None;
            }
        }
    }

    fn fetch(&mut self) {
        self.news.mark_unchanged();
        match self.service.facts.changes(self.at, AT_ONCE) {
            Err(Gone { .. }) => self.start("reset"),
            Ok(events) => {
                for event in events {
                    self.at = event.revision;
                    // A value that was replaced meanwhile comes with its own change.
                    let held = self.service.facts.get(&event.id);
                    let held = held.filter(|held| held.revision == event.revision);
                    let told = FactEvent::Change {
                        revision: event.revision,
                        table: event.id.table,
                        id: event.id.id.into(),
                        change: match event.kind {
                            EventKind::Put => Kind::Put,
                            EventKind::Delete => Kind::Delete,
                        },
                        fact: held.map(|held| held.fact),
                    };
                    self.tell("change", self.at, &told);
                }
            }
        }
    }

    /// Waits for news; false when there will be none.
    async fn wait(&mut self) -> bool {
        loop {
            if self.service.health.stage() == Stage::Draining || Instant::now() >= self.deadline {
                return false;
            }
            let look = self.deadline.min(Instant::now() + LOOK_PERIOD);
            tokio::select! {
                changed = self.news.changed() => return changed.is_ok(),
                () = sleep_until(look) => {}
            }
        }
    }

    fn tell(&mut self, name: &'static str, at: Revision, told: &FactEvent) {
        let id = EventId { origin: self.origin, number: at.0 };
        match Event::default().event(name).id(id.to_string()).json_data(told) {
            Ok(event) => self.pending.push_back(event),
            Err(error) => tracing::error!(%error, "a change could not be told"),
        }
    }
}
