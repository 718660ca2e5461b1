//! The folder of installed packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalogue::{Catalogue, Entry};
use super::error::{At, PackageError};
use super::fetch::{Fetcher, Sources};
use super::intake;
use super::lock::Lock;
use super::name::PackageName;
use super::origin::Origin;
use super::package::Package;
use super::progress::Progress;
use super::staging::{self, Existing, Staging};
use super::{disk, manifest::MANIFEST_FILE};

/// Room beside the bytes we can count: manifests, cards, the file system's own.
const SPARE_BYTES: u64 = 16 << 20;

/// The packages under one data folder: `models/NAME/` and, while they are fetched, `downloads/`.
#[derive(Debug, Clone)]
pub struct Store {
    models: PathBuf,
    downloads: PathBuf,
    sources: Sources,
}

impl Store {
    /// Opens the store under `root`, makes its folders where they are missing and sweeps away what
    /// a stopped process left. A root that cannot be written still opens when it has a store.
    pub fn open(root: &Path) -> Result<Self, PackageError> {
        let store = Self {
            models: root.join("models"),
            downloads: root.join("downloads"),
            sources: Sources::from_env(),
        };
        for folder in [&store.models, &store.downloads] {
            fs::create_dir_all(folder).at("making", folder)?;
            match staging::sweep(folder) {
                Err(PackageError::ReadOnly { .. }) => {}
                other => other?,
            }
        }
        Ok(store)
    }

    /// Uses these sources' settings instead of the environment's.
    pub fn with_sources(self, sources: Sources) -> Self {
        Self { sources, ..self }
    }

    /// The sound packages, by name. A damaged one is passed over with a warning.
    pub fn list(&self) -> Result<Vec<Package>, PackageError> {
        let mut packages = Vec::new();
        for entry in fs::read_dir(&self.models).at("reading", &self.models)? {
            let entry = entry.at("reading", &self.models)?;
            let Some(name) = entry.file_name().to_str().and_then(|n| PackageName::parse(n).ok())
            else {
                continue;
            };
            match self.open_package(&name) {
                Ok(package) => packages.push(package),
                Err(error) => tracing::warn!(%name, %error, "a damaged package is passed over"),
            }
        }
        packages.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(packages)
    }

    /// One package.
    pub fn package(&self, name: &str) -> Result<Package, PackageError> {
        let name = PackageName::parse(name).map_err(PackageError::Name)?;
        self.open_package(&name)
    }

    /// Removes a package, sound or damaged; one that belongs to a bundle stays.
    pub fn remove(&self, name: &str) -> Result<(), PackageError> {
        let name = PackageName::parse(name).map_err(PackageError::Name)?;
        let _busy = self.busy(&name)?;
        let place = self.models.join(name.as_str());
        if fs::symlink_metadata(&place).is_err() {
            return Err(PackageError::NotInstalled { name: name.to_string() });
        }
        let bundle =
            self.open_package(&name).is_ok_and(|package| package.manifest().bundle.is_some());
        if bundle {
            return Err(PackageError::OfBundle { name: name.to_string() });
        }
        staging::remove(&self.models, &place)
    }

    /// Makes a package of a GGUF file, an ONNX file or folder, or a package folder. The card is that
    /// in the TOML file `card`, or `card.toml` beside the model; without one, or with one that
    /// leaves out what every card states, nothing is taken in. Blocks for seconds.
    pub fn import(
        &self,
        path: &Path,
        name: Option<&str>,
        card: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Package, PackageError> {
        let mut origin = Origin::find(path)?;
        let name = match name {
            Some(name) => PackageName::parse(name).map_err(PackageError::Name)?,
            None => origin.suggested_name()?,
        };
        let _busy = self.busy(&name)?;
        if self.open_package(&name).is_ok() {
            return Err(PackageError::AlreadyInstalled { name: name.to_string() });
        }
        let card = origin.card(path, card)?;
        disk::require_space(&self.models, origin.bytes()?.saturating_add(SPARE_BYTES))?;
        let staging = Staging::begin(&self.models)?;
        let draft = intake::prepare(&mut origin, &name, card, staging.folder(), progress)?;
        staging.publish(draft, Existing::Keep, progress)
    }

    /// Fetches a package of the catalogue from the first of its sources that delivers it, unless
    /// it is installed and sound. Dropping the future stops the transfer; what has come is kept
    /// and the next pull goes on from there.
    pub async fn pull(
        &self,
        name: &str,
        catalogue: &Catalogue,
        progress: Arc<dyn Progress>,
    ) -> Result<Package, PackageError> {
        let entry = catalogue.entry(name)?.clone();
        let busy = self.busy(&entry.name)?;
        if let Some(package) = self.installed(&entry.name, &progress).await? {
            return Ok(package);
        }
        let needed = entry.bytes().saturating_add(intake::package_bytes(&entry));
        disk::require_space(&self.models, needed.saturating_add(SPARE_BYTES))?;
        let (files, alone) = self.fetch(&entry, &progress).await?;
        let models = self.models.clone();
        in_background(move || {
            let _held = (busy, alone);
            let package = build(&models, &entry, &files, &*progress)?;
            files.iter().try_for_each(|file| disk::remove_file(file))?;
            Ok(package)
        })
        .await
    }

    /// The entry's files in its order, and the locks under which nobody else takes them away.
    async fn fetch(
        &self,
        entry: &Entry,
        progress: &Arc<dyn Progress>,
    ) -> Result<(Vec<PathBuf>, Vec<Lock>), PackageError> {
        let mut fetcher = Fetcher::new(&self.downloads, &self.sources, progress)?;
        let (mut files, mut locks) = (Vec::new(), Vec::new());
        for file in &entry.files {
            // Two names may be of one file, which is downloaded to one place.
            let place = self.downloads.join(format!(".lock-{}", file.sha256));
            let lock = Lock::try_take(&place)?;
            locks.push(lock.ok_or_else(|| PackageError::Busy { name: entry.name.to_string() })?);
            let label = match entry.files.len() {
                1 => entry.name.to_string(),
                _ => format!("{} ({})", entry.name, file.name),
            };
            files.push(fetcher.fetch(&label, file).await?.path);
        }
        Ok((files, locks))
    }

    async fn installed(
        &self,
        name: &PackageName,
        progress: &Arc<dyn Progress>,
    ) -> Result<Option<Package>, PackageError> {
        let package = match self.open_package(name) {
            Ok(package) => package,
            Err(PackageError::NotInstalled { .. }) => return Ok(None),
            Err(error) => {
                progress
                    .note(&format!("{name} is installed but damaged ({error}); fetching it anew"));
                return Ok(None);
            }
        };
        let teller = progress.clone();
        let checked = in_background(move || package.verify_with(&*teller).map(|()| package)).await;
        match checked {
            Ok(package) => Ok(Some(package)),
            Err(error @ PackageError::Damaged { .. }) => {
                progress
                    .note(&format!("{name} is installed but damaged ({error}); fetching it anew"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn open_package(&self, name: &PackageName) -> Result<Package, PackageError> {
        let place = self.models.join(name.as_str());
        let Ok(found) = fs::symlink_metadata(&place) else {
            return Err(PackageError::NotInstalled { name: name.to_string() });
        };
        if !found.is_dir() {
            let why = "it is not a folder".to_owned();
            return Err(PackageError::Damaged { path: place, why });
        }
        let package = Package::open(&place)?;
        if package.name() != name.as_str() {
            let why = format!("it is of a package named {}", package.name());
            return Err(PackageError::Damaged { path: place.join(MANIFEST_FILE), why });
        }
        Ok(package)
    }

    /// Where the packages are.
    pub(super) fn models(&self) -> &Path {
        &self.models
    }

    pub(super) fn busy(&self, name: &PackageName) -> Result<Lock, PackageError> {
        Lock::try_take(&self.models.join(format!(".lock-{name}")))?
            .ok_or_else(|| PackageError::Busy { name: name.to_string() })
    }
}

fn build(
    models: &Path,
    entry: &Entry,
    files: &[PathBuf],
    progress: &dyn Progress,
) -> Result<Package, PackageError> {
    let staging = Staging::begin(models)?;
    let draft = intake::prepare_entry(entry, files, staging.folder(), progress)?;
    staging.publish(draft, Existing::Replace, progress)
}

/// Runs blocking work off the async threads.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PackageError> + Send + 'static,
) -> Result<T, PackageError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(PackageError::Internal(e.to_string())))
}
