//! Files that stores fetch, by the SHA-256 of their bytes; a folder now, any object store later.
//!
//! A file appears whole and checked, or not at all, and never changes. What is said to be kept survives
//! a power cut.

use std::ops::Range;
use std::path::Path as FilePath;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart,
};
use sha2::{Digest as _, Sha256};

use super::error::HqError;
use super::key_file::random;
use crate::protocol::{Digest, to_hex};

/// Bytes of one file.
pub const MAX_ARTEFACT_BYTES: u64 = 64 << 30;
/// The folder of files on their way in.
const UNFINISHED: &str = "unfinished";
/// Longer than any upload takes.
const MAX_UPLOAD: Duration = Duration::from_secs(24 * 3600);
/// Parts of an upload that are written at once.
const MAX_PARTS: usize = 4;

/// Bytes as they come.
pub type Pieces = BoxStream<'static, Result<bytes::Bytes, HqError>>;

/// The files.
#[derive(Debug)]
pub struct Artefacts {
    store: LocalFileSystem,
}

impl Artefacts {
    /// Those of a folder; made where it is missing.
    pub(super) fn open(folder: &FilePath) -> Result<Self, HqError> {
        std::fs::create_dir_all(folder).map_err(HqError::file("making", folder))?;
        let unfinished = folder.join(UNFINISHED);
        remove_old(&unfinished, MAX_UPLOAD).map_err(HqError::file("tidying", &unfinished))?;
        let store =
            LocalFileSystem::new_with_prefix(folder).map_err(failed("opening the folder"))?;
        Ok(Self { store: store.with_automatic_cleanup(false) })
    }

    /// Removes what uploads left that a stop cut off, before any begins: for the process that serves, of
    /// which there is one.
    pub(super) fn clear_unfinished(&self) -> Result<(), HqError> {
        let unfinished = self.store.path_to_filesystem(&Path::from(UNFINISHED));
        let unfinished = unfinished.map_err(failed("tidying the folder"))?;
        remove_old(&unfinished, Duration::ZERO).map_err(HqError::file("tidying", &unfinished))
    }

    /// How many bytes the file has, where it is there.
    pub async fn size(&self, digest: Digest) -> Result<Option<u64>, HqError> {
        match self.store.head(&place(digest)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("looking for a file")(error)),
        }
    }

    /// A part of the file; its bytes come as they are read.
    pub async fn read(&self, digest: Digest, range: Range<u64>) -> Result<Pieces, HqError> {
        // Of an empty file there is no part to ask for.
        if range.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(&place(digest), options).await;
        let found = found.map_err(|error| match error {
            Error::NotFound { .. } => HqError::unknown("artefact", digest),
            error => failed("reading a file")(error),
        })?;
        Ok(found.into_stream().map(|piece| piece.map_err(failed("reading a file"))).boxed())
    }

    /// Keeps bytes that are at hand; gives their digest.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<Digest, HqError> {
        let digest = Digest::of(&bytes);
        if self.size(digest).await?.is_none() {
            let unfinished = unfinished()?;
            let put = self.store.put(&unfinished, PutPayload::from(bytes)).await;
            put.map_err(failed("writing a file"))?;
            self.name(&unfinished, digest).await?;
        }
        Ok(digest)
    }

    /// Keeps a file as it comes. Bytes of another digest are thrown away.
    pub async fn receive(
        &self,
        digest: Digest,
        mut pieces: impl Stream<Item = Result<bytes::Bytes, HqError>> + Unpin + Send,
    ) -> Result<u64, HqError> {
        let unfinished = unfinished()?;
        let upload = self.store.put_multipart(&unfinished).await;
        let mut upload = WriteMultipart::new(upload.map_err(failed("writing a file"))?);
        let (mut hash, mut size) = (Sha256::new(), 0u64);
        while let Some(piece) = pieces.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return abandon(upload, error).await,
            };
            hash.update(&piece);
            size += piece.len() as u64;
            if size > MAX_ARTEFACT_BYTES {
                let (found, most) = (size, MAX_ARTEFACT_BYTES);
                let error = HqError::TooMuch { what: "bytes of an artefact", found, most };
                return abandon(upload, error).await;
            }
            upload.wait_for_capacity(MAX_PARTS).await.map_err(failed("writing a file"))?;
            upload.write(&piece);
        }
        let found = Digest(hash.finalize().into());
        if found != digest {
            let why = format!("the bytes that came have {found}");
            return abandon(upload, HqError::Value { field: "digest", why }).await;
        }
        upload.finish().await.map_err(failed("writing a file"))?;
        self.name(&unfinished, digest).await?;
        Ok(size)
    }

    /// Lets a file go; nothing where it is not there.
    pub(super) async fn remove(&self, digest: Digest) -> Result<(), HqError> {
        match self.store.delete(&place(digest)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("removing a file")(error)),
        }
    }

    /// Gives a whole file its name, once it is on the disk: after a power cut a name without its bytes
    /// would be taken for a file that is kept, and never be written again.
    async fn name(&self, unfinished: &Path, digest: Digest) -> Result<(), HqError> {
        let named = place(digest);
        self.sync(unfinished, 1).await?;
        self.store.rename(unfinished, &named).await.map_err(failed("naming a file"))?;
        // The folder of its first byte may be new as well.
        self.sync(&named, 3).await
    }

    /// Brings a file to the disk, and of the folders above it as many as `levels` has room for.
    async fn sync(&self, path: &Path, levels: usize) -> Result<(), HqError> {
        let act = "writing a file";
        let path = self.store.path_to_filesystem(path).map_err(failed(act))?;
        let shown = path.clone();
        let synced = tokio::task::spawn_blocking(move || {
            let mut levels = path.ancestors().take(levels);
            levels.try_for_each(|level| std::fs::File::open(level)?.sync_all())
        });
        let synced = synced.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        synced.map_err(HqError::file("writing", &shown))
    }
}

/// Removes what uploads left that were cut off; younger ones may be under way in another process.
fn remove_old(unfinished: &FilePath, age: Duration) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(unfinished) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // One that is gone meanwhile was named.
        let written = entry.metadata().and_then(|found| found.modified());
        if written.is_ok_and(|at| at.elapsed().unwrap_or_default() >= age) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A name that no other upload has.
fn unfinished() -> Result<Path, HqError> {
    Ok(Path::from(format!("{UNFINISHED}/{}", to_hex(&random::<16>()?))))
}

async fn abandon<T>(upload: WriteMultipart, error: HqError) -> Result<T, HqError> {
    if let Err(error) = upload.abort().await {
        tracing::warn!(%error, "parts of an artefact could not be removed");
    }
    Err(error)
}

/// Files in one folder for each first byte, as folders with very many files are slow.
fn place(digest: Digest) -> Path {
    let name = digest.to_string();
    Path::from(format!("{}/{name}", name.get(..2).unwrap_or_default()))
}

fn failed(act: &'static str) -> impl FnOnce(Error) -> HqError {
    move |source| HqError::Artefacts { act, source }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn pieces(parts: &[&'static [u8]]) -> Pieces {
        let parts: Vec<_> = parts.iter().map(|part| Ok(bytes::Bytes::from_static(part))).collect();
        stream::iter(parts).boxed()
    }

    async fn text(mut pieces: Pieces) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().await {
            all.extend(piece.unwrap());
        }
        all
    }

    #[tokio::test]
    async fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let artefacts = Artefacts::open(folder.path()).unwrap();
        let digest = Digest::of(b"hello world");
        let broken = stream::iter([
            Ok(bytes::Bytes::from_static(b"hello ")),
            Err(HqError::Untrusted("the line broke")),
        ]);
        assert!(artefacts.receive(digest, broken.boxed()).await.is_err());
        assert!(artefacts.receive(digest, pieces(&[b"hello", b"!"])).await.is_err());
        assert_eq!(artefacts.size(digest).await.unwrap(), None);
        let size = artefacts.receive(digest, pieces(&[b"hello ", b"world"])).await.unwrap();
        assert_eq!((size, artefacts.size(digest).await.unwrap()), (11, Some(11)));
        assert_eq!(text(artefacts.read(digest, 4..7).await.unwrap()).await, b"o w");
        let reopened = Artefacts::open(folder.path()).unwrap();
        assert_eq!(text(reopened.read(digest, 0..11).await.unwrap()).await, b"hello world");
        let left: Vec<_> = std::fs::read_dir(folder.path().join(&digest.to_string()[..2]))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[tokio::test]
    async fn what_a_cut_upload_left_goes_when_no_upload_can_need_it() {
        let folder = tempfile::tempdir().unwrap();
        let artefacts = Artefacts::open(folder.path()).unwrap();
        artefacts.put(b"hello".to_vec()).await.unwrap();
        let unfinished = folder.path().join(UNFINISHED);
        let left = || std::fs::read_dir(&unfinished).unwrap().count();
        assert_eq!(left(), 0, "a file that is kept left something");
        for (name, age) in [("young", Duration::from_secs(60)), ("old", MAX_UPLOAD * 2)] {
            let file = std::fs::File::create(unfinished.join(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - age).unwrap();
        }
        let artefacts = Artefacts::open(folder.path()).unwrap();
        assert_eq!(left(), 1);
        artefacts.clear_unfinished().unwrap();
        assert_eq!(left(), 0, "no upload is under way where HQ begins to serve");
        let digest = Digest::of(b"hello");
        assert_eq!(text(artefacts.read(digest, 0..5).await.unwrap()).await, b"hello");
    }
}
