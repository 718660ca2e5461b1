//! Events on a connection that stays open, and where who comes back goes on.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _};

use super::query::Query;
use super::routes::QueryField;
use crate::http::Problem;

/// While nothing is to be said, a comment shows that the line is alive.
const COMMENT_PERIOD: Duration = Duration::from_secs(15);
/// Proxies that gather answers before they pass them on are asked not to.
const NO_BUFFERING: [(HeaderName, HeaderValue); 1] =
    [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Characters of a wrong id that are shown.
const MAX_SHOWN: usize = 60;

/// How soon a feed sees that the server is about to stop, or that its reader may not listen any more.
pub(super) const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// What a feed that can be gone on with is asked.
pub(super) const FOLLOW: &[QueryField] = &[QueryField {
    name: "after",
    about: "An event's id, to go on behind it; as the header Last-Event-ID, which counts for more",
}];

/// The response that tells these events as they come.
pub(super) fn respond(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let comments = KeepAlive::new().interval(COMMENT_PERIOD);
    let events = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(comments);
    (NO_BUFFERING, events).into_response()
}

/// The id of an event: from where its feed was counted, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventId {
    pub(super) origin: u64,
    pub(super) number: u64,
}

impl EventId {
    /// The event behind which a request goes on, if it names one.
    pub(super) fn last(request: &Request) -> Result<Option<Self>, Problem> {
        let query = Query::parse(request.uri().query(), FOLLOW)?;
        let header = request.headers().get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
        let last = header.filter(|text| !text.is_empty()).or(query.text("after"));
        last.map(str::parse).transpose()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.origin, self.number)
    }
}

impl FromStr for EventId {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let id = text.split_once('-').and_then(|(origin, number)| {
            let origin = u64::from_str_radix(origin, 16).ok()?;
            Some(Self { origin, number: number.parse().ok()? })
        });
        id.ok_or_else(|| {
            let shown: String = text.chars().take(MAX_SHOWN).collect();
            let message = format!("`{shown}` is not the id of an event of this feed");
            Problem::invalid(message).param("after").code("invalid_value")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_origin_and_its_number() {
        let id = EventId { origin: 255, number: 7 };
        assert_eq!("ff-7".parse::<EventId>().unwrap(), id);
        assert_eq!(id.to_string(), "ff-7");
        for text in ["", "7", "x-7", "ff-", "ff-7-7", "ff--7"] {
            assert_eq!(text.parse::<EventId>().unwrap_err().status(), 400, "{text}");
        }
    }
}
