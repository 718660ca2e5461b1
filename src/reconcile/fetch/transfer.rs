//! One origin, asked over HTTP.

use std::ops::Range;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, RANGE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use tokio::time::timeout;

use super::error::FetchError;
use super::part::Part;
use super::retry::Cut;
use super::{FetchLimits, Gate, Origin};
use crate::protocol::Digest;
use crate::protocol::documents::artefact_path;

pub(super) struct Transfer<'a> {
    client: &'a Client,
    origin: &'a Origin,
    limits: &'a FetchLimits,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(client: &'a Client, origin: &'a Origin, limits: &'a FetchLimits) -> Self {
        Self { client, origin, limits }
    }

    /// Fetches what is missing, run by run.
    pub(super) async fn fill(&self, part: &mut Part, gate: Gate<'_>) -> Result<(), Cut> {
        let path = artefact_path(part.artefact().digest);
        while let Some(run) = part.chunks().next_run(part.artefact(), self.limits.max_request_bytes)
        {
            let (first, last) = bytes_of(part, &run);
            if self.origin.wan {
                gate(last + 1 - first).map_err(FetchError::Held)?;
            }
            let response = self.ask(&path, Some((first, last))).await?;
            let begins = begin(&response, part, &run)?;
            self.receive(response, part, begins, run.end).await?;
        }
        Ok(())
    }

    /// The bytes at a path, at most so many.
    pub(super) async fn small(&self, path: &str, most: usize) -> Result<Vec<u8>, Cut> {
        let mut response = self.ask(path, None).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece(&mut response).await? {
            if bytes.len() + piece.len() > most {
                return Err(Cut::Never(FetchError::Wrong));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    async fn ask(&self, path: &str, range: Option<(u64, u64)>) -> Result<Response, Cut> {
        let url = format!("{}/{path}", self.origin.base.trim_end_matches('/'));
        let mut request = self.client.get(url).header(ACCEPT_ENCODING, "identity");
        if let Some(file) = &self.origin.token_file {
            let token = tokio::fs::read_to_string(file).await;
            let token = token.map_err(|source| FetchError::disk("reading", file, source))?;
            request = request.bearer_auth(token.trim());
        }
        if let Some((first, last)) = range {
            request = request.header(RANGE, format!("bytes={first}-{last}"));
        }
        let answer = timeout(self.limits.stall, request.send()).await;
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_builder() => {
                return Err(Cut::Never(FetchError::Client(told(&error))));
            }
            Ok(Err(error)) => return Err(Cut::again(told(&error))),
            Err(_) => return Err(Cut::again("no answer in time")),
        };
        judge(response)
    }

    /// Takes the body, which begins with a chunk, up to another chunk.
    async fn receive(
        &self,
        mut response: Response,
        part: &mut Part,
        begins: u32,
        end: u32,
    ) -> Result<(), Cut> {
        let mut next = begins;
        let mut chunk = part.artefact().chunk(next);
        let mut buffer = Vec::new();
        while let Some(wanted) = chunk.filter(|_| next < end) {
            let Some(piece) = self.piece(&mut response).await? else {
                return Err(Cut::again("the answer was cut short"));
            };
            let mut piece = &piece[..];
            let mut wanted = wanted;
            loop {
                let room = wanted.bytes as usize - buffer.len();
                let (now, later) = piece.split_at(room.min(piece.len()));
                buffer.extend_from_slice(now);
                piece = later;
                if buffer.len() < wanted.bytes as usize {
                    break;
                }
                if Digest::of(&buffer) != wanted.digest {
                    return Err(Cut::wrong());
                }
                buffer = part.write(wanted, buffer).await?;
                buffer.clear();
                next += 1;
                chunk = part.artefact().chunk(next);
                match chunk.filter(|_| next < end) {
                    Some(following) => wanted = following,
                    None => return Ok(()),
                }
            }
        }
        Ok(())
    }

    async fn piece(
        &self,
        response: &mut Response,
    ) -> Result<Option<impl std::ops::Deref<Target = [u8]>>, Cut> {
        match timeout(self.limits.stall, response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(Cut::again(told(&error))),
            Err(_) => Err(Cut::again("nothing more came in time")),
        }
    }
}

/// First and last byte of a run of chunks.
fn bytes_of(part: &Part, run: &Range<u32>) -> (u64, u64) {
    let chunk = u64::from(part.artefact().chunk_bytes);
    let end = (u64::from(run.end) * chunk).min(part.artefact().size_bytes);
    (u64::from(run.start) * chunk, end.saturating_sub(1))
}

/// The chunk with which an answer to a request for a run begins.
fn begin(response: &Response, part: &Part, run: &Range<u32>) -> Result<u32, Cut> {
    if response.status() == StatusCode::OK {
        // The range was not honoured: the file comes from its start.
        return Ok(0);
    }
    let wanted = (bytes_of(part, run).0, part.artefact().size_bytes);
    let honoured = content_range(response.headers()) == Some(wanted);
    honoured.then_some(run.start).ok_or_else(Cut::wrong)
}

fn judge(response: Response) -> Result<Response, Cut> {
    let status = response.status();
    if status == StatusCode::OK || status == StatusCode::PARTIAL_CONTENT {
        return Ok(response);
    }
    let passes = status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT;
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        return Err(FetchError::NotLetIn { status: status.as_u16() }.into());
    }
    if !passes {
        return Err(FetchError::Refused { status: status.as_u16() }.into());
    }
    let after = response.headers().get(RETRY_AFTER);
    let after = after.and_then(|after| after.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    Err(Cut::Again { why: format!("it answered {status}"), after, wrong: false })
}

/// Start and total of `bytes START-END/TOTAL`.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
}

/// What went wrong, without the address.
fn told(error: &reqwest::Error) -> String {
    let mut told = String::new();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = source {
        told = error.to_string();
        source = error.source();
    }
    if told.is_empty() { "the connection failed".to_owned() } else { told }
}
