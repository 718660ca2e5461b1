//! Files, whole or in parts (RFC 9110, ranges of bytes), under their digest as a strong entity tag.

use std::ops::Range;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::service::Service;
use crate::hq::error::HqError;
use crate::http::{Kind, Problem};
use crate::protocol::Digest;

/// A file that is kept now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Kept {
    /// Its SHA-256.
    digest: String,
    /// How many bytes it has.
    size_bytes: u64,
}

pub(super) async fn read(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let digest: Digest = call.param("digest")?;
    let found = service.hq.artefacts().size(digest).await?;
    let size = found.ok_or_else(|| HqError::unknown("artefact", digest))?;
    let tag = format!("\"{digest}\"");
    if header(&call.headers, IF_NONE_MATCH).is_some_and(|tags| tags.contains(&tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    // A range over another file would be of no use.
    let same = header(&call.headers, IF_RANGE).is_none_or(|known| known == tag);
    let asked = header(&call.headers, RANGE).filter(|_| same);
    let part = match asked.map_or(Asked::Whole, |text| Asked::parse(text, size)) {
        Asked::Whole => None,
        Asked::Part(range) => Some(range),
        Asked::Beyond => return Ok(beyond(size)),
    };
    let range = part.clone().unwrap_or(0..size);
    let length = range.end.saturating_sub(range.start);
    let body = match length {
        0 => Body::empty(),
        _ => Body::from_stream(service.hq.artefacts().read(digest, range.clone()).await?),
    };
    let headers = [
        (ETAG, tag),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, length.to_string()),
        // What has this name never changes.
        (CACHE_CONTROL, "private, max-age=31536000, immutable".to_owned()),
    ];
    let Some(range) = part else { return Ok((headers, body).into_response()) };
    let within = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
    Ok((StatusCode::PARTIAL_CONTENT, headers, [(CONTENT_RANGE, within)], body).into_response())
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn beyond(size: u64) -> Response {
    let message = format!("the range does not lie within the file's {size} bytes");
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    let problem = Problem::new(status, Kind::InvalidRequestError, message).code("invalid_range");
    ([(CONTENT_RANGE, format!("bytes */{size}"))], problem).into_response()
}

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Beyond,
}

impl Asked {
    /// One range of bytes. What is none, or more than one, is answered with the whole file, as the RFC
    /// allows.
    fn parse(text: &str, size: u64) -> Self {
        let Some((first, last)) = text.strip_prefix("bytes=").and_then(|t| t.split_once('-'))
        else {
            return Self::Whole;
        };
        let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
            (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
            (Err(_), Ok(last)) if first.trim().is_empty() => size.saturating_sub(last)..size,
            _ => return Self::Whole,
        };
        if range.is_empty() { Self::Beyond } else { Self::Part(range) }
    }
}

pub(super) async fn write(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, digest) = (call.actor()?.clone(), call.param::<Digest>("digest")?);
    let pieces = call.body.into_data_stream().map(|piece| {
        piece.map_err(|_| HqError::Value { field: "body", why: "it broke off".to_owned() })
    });
    let size_bytes = service.hq.artefacts().receive(digest, pieces.boxed()).await?;
    service.hq.note_artefact(&actor, digest, size_bytes).await?;
    Ok(Json(Kept { digest: digest.to_string(), size_bytes }).into_response())
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        for (text, asked) in [
            ("bytes=0-4", Asked::Part(0..5)),
            ("bytes=5-", Asked::Part(5..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-30", Asked::Part(0..10)),
            ("bytes=8-99", Asked::Part(8..10)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=4-2", Asked::Whole),
            ("bytes=0-1,4-5", Asked::Whole),
            ("items=0-1", Asked::Whole),
            ("bytes=18446744073709551615-", Asked::Beyond),
            ("bytes=0-18446744073709551615", Asked::Part(0..10)),
        ] {
            assert_eq!(Asked::parse(text, 10), asked, "{text}");
        }
    }
}
