//! Many changes at once, as lines: `POST /store/v1/facts/batch`.
//!
//! Lines are checked as they come and wait on disk; when the last is there, all are made or none.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};

use super::key::{self, Fingerprint, Key};
use super::lines::{Lines, TooLong};
use super::refusal::of_facts;
use crate::api::service::Service;
use crate::facts::{FactsError, Fault, Outcomes, Revision, Staged, UnixSeconds, Written};
use crate::http::{Identity, Kind, Problem, discard};

/// What a body of lines is called; the first is the one that is described.
pub(in crate::api) const MEDIA_TYPES: [&str; 3] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl"];
/// Pieces of a body that wait for the disk.
const PIECES: usize = 8;
/// Faults that are told at once.
const MAX_FAULTS: usize = 10;

/// What a batch did.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct BatchWritten {
    /// The store's revision behind the batch.
    revision: Revision,
    outcomes: Outcomes,
}

/// `POST /store/v1/facts/batch`.
pub(in crate::api) async fn write(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let ready = match require_lines(&parts).and_then(|()| Key::of(&parts)) {
        Ok(key) => begin(&service, &parts).await.map(|turn| (turn, key)),
        Err(problem) => Err(problem),
    };
    let (turn, key) = match ready {
        Ok(ready) => ready,
        Err(problem) => {
            discard(body);
            return Err(problem);
        }
    };
    let fingerprint = Fingerprint::of(&parts);
    let (pieces, taken) = mpsc::channel(PIECES);
    let taker = Arc::clone(&service);
    let taking = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        take(&taker, taken, key, fingerprint)
    });
    let sent = send(&service, body, pieces).await;
    let written = taking.await.map_err(Problem::internal)?;
    // A body that broke off is told as such, whatever was made of its beginning.
    sent?;
    let written = written?;
    let told = BatchWritten { revision: written.revision, outcomes: written.outcomes };
    let mut response = Json(told).into_response();
    key::mark(response.headers_mut(), &written);
    Ok(response)
}

/// A turn, after it was written down who has it.
async fn begin(service: &Service, parts: &Parts) -> Result<OwnedSemaphorePermit, Problem> {
    let turn = service.turn_for_batch().await?;
    let asker = parts.extensions.get::<Option<Identity>>().and_then(Option::as_ref);
    let bytes = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let about = bytes.map(|bytes| ("bytes", bytes.into()));
    service.write_down(asker, "facts.batch", about).await?;
    Ok(turn)
}

fn require_lines(parts: &Parts) -> Result<(), Problem> {
    let refuse = |message: String| {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Kind::InvalidRequestError, message)
            .code("unsupported_media_type")
    };
    if parts.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(refuse("a compressed body is not taken here".to_owned()));
    }
    let given = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|text| text.split(';').next()).map(str::trim).unwrap_or_default();
    if MEDIA_TYPES.iter().any(|media_type| essence.eq_ignore_ascii_case(media_type)) {
        return Ok(());
    }
    let [wanted, ..] = MEDIA_TYPES;
    Err(refuse(format!("a batch needs the header `Content-Type: {wanted}`: a change in each line")))
}

/// Piece by piece, waiting where the disk is slower than the network.
enum Piece {
    Bytes(Bytes),
    /// The body is complete; without it nothing is made.
    End,
}

/// Hands the body on to whoever takes it; stops where nobody does any more.
async fn send(
    service: &Service,
    mut body: Body,
    pieces: mpsc::Sender<Piece>,
) -> Result<(), Problem> {
    let deadline = Instant::now() + service.request_timeout;
    loop {
        let patience = service.body.timeout.min(deadline.saturating_duration_since(Instant::now()));
        let frame = timeout(patience, body.frame()).await.map_err(|_| too_slow(patience))?;
        let piece = match frame {
            None => Piece::End,
            Some(Err(_)) => return Err(Problem::invalid("the request's body broke off")),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => Piece::Bytes(data),
                Err(_) => continue,
            },
        };
        let ends = matches!(piece, Piece::End);
        if pieces.send(piece).await.is_err() {
            discard(body);
            return Ok(());
        }
        if ends {
            return Ok(());
        }
    }
}

fn too_slow(patience: std::time::Duration) -> Problem {
    let message = format!("nothing of the body arrived within {} s", patience.as_secs_f64());
    Problem::new(StatusCode::REQUEST_TIMEOUT, Kind::TimeoutError, message).code("body_timeout")
}

/// Takes the pieces on a blocking thread, and makes the changes when the last has come.
fn take(
    service: &Service,
    mut pieces: mpsc::Receiver<Piece>,
    key: Option<Key>,
    mut fingerprint: Fingerprint,
) -> Result<Written, Problem> {
    let refuse = |error| of_facts(service, error);
    let staged = service.facts.stage().map_err(refuse)?;
    let mut lines = Lines::new(staged.max_line_bytes());
    let mut checked = Checked { staged, faults: Vec::new(), full: None };
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => {
                fingerprint.add(&bytes);
                let taken = lines.push(&bytes, |number, line| checked.add(number, line));
                if taken == Err(TooLong) {
                    let limit = checked.staged.max_line_bytes();
                    let why =
                        format!("the line has more than {limit} bytes (facts.max_fact_bytes)");
                    checked.fail(lines.count, FactsError::Line { fault: Fault::new("", why) });
                    break;
                }
            }
            Some(Piece::End) => {
                lines.finish(|number, line| checked.add(number, line));
                break;
            }
            None => return Err(Problem::invalid("the request's body broke off")),
        }
        if checked.is_over() {
            break;
        }
    }
    drop(pieces);
    let Checked { staged, faults, full } = checked;
    if let Some(error) = full {
        return Err(refuse(error));
    }
    if !faults.is_empty() {
        return Err(of_faults(service, faults));
    }
    let asked = key.map(|key| key.with(fingerprint));
    let written = staged.commit(asked, UnixSeconds::now());
    written.map_err(|refused| match refused.line {
        0 => refuse(refused.error),
        line => of_faults(service, vec![(line, refused.error)]),
    })
}

/// Lines that were looked at.
struct Checked {
    staged: Staged,
    faults: Vec<(u64, FactsError)>,
    /// Why no more can be taken.
    full: Option<FactsError>,
}

impl Checked {
    fn add(&mut self, number: u64, line: &[u8]) {
        if self.is_over() {
            return;
        }
        match self.staged.push_line(line) {
            Ok(()) => {}
            Err(error @ (FactsError::Batch { .. } | FactsError::Disk { .. })) => {
                self.full = Some(error);
            }
            Err(error) => self.fail(number, error),
        }
    }

    fn fail(&mut self, number: u64, error: FactsError) {
        self.faults.push((number, error));
    }

    fn is_over(&self) -> bool {
        self.full.is_some() || self.faults.len() >= MAX_FAULTS
    }
}

/// All faults in one message, with the first one's field.
fn of_faults(service: &Service, faults: Vec<(u64, FactsError)>) -> Problem {
    let told: Vec<String> =
        faults.iter().map(|(line, error)| format!("line {line}: {error}")).collect();
    let message = format!("nothing was written: {}", told.join("; "));
    let first = faults.into_iter().next().map(|(line, error)| (line, of_facts(service, error)));
    let Some((line, problem)) = first else { return Problem::invalid(message) };
    if problem.status().is_server_error() && problem.cause().is_some() {
        return problem;
    }
    let body = problem.body();
    let field = body.param.as_deref().map(|param| format!(".{param}")).unwrap_or_default();
    let told = Problem::new(problem.status(), body.kind, message);
    let code = body.code.as_deref().unwrap_or("invalid_value");
    told.param(format!("lines[{line}]{field}")).code(code)
}
