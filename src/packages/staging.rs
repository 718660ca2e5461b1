//! A package in the making: a hidden folder that becomes the package by one rename.
//!
//! The order is what makes a power cut harmless: every file is on the disk before the manifest
//! is, the manifest before the rename, the rename before success is told. The maker holds a lock
//! on the hidden folder; a hidden folder whose lock is free was left behind and is swept away.

use std::fs;
use std::path::{Path, PathBuf};

use super::card::Card;
use super::digest;
use super::disk;
use super::error::{At, PackageError};
use super::graph::{DeclaredPort, GraphFacts};
use super::lock::Lock;
use super::manifest::{FORMAT, FileEntry, MANIFEST_FILE, Manifest, OfBundle, Role, Task};
use super::name::PackageName;
use super::package::Package;
use super::progress::Progress;
use crate::engine::TokenId;

/// Hidden folders begin with this.
const PREFIX: &str = ".staging-";
/// Lock for the moments in which hidden folders appear, move and go.
const STORE_LOCK: &str = ".lock";
/// File name of the card that is written for a package.
pub const CARD_FILE: &str = "card.cdx.json";

/// A manifest whose digests are yet to be taken.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) task: Task,
    pub(super) context_tokens: usize,
    pub(super) end_tokens: Vec<TokenId>,
    pub(super) bos_token: String,
    pub(super) eos_token: String,
    pub(super) adds_bos: bool,
    /// Files that lie in the staging folder.
    pub(super) files: Vec<(String, Role)>,
    /// Card to write; `None` where the files have one.
    pub(super) card: Option<Card>,
    /// The bundle that the package is put together for.
    pub(super) bundle: Option<OfBundle>,
}

impl Draft {
    /// One that is what another package is, with other files and another name.
    pub(super) fn like(
        manifest: &Manifest,
        name: &PackageName,
        files: Vec<(String, Role)>,
        card: Option<Card>,
    ) -> Self {
        Self {
            name: name.to_string(),
            version: manifest.version.clone(),
            task: manifest.task,
            context_tokens: manifest.context_tokens,
            end_tokens: manifest.end_tokens.clone(),
            bos_token: manifest.bos_token.clone(),
            eos_token: manifest.eos_token.clone(),
            adds_bos: manifest.adds_bos,
            files,
            card,
            bundle: None,
        }
    }

    /// A graph of arrays.
    pub(super) fn of_tensors(
        name: &PackageName,
        version: &str,
        files: Vec<(String, Role)>,
        card: Card,
        facts: &GraphFacts,
    ) -> Self {
        let ports = |ports: &[DeclaredPort]| ports.iter().map(ToString::to_string).collect();
        let card = Card { name: name.to_string(), version: version.to_owned(), ..card };
        Self {
            name: name.to_string(),
            version: version.to_owned(),
            task: Task::Tensors,
            context_tokens: 0,
            end_tokens: Vec::new(),
            bos_token: String::new(),
            eos_token: String::new(),
            adds_bos: false,
            files,
            bundle: None,
            card: Some(card.of_tensors(ports(&facts.inputs), ports(&facts.outputs))),
        }
    }
}

/// What to do with a sound package of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Keep,
    Replace,
}

/// The hidden folder; removed when dropped before it is published.
#[derive(Debug)]
pub(super) struct Staging {
    models: PathBuf,
    folder: PathBuf,
    published: bool,
    _lock: Lock,
}

impl Staging {
    /// Makes an empty hidden folder and takes its lock.
    pub(super) fn begin(models: &Path) -> Result<Self, PackageError> {
        let _store = Lock::wait(&models.join(STORE_LOCK))?;
        let folder = models.join(hidden_name()?);
        disk::make_folder(&folder)?;
        let lock = Lock::wait(&folder)?;
        Ok(Self { models: models.to_owned(), folder, published: false, _lock: lock })
    }

    /// Where the package's files are to be put.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the digests, writes card and manifest, and makes the package appear.
    pub(super) fn publish(
        mut self,
        draft: Draft,
        existing: Existing,
        progress: &dyn Progress,
    ) -> Result<Package, PackageError> {
        progress.start(&format!("writing {}", draft.name), None);
        let sealed = self.seal(draft, progress);
        progress.finish();
        sealed?;
        let package = Package::open(&self.folder)?;
        let place = self.models.join(package.name());
        let _store = Lock::wait(&self.models.join(STORE_LOCK))?;
        let mut replaced = None;
        if fs::symlink_metadata(&place).is_ok() {
            if existing == Existing::Keep && Package::open(&place).is_ok() {
                return Err(PackageError::AlreadyInstalled { name: package.name().to_owned() });
            }
            replaced = Some(hide(&self.models, &place)?);
        }
        disk::rename(&self.folder, &place)?;
        self.published = true;
        disk::sync(&self.models)?;
        if let Some(old) = replaced {
            discard(&old)?;
        }
        Package::open(&place)
    }

    fn seal(&self, draft: Draft, progress: &dyn Progress) -> Result<(), PackageError> {
        let mut files = Vec::with_capacity(draft.files.len() + 1);
        for (name, role) in &draft.files {
            let path = self.folder.join(name);
            disk::sync(&path)?;
            files.push(self.entry(name, *role, progress)?);
        }
        if let Some(mut card) = draft.card {
            card.digests.extend(files.iter().map(|f| (f.path.clone(), f.sha256.clone())));
            let path = self.folder.join(CARD_FILE);
            let bytes = card
                .to_bytes()
                .map_err(|source| PackageError::Manifest { path: path.clone(), source })?;
            disk::write_new(&path, &bytes)?;
            files.push(self.entry(CARD_FILE, Role::Card, progress)?);
        }
        let manifest = Manifest {
            format: FORMAT,
            name: draft.name,
            task: draft.task,
            version: draft.version,
            context_tokens: draft.context_tokens,
            end_tokens: draft.end_tokens,
            bos_token: draft.bos_token,
            eos_token: draft.eos_token,
            adds_bos: draft.adds_bos,
            files,
            bundle: draft.bundle,
        };
        let path = self.folder.join(MANIFEST_FILE);
        let bytes = manifest
            .to_bytes()
            .map_err(|source| PackageError::Manifest { path: path.clone(), source })?;
        disk::write_new(&path, &bytes)?;
        disk::sync(&self.folder)
    }

    fn entry(
        &self,
        name: &str,
        role: Role,
        progress: &dyn Progress,
    ) -> Result<FileEntry, PackageError> {
        let digest = digest::of_file(&self.folder.join(name), progress)?;
        Ok(FileEntry {
            path: name.to_owned(),
            role,
            bytes: digest.bytes(),
            sha256: digest.finish(),
        })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = disk::remove_folder(&self.folder)
        {
            tracing::warn!(%error, "a staging folder stays until the store is opened again");
        }
    }
}

/// Makes a package vanish by one rename, then frees its bytes.
pub(super) fn remove(models: &Path, place: &Path) -> Result<(), PackageError> {
    let _store = Lock::wait(&models.join(STORE_LOCK))?;
    let hidden = hide(models, place)?;
    disk::sync(models)?;
    discard(&hidden)
}

/// Removes hidden folders that nobody works on.
pub(super) fn sweep(folder: &Path) -> Result<(), PackageError> {
    let _store = Lock::wait(&folder.join(STORE_LOCK))?;
    for entry in fs::read_dir(folder).at("reading", folder)? {
        let entry = entry.at("reading", folder)?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        if !entry.file_type().at("reading", &path)?.is_dir() {
            disk::remove_file(&path)?;
        } else if let Some(_lock) = Lock::try_take(&path)? {
            disk::remove_folder(&path)?;
        }
    }
    Ok(())
}

/// A hidden folder for passing work; locked while it lives, removed when dropped.
#[derive(Debug)]
pub(super) struct Scratch(Staging);

impl Scratch {
    pub(super) fn begin(folder: &Path) -> Result<Self, PackageError> {
        Staging::begin(folder).map(Self)
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.folder()
    }
}

fn hide(models: &Path, place: &Path) -> Result<PathBuf, PackageError> {
    let hidden = models.join(hidden_name()?);
    disk::rename(place, &hidden)?;
    Ok(hidden)
}

fn discard(hidden: &Path) -> Result<(), PackageError> {
    let found = fs::symlink_metadata(hidden).at("reading", hidden)?;
    if found.is_dir() { disk::remove_folder(hidden) } else { disk::remove_file(hidden) }
}

fn hidden_name() -> Result<String, PackageError> {
    let number = getrandom::u64().map_err(|e| PackageError::Internal(e.to_string()))?;
    Ok(format!("{PREFIX}{number:016x}"))
}
