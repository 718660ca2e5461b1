//! Files from HQ's artefact store or a neighbour, in chunks of which each is checked as it comes.
//!
//! [`Fetcher::file`] brings an [`Artefact`] into the folder of downloads, under its digest;
//! [`Fetcher::bytes`] brings a small document. What came stays over restarts. Each request for bytes
//! over the WAN asks a [`Gate`] first. An answer of 4xx ends it: the file is not there, or not for
//! us. One that does not let this box in ends it
//! too, until a later attempt. Everything else is tried again, with full jitter, and then left to a later attempt.

mod error;
mod part;
mod plan;
mod retry;
#[cfg(test)]
pub(crate) mod tests;
mod transfer;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_rustls::rustls;
use tokio_util::sync::CancellationToken;

use crate::protocol::Digest;
use crate::protocol::documents::{Artefact, artefact_path};

pub use error::{FetchError, Hold};

pub(crate) use part::{digest_of, free_bytes, off_the_threads};
pub(crate) use retry::jittered;

use part::Part;
use retry::{Cut, Retry};
use transfer::Transfer;

/// How long a connection waits for the next request. HQ has places for so many connections, and a change
/// of facts brings all stores at once.
const IDLE: Duration = Duration::from_secs(1);

/// Asked before bytes go over the WAN; refuses where they must wait.
pub type Gate<'a> = &'a (dyn Fn(u64) -> Result<(), Hold> + Send + Sync);

/// Where files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The address below which `artefacts/` is.
    pub base: String,
    /// Whether bytes from there go over the WAN.
    pub wan: bool,
    /// The file with the token that it asks for; read anew each time, as tokens are renewed.
    pub token_file: Option<PathBuf>,
}

/// How long and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Until a connection is there.
    pub connect: Duration,
    /// Until the next byte.
    pub stall: Duration,
    /// Tries in a row that bring nothing; then a later attempt goes on.
    pub max_idle_tries: u32,
    /// The longest pause after the first of them; it doubles.
    pub first_pause: Duration,
    /// The longest of all.
    pub max_pause: Duration,
    /// Bytes of one request: what is asked for at the gate at once.
    pub max_request_bytes: u64,
    /// Bytes of the disk that stay free whatever is fetched.
    pub spare_bytes: u64,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            max_idle_tries: 6,
            first_pause: Duration::from_secs(1),
            max_pause: Duration::from_secs(60),
            max_request_bytes: 16 << 20,
            spare_bytes: 256 << 20,
        }
    }
}

/// Brings files. A clone has the same folder and connections.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: reqwest::Client,
    /// In the order in which they are tried: neighbours first.
    origins: Vec<Origin>,
    folder: PathBuf,
    limits: FetchLimits,
}

impl Fetcher {
    /// A fetcher into a folder, which is made where there is none. With `tls` it shows this box's
    /// certificate and believes in HQ's authority; without, in those that the system knows.
    pub fn new(
        folder: &Path,
        origins: Vec<Origin>,
        tls: Option<rustls::ClientConfig>,
        limits: FetchLimits,
    ) -> Result<Self, FetchError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| FetchError::disk("making", folder, source))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("endcap/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none());
        match tls {
            Some(tls) => builder = builder.use_preconfigured_tls(tls),
            // An error means that the program has chosen one already.
            None => drop(rustls::crypto::ring::default_provider().install_default()),
        }
        let client = builder.build().map_err(|error| FetchError::Client(error.to_string()))?;
        Ok(Self { client, origins, folder: folder.to_owned(), limits })
    }

    /// The same into a folder below, which is made when something is kept or brought there.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self { folder: self.folder.join(name), ..self.clone() }
    }

    /// Where a whole file is, or will be.
    #[must_use]
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    /// Bytes of an artefact that are still to be fetched. Blocks on the disk.
    #[must_use]
    pub fn missing_bytes(&self, artefact: &Artefact) -> u64 {
        if self.path(artefact.digest).metadata().is_ok_and(|m| m.len() == artefact.size_bytes) {
            return 0;
        }
        part::noted(&self.folder, artefact).missing_bytes(artefact)
    }

    /// Brings a file, whole and with the right digest, and gives its path. It may be there already.
    pub async fn file(
        &self,
        artefact: &Artefact,
        gate: Gate<'_>,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, FetchError> {
        artefact.check()?;
        let fetch = self.bring(artefact, gate);
        cancel.run_until_cancelled(fetch).await.unwrap_or(Err(FetchError::Cancelled))
    }

    async fn bring(&self, artefact: &Artefact, gate: Gate<'_>) -> Result<PathBuf, FetchError> {
        let path = self.path(artefact.digest);
        let (found, wanted) = (path.clone(), artefact.clone());
        if part::off_the_threads(move || part::is_whole(&found, &wanted)).await? {
            return Ok(path);
        }
        let (folder, wanted) = (self.folder.clone(), artefact.clone());
        let spare = self.limits.spare_bytes;
        let mut part = part::off_the_threads(move || Part::open(&folder, wanted, spare)).await?;
        let mut retry = Retry::new(self.limits);
        while !part.is_complete() {
            let before = part.missing();
            let result = self.ask_origins(&mut part, gate).await;
            let progressed = part.missing() < before;
            if let Err(cut) = result {
                retry.pause(cut, progressed).await?;
            }
        }
        part::off_the_threads(move || part.finish(&path).map(|()| path)).await
    }

    /// Asks each origin in turn for what is missing.
    async fn ask_origins(&self, part: &mut Part, gate: Gate<'_>) -> Result<(), Cut> {
        let mut last = Cut::Never(FetchError::NoOrigin);
        for origin in &self.origins {
            let transfer = Transfer::new(&self.client, origin, &self.limits);
            match transfer.fill(part, gate).await {
                Ok(()) => return Ok(()),
                Err(Cut::Never(FetchError::Held(hold))) => {
                    return Err(Cut::Never(FetchError::Held(hold)));
                }
                Err(Cut::Never(error @ FetchError::Disk { .. })) => return Err(Cut::Never(error)),
                Err(cut) => last = cut,
            }
        }
        Err(last)
    }

    /// Brings a document of at most `most` bytes; documents do not ask at the gate.
    pub async fn bytes(
        &self,
        digest: Digest,
        most: usize,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, FetchError> {
        let fetch = async {
            let mut retry = Retry::new(self.limits);
            loop {
                match self.small(digest, most).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(cut) => retry.pause(cut, false).await?,
                }
            }
        };
        cancel.run_until_cancelled(fetch).await.unwrap_or(Err(FetchError::Cancelled))
    }

    async fn small(&self, digest: Digest, most: usize) -> Result<Vec<u8>, Cut> {
        let mut last = Cut::Never(FetchError::NoOrigin);
        for origin in &self.origins {
            let transfer = Transfer::new(&self.client, origin, &self.limits);
            match transfer.small(&artefact_path(digest), most).await {
                Ok(bytes) if Digest::of(&bytes) == digest => return Ok(bytes),
                Ok(_) => last = Cut::wrong(),
                Err(cut) => last = cut,
            }
        }
        Err(last)
    }

    /// Brings a document and keeps it, so that the next time it needs no network.
    pub async fn document(
        &self,
        digest: Digest,
        most: usize,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, FetchError> {
        let path = self.path(digest);
        let (found, kept) = (path.clone(), move || match std::fs::read(&path) {
            Ok(bytes) if bytes.len() <= most && Digest::of(&bytes) == digest => Ok(Some(bytes)),
            _ => Ok(None),
        });
        if let Some(bytes) = part::off_the_threads(kept).await? {
            return Ok(bytes);
        }
        let bytes = self.bytes(digest, most, cancel).await?;
        part::off_the_threads(move || {
            // Its digest is compared when it is read: a torn one is fetched again.
            std::fs::write(&found, &bytes)
                .map_err(|source| FetchError::disk("writing", &found, source))?;
            Ok(bytes)
        })
        .await
    }

    /// Removes what is not one of these, whole or in part. Blocks on the disk.
    pub fn keep_only(&self, wanted: &BTreeSet<Digest>) -> Result<(), FetchError> {
        let failed = |source| FetchError::disk("reading", &self.folder, source);
        std::fs::create_dir_all(&self.folder)
            .map_err(|source| FetchError::disk("making", &self.folder, source))?;
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let digest = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if !digest.is_some_and(|digest| wanted.contains(&digest)) {
                std::fs::remove_file(&path)
                    .map_err(|source| FetchError::disk("removing", &path, source))?;
            }
        }
        Ok(())
    }

    /// Removes a file that is of no more use, whole or in part. Blocks on the disk.
    pub fn forget(&self, digest: Digest) -> Result<(), FetchError> {
        part::forget(&self.folder, digest)
    }
}
