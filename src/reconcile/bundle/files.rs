//! A bundle's files in their place: a folder that appears by one rename, whole, or is not there.
//!
//! ```text
//! FOLDER/DIGEST/bundle.cbor                  the document
//! FOLDER/DIGEST/model/NAME/model.onnx …      the files of each part
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::protocol::documents::{Bundle, Part};
use crate::protocol::{Digest, limits};
use crate::reconcile::fetch::{FetchError, Fetcher, digest_of};

/// The name of the document in a bundle's folder.
const DOCUMENT: &str = "bundle.cbor";

/// The folder of bundles. Everything here blocks on the disk.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// The folder, which is made where there is none, without what a power cut left half done.
    pub fn open(folder: &Path) -> Result<Self, FetchError> {
        fs::create_dir_all(folder).map_err(|source| FetchError::disk("making", folder, source))?;
        let files = Self { folder: folder.to_owned() };
        for (name, path) in files.entries()? {
            if name.ends_with(".new") || name.ends_with(".gone") {
                remove(&path)?;
            }
        }
        Ok(files)
    }

    /// Where a bundle is, or will be.
    #[must_use]
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    /// Where a part of it is.
    #[must_use]
    pub fn part(&self, digest: Digest, part: &Part) -> PathBuf {
        self.path(digest).join(part.kind.as_str()).join(part.name.as_str())
    }

    /// The document of a bundle that is in its place.
    pub fn document(&self, digest: Digest) -> Result<Option<Vec<u8>>, FetchError> {
        let path = self.path(digest).join(DOCUMENT);
        match fs::metadata(&path) {
            Ok(found) if found.len() <= limits::MAX_DOCUMENT_BYTES as u64 => {
                let bytes =
                    fs::read(&path).map_err(|source| FetchError::disk("reading", &path, source))?;
                Ok((Digest::of(&bytes) == digest).then_some(bytes))
            }
            _ => Ok(None),
        }
    }

    /// Puts the fetched files of a bundle in their place; they are moved, not copied. A bundle that
    /// is there is looked at again: each file has its digest when this returns.
    pub fn place(
        &self,
        digest: Digest,
        document: &[u8],
        bundle: &Bundle,
        fetcher: &Fetcher,
    ) -> Result<(), FetchError> {
        let path = self.path(digest);
        if path.is_dir() {
            if self.is_sound(digest, bundle)? {
                return Ok(());
            }
            remove_by_rename(&path)?;
        }
        let new = self.folder.join(format!("{digest}.new"));
        remove(&new)?;
        self.fill(&new, document, bundle, fetcher)?;
        fs::rename(&new, &path).map_err(|source| FetchError::disk("renaming", &new, source))?;
        sync(&self.folder)?;
        if !self.is_sound(digest, bundle)? {
            return Err(FetchError::Wrong);
        }
        Ok(())
    }

    fn fill(
        &self,
        new: &Path,
        document: &[u8],
        bundle: &Bundle,
        fetcher: &Fetcher,
    ) -> Result<(), FetchError> {
        make(new)?;
        let path = new.join(DOCUMENT);
        fs::write(&path, document).map_err(|source| FetchError::disk("writing", &path, source))?;
        sync(&path)?;
        let mut folders = BTreeSet::from([new.to_owned()]);
        for (part, file) in bundle.files() {
            let to = new.join(part.kind.as_str()).join(part.name.as_str()).join(file.path.as_str());
            let folder = to.parent().unwrap_or(new);
            make(folder)?;
            let within = folder.ancestors().take_while(|above| *above != new);
            folders.extend(within.map(Path::to_owned));
            let from = fetcher.path(file.artefact.digest);
            // Two files with the same bytes are one artefact.
            fs::hard_link(&from, &to)
                .or_else(|_| fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all()))
                .map_err(|source| FetchError::disk("placing", &to, source))?;
        }
        folders.iter().rev().try_for_each(|folder| sync(folder))
    }

    /// Whether a bundle in its place has every file with its digest.
    pub fn is_sound(&self, digest: Digest, bundle: &Bundle) -> Result<bool, FetchError> {
        for (part, file) in bundle.files() {
            let path = self.part(digest, part).join(file.path.as_str());
            let size = path.metadata().map(|found| found.len()).unwrap_or(u64::MAX);
            if size != file.artefact.size_bytes || digest_of(&path)? != file.artefact.digest {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes all bundles but these.
    pub fn keep_only(&self, wanted: &[Digest]) -> Result<(), FetchError> {
        for (name, path) in self.entries()? {
            let digest: Option<Digest> = name.parse().ok();
            if !digest.is_some_and(|digest| wanted.contains(&digest)) {
                remove_by_rename(&path)?;
            }
        }
        Ok(())
    }

    fn entries(&self) -> Result<Vec<(String, PathBuf)>, FetchError> {
        let failed = |source| FetchError::disk("reading", &self.folder, source);
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
        Ok(entries)
    }
}

fn make(folder: &Path) -> Result<(), FetchError> {
    fs::create_dir_all(folder).map_err(|source| FetchError::disk("making", folder, source))
}

fn sync(path: &Path) -> Result<(), FetchError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|source| FetchError::disk("writing", path, source))
}

/// A folder that is half removed must not look like a bundle.
fn remove_by_rename(path: &Path) -> Result<(), FetchError> {
    let gone = path.with_added_extension("gone");
    remove(&gone)?;
    fs::rename(path, &gone).map_err(|source| FetchError::disk("removing", path, source))?;
    remove(&gone)
}

fn remove(path: &Path) -> Result<(), FetchError> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(|source| FetchError::disk("removing", path, source))
}
