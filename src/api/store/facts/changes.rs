//! What changes, as it changes: `GET /store/v1/facts/changes`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::AnyFact;
use crate::api::query::Query;
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::facts::{EventKind, Fact, Gone, Revision, Table};
use crate::http::{Problem, Stage};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// While nothing changes, a comment shows that the line is alive.
const COMMENT_PERIOD: Duration = Duration::from_secs(15);
/// How soon a follower sees that the server is about to stop.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// Changes that are fetched at once.
const AT_ONCE: usize = 256;

pub(in crate::api) const FOLLOW: &[QueryField] = &[QueryField {
    name: "after",
    about: "An event's id, to go on behind it; as the header Last-Event-ID, which counts for more",
}];

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
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query(), FOLLOW)?;
    let header = request.headers().get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let last = header.filter(|text| !text.is_empty()).or(query.text("after"));
    let follower = Follower::begin(service, last)?;
    let events = unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let comments = KeepAlive::new().interval(COMMENT_PERIOD);
    let mut response = Sse::new(events).keep_alive(comments).into_response();
    // Proxies that gather answers before they pass them on are asked not to.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
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
    fn begin(service: Arc<Service>, last: Option<&str>) -> Result<Self, Problem> {
        let news = service.facts.watch();
        let (status, deadline) = (service.facts.status(), Instant::now() + service.request_timeout);
        let (origin, revision) = (status.origin, status.revision);
        let mut follower =
            Self { service, origin, at: revision, pending: VecDeque::new(), news, deadline };
        match last.map(parse_id).transpose()? {
            None => follower.start("begin"),
            Some((shop, at)) if shop == origin && at <= revision => follower.at = at,
            // Another store's changes, or those of a copy that was put back.
            Some(_) => follower.start("reset"),
        }
        Ok(follower)
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
        let id = format!("{:x}-{at}", self.origin);
        match Event::default().event(name).id(id).json_data(told) {
            Ok(event) => self.pending.push_back(event),
            Err(error) => tracing::error!(%error, "a change could not be told"),
        }
    }
}

/// The store and the revision of an event's id.
fn parse_id(text: &str) -> Result<(u64, Revision), Problem> {
    let parts = text.split_once('-').and_then(|(origin, revision)| {
        Some((u64::from_str_radix(origin, 16).ok()?, Revision(revision.parse().ok()?)))
    });
    parts.ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        let message = format!("`{shown}` is not the id of an event of this feed");
        Problem::invalid(message).param("after").code("invalid_value")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_store_and_its_revision() {
        assert_eq!(parse_id("ff-7").unwrap(), (255, Revision(7)));
        for text in ["", "7", "x-7", "ff-", "ff-7-7", "ff--7"] {
            assert_eq!(parse_id(text).unwrap_err().status(), 400, "{text}");
        }
    }
}
