//! Tells an open page that there is something new to see.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Two words are at least so far apart, however much happens.
const PAUSE: Duration = Duration::from_secs(1);
/// A line that nothing is said on is said to be alive this often.
const BEAT: Duration = Duration::from_secs(20);
/// Then the browser asks again.
const LIFE: Duration = Duration::from_secs(240);

/// Events, until the page is closed or the server stops.
pub(super) fn events(changes: watch::Receiver<u64>, stop: CancellationToken) -> Response {
    let end = tokio::time::Instant::now() + LIFE;
    let words = stream::unfold((changes, stop), move |(mut changes, stop)| async move {
        sleep(PAUSE).await;
        let word = tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep_until(end) => return None,
            changed = timeout(BEAT, changes.changed()) => match changed {
                Ok(Ok(())) => "event: changed\ndata: 1\n\n",
                Ok(Err(_)) => return None,
                Err(_) => ": alive\n\n",
            },
        };
        Some((Ok::<_, Infallible>(Bytes::from_static(word.as_bytes())), (changes, stop)))
    });
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(words)).into_response()
}
