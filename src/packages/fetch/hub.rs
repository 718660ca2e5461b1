//! A file of a repository that speaks the Hugging Face protocol.
//!
//! The `hf-hub` library builds the address and asks for the file's size and digest. The transfer
//! is ours (`http`): the library's downloader has no time limits and cannot tell a cut transfer
//! from a finished one by digest.

use hf_hub::api::tokio::{ApiBuilder, ApiError};
use hf_hub::{Repo, RepoType};
use reqwest::StatusCode;

use super::super::manifest::is_sha256;
use super::{Failure, Sources, Target, install_tls};

/// The file's address, once the hub has said that it has those bytes.
pub(super) async fn locate(
    repo: &str,
    revision: &str,
    file: &str,
    target: &Target,
    sources: &Sources,
) -> Result<String, Failure> {
    install_tls();
    let mut builder = ApiBuilder::new().with_progress(false).with_token(sources.hub_token.clone());
    if let Some(endpoint) = &sources.hub_endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    let api = builder.build().map_err(|e| Failure::Source(tell(&e)))?;
    let repo = Repo::with_revision(repo.to_owned(), RepoType::Model, revision.to_owned());
    let url = api.repo(repo).url(file);
    let asked = url.clone();
    // A task of its own: the library panics on a redirect without an address.
    let mut question = tokio::spawn(async move { api.metadata(&asked).await });
    let waited = tokio::time::timeout(sources.limits.first_response, &mut question).await;
    question.abort();
    let metadata = match waited {
        Err(_) => {
            let seconds = sources.limits.first_response.as_secs_f32();
            return Err(Failure::Source(format!("no answer within {seconds} s")));
        }
        Ok(Err(_)) => return Err(Failure::Source("its answer cannot be understood".into())),
        Ok(Ok(Err(error))) => return Err(Failure::Source(tell(&error))),
        Ok(Ok(Ok(metadata))) => metadata,
    };
    let bytes = metadata.size() as u64;
    if bytes != target.bytes {
        return Err(Failure::Source(target.wrong_size(bytes)));
    }
    // Large files carry their SHA-256 as entity tag; others a tag that says nothing to us.
    if is_sha256(metadata.etag()) && metadata.etag() != target.sha256 {
        return Err(Failure::Source(format!(
            "other bytes than the catalogue's: SHA-256 {} instead of {}",
            metadata.etag(),
            target.sha256
        )));
    }
    Ok(url)
}

fn tell(error: &ApiError) -> String {
    match error {
        ApiError::RequestError(error) => match error.status() {
            Some(status) => tell_status(status),
            None => tell_request(error),
        },
        other => format!("not an answer of a model hub: {other}"),
    }
}

/// What an HTTP status means for somebody who wants a file.
pub(super) fn tell_status(status: StatusCode) -> String {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
            "it refuses access ({}); a token with the right to read can be given in HF_TOKEN",
            status.as_u16()
        ),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            format!("it has no such file ({})", status.as_u16())
        }
        _ => format!("it answers {status}"),
    }
}

/// The innermost reason of a failed request, without addresses.
pub(super) fn tell_request(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "it cannot be reached"
    } else if error.is_redirect() {
        "its redirect is not followed"
    } else {
        "the transfer failed"
    };
    let why = innermost.to_string();
    if why.is_empty() || error.is_timeout() { what.to_owned() } else { format!("{what}: {why}") }
}
