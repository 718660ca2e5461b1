//! A file that is not whole yet, and the note of its chunks beside it.
//!
//! The note only says where to look: at every start, each chunk that it names is compared with its
//! digest. So neither has to be brought to the disk in any order.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::Digest as _;

use super::error::FetchError;
use super::plan::Chunks;
use crate::protocol::Digest;
use crate::protocol::documents::{Artefact, Chunk};

/// A file on its way.
#[derive(Debug)]
pub(super) struct Part {
    artefact: Artefact,
    file: Arc<File>,
    path: PathBuf,
    note: PathBuf,
    chunks: Chunks,
}

fn part_path(folder: &Path, digest: Digest) -> PathBuf {
    folder.join(format!("{digest}.part"))
}

fn note_path(folder: &Path, digest: Digest) -> PathBuf {
    folder.join(format!("{digest}.have"))
}

/// Which chunks are there by the note; what it says is not checked.
pub(super) fn noted(folder: &Path, artefact: &Artefact) -> Chunks {
    let note = std::fs::read(note_path(folder, artefact.digest)).unwrap_or_default();
    Chunks::parse(artefact, &note)
}

impl Part {
    /// The part that is there with its right chunks, or an empty one, if all of it has room on the
    /// disk.
    pub(super) fn open(
        folder: &Path,
        artefact: Artefact,
        spare_bytes: u64,
    ) -> Result<Self, FetchError> {
        let (path, note) = (part_path(folder, artefact.digest), note_path(folder, artefact.digest));
        let noted = noted(folder, &artefact);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|source| FetchError::disk("opening", &path, source))?;
        let mut chunks = Chunks::none(&artefact);
        let mut buffer = Vec::new();
        for chunk in artefact.chunks().filter(|chunk| noted.has(chunk.index)) {
            buffer.resize(chunk.bytes as usize, 0);
            let read = file.read_exact_at(&mut buffer, chunk.offset);
            chunks.set(chunk.index, read.is_ok() && Digest::of(&buffer) == chunk.digest);
        }
        require_space(folder, chunks.missing_bytes(&artefact).saturating_add(spare_bytes))?;
        Ok(Self { artefact, file: Arc::new(file), path, note, chunks })
    }

    pub(super) fn artefact(&self) -> &Artefact {
        &self.artefact
    }

    pub(super) fn chunks(&self) -> &Chunks {
        &self.chunks
    }

    pub(super) fn missing(&self) -> usize {
        self.chunks.missing()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing() == 0
    }

    /// Takes a chunk whose digest was compared.
    pub(super) async fn write(
        &mut self,
        chunk: Chunk,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, FetchError> {
        self.chunks.set(chunk.index, true);
        let (file, path, note) = (Arc::clone(&self.file), self.path.clone(), self.note.clone());
        let noted = self.chunks.to_bytes();
        let written = off_the_threads(move || {
            file.write_all_at(&bytes, chunk.offset)
                .map_err(|source| FetchError::disk("writing", &path, source))?;
            std::fs::write(&note, noted)
                .map_err(|source| FetchError::disk("writing", &note, source))?;
            Ok(bytes)
        });
        let written = written.await;
        if written.is_err() {
            self.chunks.set(chunk.index, false);
        }
        written
    }

    /// Gives the whole file its name, if it is the one.
    pub(super) fn finish(self, path: &Path) -> Result<(), FetchError> {
        let failed = |source| FetchError::disk("writing", &self.path, source);
        self.file.set_len(self.artefact.size_bytes).map_err(failed)?;
        self.file.sync_all().map_err(failed)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        if digest_of(&self.path)? != self.artefact.digest {
            forget(folder, self.artefact.digest)?;
            return Err(FetchError::Contradiction);
        }
        std::fs::rename(&self.path, path).map_err(failed)?;
        remove(&self.note)?;
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| FetchError::disk("writing", folder, source))
    }
}

/// Whether a file is there and is the one.
pub(super) fn is_whole(path: &Path, artefact: &Artefact) -> Result<bool, FetchError> {
    if !path.metadata().is_ok_and(|found| found.is_file() && found.len() == artefact.size_bytes) {
        return Ok(false);
    }
    Ok(digest_of(path)? == artefact.digest)
}

/// SHA-256 of a file.
pub(crate) fn digest_of(path: &Path) -> Result<Digest, FetchError> {
    let failed = |source| FetchError::disk("reading", path, source);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(Digest(hasher.finalize().into())),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

pub(super) fn forget(folder: &Path, digest: Digest) -> Result<(), FetchError> {
    remove(&part_path(folder, digest))?;
    remove(&note_path(folder, digest))?;
    remove(&folder.join(digest.to_string()))
}

fn remove(path: &Path) -> Result<(), FetchError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(FetchError::disk("removing", path, source))
        }
        _ => Ok(()),
    }
}

/// Free bytes of the disk that a folder is on.
pub(crate) fn free_bytes(folder: &Path) -> Result<u64, FetchError> {
    let found = rustix::fs::statvfs(folder)
        .map_err(|error| FetchError::disk("reading", folder, error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

fn require_space(folder: &Path, needed_bytes: u64) -> Result<(), FetchError> {
    let free_bytes = free_bytes(folder)?;
    if free_bytes < needed_bytes {
        return Err(FetchError::NoSpace { needed_bytes, free_bytes });
    }
    Ok(())
}

/// Runs what blocks where it may.
pub(crate) async fn off_the_threads<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    let ended = |error: tokio::task::JoinError| {
        FetchError::disk("working on", Path::new("a file"), std::io::Error::other(error))
    };
    tokio::task::spawn_blocking(act).await.map_err(ended)?
}
