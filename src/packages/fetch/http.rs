//! A transfer over HTTP that survives cuts: it goes on where it stopped, within bounds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE,
};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::time::{Instant, sleep, timeout};

use super::super::digest::{self, Hasher};
use super::super::disk;
use super::super::error::At;
use super::super::progress::{Progress, Silent};
use super::super::store::in_background;
use super::hub::{tell_request, tell_status};
use super::{Failure, Limits, Target, install_tls};

/// Attempts of one transfer at most, however well each begins.
const MAX_ATTEMPTS: usize = 30;
/// Attempts in a row that bring no byte.
const MAX_IDLE_ATTEMPTS: u32 = 4;
const MAX_REDIRECTS: usize = 8;
const MAX_PAUSE: Duration = Duration::from_secs(10);
const BUFFER_BYTES: usize = 1 << 20;

/// One file from one address.
pub(super) struct Transfer<'a> {
    client: Client,
    url: Url,
    token: Option<&'a str>,
    target: &'a Target,
    limits: &'a Limits,
    progress: &'a dyn Progress,
}

/// Why an attempt ended before the file was whole.
enum Cut {
    /// Another attempt may go on.
    Again { why: String, answered: bool },
    /// This source is of no use.
    Never(Failure),
}

/// How the part on disk and an answer go together.
enum Begin {
    /// The answer continues the part.
    GoOn,
    /// The answer is the file from its start.
    Anew,
    /// The source cannot continue the part.
    AskAnew,
}

impl<T: Into<Failure>> From<T> for Cut {
    fn from(failure: T) -> Self {
        Self::Never(failure.into())
    }
}

impl<'a> Transfer<'a> {
    pub(super) fn new(
        url: &str,
        token: Option<&'a str>,
        target: &'a Target,
        limits: &'a Limits,
        progress: &'a dyn Progress,
    ) -> Result<Self, Failure> {
        install_tls();
        let client = Client::builder()
            .user_agent(concat!("endcap/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .redirect(redirect::Policy::custom(follow))
            .build()
            .map_err(|e| Failure::Source(tell_request(&e)))?;
        let url = Url::parse(url).map_err(|e| Failure::Source(format!("address: {e}")))?;
        Ok(Self { client, url, token, target, limits, progress })
    }

    /// Brings the file to the target's place, whole and of the right digest.
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let host = self.url.host_str().unwrap_or_default();
        self.progress.start(&format!("downloading from {host}"), Some(self.target.bytes));
        let result = self.run_attempts().await;
        self.progress.finish();
        result
    }

    async fn run_attempts(&self) -> Result<(), Failure> {
        let mut hasher = self.kept_prefix().await?;
        let mut foreign_prefix = hasher.bytes() > 0;
        self.progress.advance(hasher.bytes());
        let (mut idle, mut answers) = (0, false);
        for _ in 0..MAX_ATTEMPTS {
            let before = hasher.bytes();
            match self.attempt(&mut hasher).await {
                Ok(()) => match self.target.accept(hasher) {
                    Err(Failure::Source(why)) if foreign_prefix => {
                        self.progress.note(&format!("starting over: {why}"));
                        (hasher, foreign_prefix) = (Hasher::default(), false);
                        continue;
                    }
                    other => return other,
                },
                Err(Cut::Never(failure)) => return Err(failure),
                Err(Cut::Again { why, answered }) => {
                    answers |= answered;
                    idle = if hasher.bytes() > before { 0 } else { idle + 1 };
                    if !answers || idle >= MAX_IDLE_ATTEMPTS {
                        return Err(Failure::Source(why));
                    }
                    self.progress.note(&format!("{why}; going on"));
                    sleep((self.limits.backoff * 2_u32.pow(idle)).min(MAX_PAUSE)).await;
                }
            }
        }
        Err(Failure::Source(format!("not whole after {MAX_ATTEMPTS} attempts")))
    }

    /// What an earlier transfer left, hashed.
    async fn kept_prefix(&self) -> Result<Hasher, Failure> {
        let part = self.target.part.clone();
        let limit = self.target.bytes;
        let kept = in_background(move || {
            if std::fs::symlink_metadata(&part).is_ok_and(|m| m.is_file() && m.len() <= limit) {
                digest::of_file(&part, &Silent)
            } else {
                disk::remove_file(&part).map(|()| Hasher::default())
            }
        });
        Ok(kept.await?)
    }

    async fn attempt(&self, hasher: &mut Hasher) -> Result<(), Cut> {
        if hasher.bytes() == self.target.bytes {
            return Ok(());
        }
        let response = self.ask(hasher.bytes()).await?;
        let part = &self.target.part;
        let begin = self.judge(&response, hasher.bytes())?;
        let mut options = OpenOptions::new();
        match begin {
            Begin::GoOn => options.append(true),
            Begin::Anew => {
                self.forget(hasher);
                options.write(true).create(true).truncate(true)
            }
            Begin::AskAnew => {
                self.forget(hasher);
                disk::remove_file(part)?;
                return Err(Cut::Again {
                    why: "it cannot go on from a part".into(),
                    answered: true,
                });
            }
        };
        self.keep_validator(&response).await;
        let file = options.open(part).await.at("writing", part)?;
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let result = self.receive(response, &mut file, hasher).await;
        file.flush().await.at("writing", part)?;
        result
    }

    fn forget(&self, hasher: &mut Hasher) {
        if hasher.bytes() > 0 {
            self.progress.finish();
            self.progress.start("downloading anew", Some(self.target.bytes));
        }
        *hasher = Hasher::default();
    }

    async fn ask(&self, offset: u64) -> Result<Response, Cut> {
        let mut request = self.client.get(self.url.clone());
        request = request.header(ACCEPT_ENCODING, "identity");
        if let Some(token) = self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
            if let Some(validator) = self.validator().await {
                request = request.header(IF_RANGE, validator);
            }
        }
        let why = match timeout(self.limits.first_response, request.send()).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) if error.is_redirect() || error.is_builder() => {
                return Err(Failure::Source(tell_request(&error)).into());
            }
            Ok(Err(error)) => tell_request(&error),
            Err(_) => format!("no answer within {} s", self.limits.first_response.as_secs_f32()),
        };
        Err(Cut::Again { why, answered: false })
    }

    /// What the head of an answer to "from `offset` on" means.
    fn judge(&self, response: &Response, offset: u64) -> Result<Begin, Cut> {
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let (start, total) = content_range(response.headers())
                    .ok_or_else(|| Failure::Source("its Content-Range makes no sense".into()))?;
                if total.is_some_and(|t| t != self.target.bytes) {
                    let total = total.unwrap_or_default();
                    return Err(Failure::Source(self.target.wrong_size(total)).into());
                }
                if start != offset {
                    return Err(
                        Failure::Source("it sends another range than asked for".into()).into()
                    );
                }
                Ok(Begin::GoOn)
            }
            StatusCode::OK => match response.content_length() {
                Some(bytes) if bytes != self.target.bytes => {
                    Err(Failure::Source(self.target.wrong_size(bytes)).into())
                }
                _ => Ok(Begin::Anew),
            },
            StatusCode::RANGE_NOT_SATISFIABLE if offset > 0 => Ok(Begin::AskAnew),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Cut::Again { why: tell_status(status), answered: true })
            }
            status => Err(Failure::Source(tell_status(status)).into()),
        }
    }

    async fn receive(
        &self,
        mut response: Response,
        file: &mut BufWriter<File>,
        hasher: &mut Hasher,
    ) -> Result<(), Cut> {
        let again = |why: String| Cut::Again { why, answered: true };
        let (mut window_ends, mut in_window) = (Instant::now() + self.limits.stall, 0);
        loop {
            let chunk = match tokio::time::timeout_at(window_ends, response.chunk()).await {
                Err(_) => return Err(again("the transfer stands still".into())),
                Ok(Err(error)) => return Err(again(tell_request(&error))),
                Ok(Ok(None)) if hasher.bytes() < self.target.bytes => {
                    return Err(again("the transfer was cut".into()));
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Ok(Some(chunk))) => chunk,
            };
            let bytes = chunk.len() as u64;
            if hasher.bytes() + bytes > self.target.bytes {
                disk::remove_file(&self.target.part)?;
                let limit = self.target.bytes;
                return Err(Failure::Source(format!("it sends more than {limit} bytes")).into());
            }
            hasher.update(&chunk);
            file.write_all(&chunk).await.at("writing", &self.target.part)?;
            self.progress.advance(bytes);
            in_window += bytes;
            if in_window >= self.limits.stall_bytes {
                (window_ends, in_window) = (Instant::now() + self.limits.stall, 0);
            }
        }
    }

    /// The strong entity tag under which the kept part came from this very address.
    async fn validator(&self) -> Option<HeaderValue> {
        let text = tokio::fs::read_to_string(validator_path(&self.target.part)).await.ok()?;
        let (url, tag) = text.split_once('\n')?;
        (url == self.url.as_str()).then(|| HeaderValue::from_str(tag).ok()).flatten()
    }

    /// Losing it costs a transfer from the start at most, so failures are passed over.
    async fn keep_validator(&self, response: &Response) {
        let path = validator_path(&self.target.part);
        let tag = response.headers().get(ETAG).and_then(|t| t.to_str().ok());
        let _ = match tag.filter(|t| !t.starts_with("W/")) {
            Some(tag) => tokio::fs::write(path, format!("{}\n{tag}", self.url)).await,
            None => tokio::fs::remove_file(path).await,
        };
    }
}

/// Beside the part: address and entity tag of its source.
pub(super) fn validator_path(part: &Path) -> PathBuf {
    part.with_extension("part-of")
}

/// `bytes 5-9/10` to (5, Some(10)).
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok()?;
    Some((start, if total == "*" { None } else { Some(total.parse().ok()?) }))
}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let from_https = attempt.previous().iter().any(|u| u.scheme() == "https");
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("too many redirects")
    } else if from_https && attempt.url().scheme() != "https" {
        attempt.error("from https to an address that is not")
    } else {
        attempt.follow()
    }
}
