//! What of a request's body its handler left unread.
//!
//! An answer that comes before the body was read would end an HTTP/2 stream, and a connection of HTTP/1.1,
//! while the client still sends; clients lose the answer by that. So what is left is taken in and thrown
//! away, beside the answer, within limits.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::EXPECT;
use axum::http::{Request, StatusCode};
use hyper::body::{Frame, Incoming, SizeHint};

use super::body::take_in;

/// What is taken in of one request. A client with more has to do with an answer that may be lost.
const LIMIT_BYTES: usize = 2 << 20;

/// Where a body goes that was not read to its end. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct Leftover(Arc<Mutex<Option<Incoming>>>);

impl Leftover {
    /// The request, of which this gets what is left of its body.
    pub(super) fn of(&self, request: Request<Incoming>) -> Request<Body> {
        // Who waits to be told to send need not send.
        let waits = request.headers().contains_key(EXPECT);
        let left = (!waits).then(|| self.clone());
        request.map(|body| Body::new(Read { body: Some(body), left }))
    }

    /// Takes in what is left behind an answer of this status; the request runs for as long. A body that
    /// did not come in time is not waited for once more.
    pub(super) fn discard<G: Send + 'static>(&self, status: StatusCode, running: G) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(left) = left.filter(|_| status != StatusCode::REQUEST_TIMEOUT) {
            tokio::spawn(async move {
                take_in(Body::new(left), LIMIT_BYTES).await;
                drop(running);
            });
        }
    }
}

/// A body as its handler reads it.
struct Read {
    body: Option<Incoming>,
    left: Option<Leftover>,
}

impl HttpBody for Read {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            // Nothing more will come.
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Some(Leftover(left))) = (body, &self.left) {
            *left.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
