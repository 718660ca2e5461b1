//! A request's body to a picture.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use crate::api::error::of_picture;
use crate::api::service::Service;
use crate::http::{BodyLimits, Kind, Problem, read_body};
use crate::skills::pictures::{Announced, Format, Picture};

/// Files below this are told apart in place; decoding never is.
const ALWAYS_OFF_THREAD: usize = usize::MAX;

/// A picture, and the room that it takes.
pub(super) struct Upload {
    pub(super) picture: Arc<Picture>,
    /// When decoding began.
    pub(super) decoding: Instant,
    /// When it was done.
    pub(super) decoded: Instant,
    _room: OwnedSemaphorePermit,
}

/// Reads the picture in a body within the limits.
pub(super) async fn receive(
    service: &Service,
    head: &Parts,
    body: Body,
    deadline: Instant,
) -> Result<Upload, Problem> {
    let format = format(&head.headers)?;
    let limits = BodyLimits { bytes: service.limits.max_picture_bytes, ..service.body };
    // The file is in memory until its pixels are.
    let room = announced(&head.headers, limits.bytes);
    let _held = service.tensor_memory.hold(room, limits.timeout).await?;
    let bytes = read_body(&head.headers, body, limits).await?;
    let decoding = Instant::now();
    let limit_pixels = service.limits.max_picture_pixels as u64;
    let read = move || Announced::read(format, bytes, limit_pixels).map_err(of_picture);
    let announced = service.prepare(ALWAYS_OFF_THREAD, deadline, read).await?;
    let room = service.room_for_picture(announced.pixels(), deadline).await?;
    let decode = move || announced.decode().map_err(of_picture);
    let picture = service.prepare(ALWAYS_OFF_THREAD, deadline, decode).await?;
    Ok(Upload { picture: Arc::new(picture), decoding, decoded: Instant::now(), _room: room })
}

/// Bytes that the body takes in memory at most.
fn announced(headers: &HeaderMap, limit_bytes: usize) -> usize {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    length.map_or(limit_bytes, |bytes: usize| bytes.min(limit_bytes))
}

/// What the body is said to be.
fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(unsupported("a compressed body is not taken here"));
    }
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|text| text.split(';').next()).map(str::trim).unwrap_or_default();
    let named = |format: &Format| format.media_type().eq_ignore_ascii_case(essence);
    Format::ALL.into_iter().find(named).ok_or_else(|| {
        let known = Format::ALL.map(Format::media_type).join(", ");
        unsupported(&format!("the request needs a Content-Type of {known}"))
    })
}

fn unsupported(message: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Kind::InvalidRequestError, message)
        .code("unsupported_media_type")
}
