//! Takes in a request's body within its limits.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::problem::{Kind, Problem};
use crate::units::Bytes;

/// What is read and thrown away behind a refusal.
const DISCARD_LIMIT_BYTES: usize = 32 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// What a body may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes.
    pub bytes: usize,
    /// From the head to the last byte.
    pub timeout: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { bytes: 2 << 20, timeout: Duration::from_secs(15) }
    }
}

/// Reads a body: 413 over the limit, told by `Content-Length` before a byte is read; 408 when it
/// takes too long; 400 when it breaks off. Never holds more than the limit.
pub async fn read_body(
    headers: &HeaderMap,
    body: Body,
    limits: BodyLimits,
) -> Result<Vec<u8>, Problem> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limits.bytes as u64) {
        if !headers.contains_key(EXPECT) {
            discard(body);
        }
        return Err(too_large(announced, limits.bytes));
    }
    collect(body, limits).await
}

async fn collect(mut body: Body, limits: BodyLimits) -> Result<Vec<u8>, Problem> {
    let end = Instant::now() + limits.timeout;
    let mut bytes = Vec::new();
    loop {
        let frame = timeout_at(end, body.frame()).await.map_err(|_| too_slow(limits.timeout))?;
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame.map_err(|_| Problem::invalid("the request's body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limits.bytes {
            discard(body);
            return Err(too_large(None, limits.bytes));
        }
        bytes.extend_from_slice(&data);
    }
}

/// Refuses with 415 what does not say that it is JSON, or is compressed.
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(unsupported("a compressed body is not taken here"));
    }
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let essence = given.and_then(|text| text.split(';').next()).map(str::trim);
    if essence.is_some_and(|text| text.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let message = match given {
        None => "the request needs the header `Content-Type: application/json`".to_owned(),
        Some(_) => "the content type is not application/json".to_owned(),
    };
    Err(unsupported(message))
}

fn unsupported(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Kind::InvalidRequestError, message)
        .code("unsupported_media_type")
}

fn too_large(announced: Option<u64>, limit: usize) -> Problem {
    let limit = Bytes(limit as u64);
    let message = match announced {
        Some(bytes) => format!("the body has {bytes} bytes; the limit is {} ({limit})", limit.0),
        None => format!("the body is larger than the limit of {} bytes ({limit})", limit.0),
    };
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Kind::InvalidRequestError, message)
        .code("body_too_large")
}

fn too_slow(limit: Duration) -> Problem {
    let message = format!("the body did not arrive within {} s", limit.as_secs_f64());
    Problem::new(StatusCode::REQUEST_TIMEOUT, Kind::TimeoutError, message).code("body_timeout")
}

/// Reads a body and throws it away, in the background and up to a limit, so that a client which is
/// still sending gets to read the answer instead of a reset connection.
pub fn discard(body: Body) {
    tokio::spawn(take_in(body, DISCARD_LIMIT_BYTES));
}

/// Reads a body to its end or up to a limit, for a few seconds at most.
pub(super) async fn take_in(mut body: Body, limit_bytes: usize) {
    let taken = async {
        let mut left = limit_bytes;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len()));
            if left == 0 {
                return;
            }
        }
    };
    let _ = timeout(DISCARD_TIMEOUT, taken).await;
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { bytes: 8, timeout: Duration::from_millis(50) };

    fn pieces(pieces: &'static [&'static str]) -> Body {
        let stream = futures_util::stream::iter(pieces.iter().map(|p| Ok::<_, std::io::Error>(*p)));
        Body::from_stream(stream)
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let none = HeaderMap::new();
        assert_eq!(read_body(&none, pieces(&["1234", "5678"]), LIMITS).await.unwrap(), b"12345678");
        let error = read_body(&none, pieces(&["1234", "56789"]), LIMITS).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from(9))]);
        let error = read_body(&headers, pieces(&[]), LIMITS).await.unwrap_err();
        assert_eq!(error.body().message, "the body has 9 bytes; the limit is 8 (8 B)");
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never =
            Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
        let error = read_body(&HeaderMap::new(), never, LIMITS).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[test]
    fn only_json_is_json() {
        for (given, sound) in [
            (None, false),
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("text/plain"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("application/jsonl"), false),
        ] {
            let headers = given
                .map(|text| (CONTENT_TYPE, HeaderValue::from_static(text)))
                .into_iter()
                .collect();
            assert_eq!(require_json(&headers).is_ok(), sound, "{given:?}");
            let mut packed: HeaderMap = headers;
            packed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            assert!(require_json(&packed).is_err());
        }
    }
}
