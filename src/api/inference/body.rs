//! A request's body: JSON, and behind it the binary data.

use std::io::Read;

use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use flate2::read::{GzDecoder, ZlibDecoder};

use crate::http::{Kind, Problem};
use crate::units::Bytes;

/// Bytes of the JSON, where binary data follow it.
pub(super) const HEADER_LENGTH: HeaderName =
    HeaderName::from_static("inference-header-content-length");
const MEDIA_TYPES: [&str; 2] = ["application/json", "application/octet-stream"];

/// What the headers say of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Framing {
    coding: Coding,
    json_bytes: Option<usize>,
    announced: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    /// With zlib's head, as HTTP has it.
    Deflate,
}

impl Framing {
    /// Reads the headers: 415 for what is neither JSON nor bytes, or coded in another way than
    /// gzip or deflate. A body whose type is not said is taken for either.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
        let essence = given.and_then(|text| text.split(';').next()).map(str::trim);
        if essence.is_some_and(|e| !MEDIA_TYPES.iter().any(|known| e.eq_ignore_ascii_case(known))) {
            return Err(unsupported(format!(
                "the content type is neither {} nor {}",
                MEDIA_TYPES[0], MEDIA_TYPES[1]
            )));
        }
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let coding = match (codings.next().map(|value| value.to_str()), codings.next()) {
            (None | Some(Ok("identity")), None) => Coding::Identity,
            (Some(Ok("gzip")), None) => Coding::Gzip,
            (Some(Ok("deflate")), None) => Coding::Deflate,
            _ => return Err(unsupported("the content encoding is neither gzip nor deflate")),
        };
        let announced = number(headers, &CONTENT_LENGTH).ok().flatten();
        Ok(Self { coding, json_bytes: number(headers, &HEADER_LENGTH)?, announced })
    }

    /// Bytes that the body takes in memory at most.
    pub(super) fn room(&self, limit_bytes: usize) -> usize {
        match self.coding {
            Coding::Identity => self.announced.map_or(limit_bytes, |bytes| bytes.min(limit_bytes)),
            Coding::Gzip | Coding::Deflate => limit_bytes,
        }
    }

    /// The body without its coding; 413 where it grows beyond the limit.
    pub(super) fn decode(&self, bytes: Vec<u8>, limit_bytes: usize) -> Result<Vec<u8>, Problem> {
        match self.coding {
            Coding::Identity => Ok(bytes),
            Coding::Gzip => inflate(GzDecoder::new(bytes.as_slice()), "gzip", limit_bytes),
            Coding::Deflate => inflate(ZlibDecoder::new(bytes.as_slice()), "deflate", limit_bytes),
        }
    }

    /// JSON and binary data of a decoded body.
    pub(super) fn split<'a>(&self, body: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Problem> {
        let Some(json_bytes) = self.json_bytes else { return Ok((body, &[])) };
        body.split_at_checked(json_bytes).ok_or_else(|| {
            let body = body.len();
            Problem::invalid(format!("{HEADER_LENGTH} is {json_bytes}; the body has {body} bytes"))
                .param(HEADER_LENGTH.as_str())
                .code("invalid_value")
        })
    }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<usize>, Problem> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    let Some(first) = first else { return Ok(None) };
    let digits = first.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok()).filter(|_| second.is_none());
    number.map(Some).ok_or_else(|| {
        Problem::invalid(format!("{name} must be one number of bytes"))
            .param(name.as_str())
            .code("invalid_value")
    })
}

fn inflate(coded: impl Read, coding: &str, limit_bytes: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let one_more = (limit_bytes as u64).saturating_add(1);
    coded.take(one_more).read_to_end(&mut bytes).map_err(|_| {
        Problem::invalid(format!("the body is not {coding}")).code("invalid_encoding")
    })?;
    if bytes.len() <= limit_bytes {
        return Ok(bytes);
    }
    let limit = Bytes(limit_bytes as u64);
    let message =
        format!("the body inflates to more than the limit of {} bytes ({limit})", limit.0);
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Kind::InvalidRequestError, message)
        .code("body_too_large"))
}

fn unsupported(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Kind::InvalidRequestError, message)
        .code("unsupported_media_type")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn framing(headers: &[(&'static str, &'static str)]) -> Result<Framing, Problem> {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Framing::of(&headers.iter().map(pair).collect())
    }

    #[test]
    fn headers_say_what_the_body_is_or_are_refused() {
        for (headers, status) in [
            (&[][..], None),
            (&[("content-type", "application/json; charset=utf-8")], None),
            (&[("content-type", "application/octet-stream")], None),
            (&[("content-type", "text/plain")], Some(415)),
            (&[("content-encoding", "identity")], None),
            (&[("content-encoding", "gzip")], None),
            (&[("content-encoding", "br")], Some(415)),
            (&[("inference-header-content-length", "12")], None),
            (&[("inference-header-content-length", "-1")], Some(400)),
            (&[("inference-header-content-length", "")], Some(400)),
            (&[("inference-header-content-length", "99999999999999999999")], Some(400)),
        ] {
            let problem = framing(headers).err();
            assert_eq!(problem.map(|p| p.status().as_u16()), status, "{headers:?}");
        }
    }

    #[test]
    fn json_ends_where_the_header_says() {
        let framing = |length| framing(&[("inference-header-content-length", length)]).unwrap();
        assert_eq!(framing("2").split(b"{}abc").unwrap(), (&b"{}"[..], &b"abc"[..]));
        assert_eq!(framing("2").split(b"{}").unwrap(), (&b"{}"[..], &b""[..]));
        let problem = framing("6").split(b"{}abc").unwrap_err();
        assert!(problem.body().message.contains("is 6; the body has 5 bytes"));
    }

    #[test]
    fn a_coded_body_is_inflated_up_to_its_limit() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&[b' '; 100_000]).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&[b' '; 100_000]).unwrap();
        let zlib = zlib.finish().unwrap();
        for (coding, bytes) in [("gzip", gzip), ("deflate", zlib)] {
            let framing = framing(&[("content-encoding", coding)]).unwrap();
            assert_eq!(framing.decode(bytes.clone(), 100_000).unwrap().len(), 100_000);
            let problem = framing.decode(bytes.clone(), 99_999).unwrap_err();
            assert_eq!(problem.status(), 413, "{coding}");
            let problem = framing.decode(bytes[..9].to_vec(), 100_000).unwrap_err();
            assert_eq!(problem.status(), 400, "{coding}");
        }
    }
}
