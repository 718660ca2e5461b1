//! Answers on a connection that no request came from: too many are open, or a head is no head.

use std::time::Duration;

use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::problem::{Kind, Problem};
use super::request_id::{HEADER as REQUEST_ID, RequestId};

/// For the answer to go out, and for a client that is still sending to read it.
const TIMEOUT: Duration = Duration::from_secs(1);
/// When to come back where every connection is taken.
const CONNECTION_WAIT: Duration = Duration::from_secs(1);

/// Answers, ends the stream, and reads what is there so that a client gets to read the answer
/// instead of a reset connection.
pub(super) async fn send(mut stream: impl AsyncRead + AsyncWrite + Unpin, problem: &Problem) {
    let response = response(problem);
    let said = async {
        let mut scrap = [0; 1024];
        if stream.write_all(&response).await.is_ok() && stream.shutdown().await.is_ok() {
            while matches!(stream.read(&mut scrap).await, Ok(1..)) {}
        }
    };
    let _ = timeout(TIMEOUT, said).await;
}

/// Ends the stream as its protocol has it.
pub(super) async fn close(mut stream: impl AsyncWrite + Unpin) {
    let _ = timeout(TIMEOUT, stream.shutdown()).await;
}

/// As many connections are open as may be.
pub(super) fn too_many_connections() -> Problem {
    let message = "too many connections are open";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
        .code("connection_limit")
        .retry_after(CONNECTION_WAIT)
}

/// A head was begun and not completed.
pub(super) fn head_too_slow(limit: Duration) -> Problem {
    let message = format!("the request's head did not arrive within {} s", limit.as_secs_f64());
    Problem::new(StatusCode::REQUEST_TIMEOUT, Kind::TimeoutError, message).code("head_timeout")
}

/// A head has more bytes or lines than are read.
pub(super) fn head_too_large(limit_bytes: usize, limit_lines: usize) -> Problem {
    let message = format!(
        "the request's head is too large; the limits are {limit_bytes} bytes and {limit_lines} \
         header lines"
    );
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    Problem::new(status, Kind::InvalidRequestError, message).code("head_too_large")
}

/// A head that is not HTTP/1, with what is wrong with it.
pub(super) fn broken_head(why: impl std::fmt::Display) -> Problem {
    Problem::invalid(format!("the request's head is not HTTP/1.1: {why}")).code("invalid_head")
}

/// The response as HTTP/1.1 has it on the wire.
fn response(problem: &Problem) -> Vec<u8> {
    let body = serde_json::to_vec(&problem.envelope(None)).unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.extend(RequestId::new().header().map(|id| (REQUEST_ID, id)));
    problem.write_headers(&mut headers);
    let status = problem.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in &headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    [bytes.as_slice(), b"\r\n", &body].concat()
}
