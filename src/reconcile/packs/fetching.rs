//! From a pointer to its pack.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::error::PackFailure;
use crate::cache::{Cache, PackState};
use crate::protocol::documents::{
    Artefact, PackEntry, PackIndex, PackReader, PackWay, digest_of_path,
};
use crate::protocol::{Clock, Contents, Digest, Pointer, limits};
use crate::reconcile::fetch::{FetchError, Fetcher};
use crate::reconcile::surroundings::Surroundings;

/// Brings packs.
#[derive(Clone)]
pub(super) struct Bringer {
    pub(super) cache: Cache,
    pub(super) fetcher: Fetcher,
    pub(super) around: Surroundings,
}

/// How a pack came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It was.
    Already,
    /// It was kept as the one before.
    Back,
    /// It was fetched.
    Fetched,
}

impl Bringer {
    /// Makes the pack of a verified pointer the one whose answers are given.
    pub(super) async fn bring(
        &self,
        pointer: &Pointer,
        cancel: &CancellationToken,
    ) -> Result<Came, PackFailure> {
        let (current, previous) = self.cache.packs();
        let is_it = |pack: &PackState| pack.digest == pointer.digest.0;
        if current.as_ref().is_some_and(is_it) {
            return Ok(Came::Already);
        }
        let Clock::Known(now) = (self.around.time)().0 else { return Err(PackFailure::Clock) };
        if pointer.expires.is_some_and(|expires| now >= expires) {
            return Err(PackFailure::Expired);
        }
        let digest = pointer.digest;
        if previous.as_ref().is_some_and(is_it) {
            let cache = self.cache.clone();
            if blocking(move || Ok(cache.roll_back(digest)?)).await? {
                return Ok(Came::Back);
            }
        }
        let index = self.index(pointer, cancel).await?;
        let held: Vec<Digest> =
            current.iter().chain(&previous).map(|pack| Digest(pack.digest)).collect();
        let way = index.way_from(&held);
        let taken = self.take(&index, digest, way, cancel).await;
        match (taken, way) {
            (Err(error), PackWay::Delta(_)) if error.whole_may_help() => {
                tracing::warn!(%error, "a delta of a pack was of no use; all of it is fetched");
                self.take(&index, digest, index.way_from(&[]), cancel).await?;
            }
            (taken, _) => taken?,
        }
        Ok(Came::Fetched)
    }

    async fn index(
        &self,
        pointer: &Pointer,
        cancel: &CancellationToken,
    ) -> Result<PackIndex, PackFailure> {
        let fetched;
        let bytes: &[u8] = match &pointer.contents {
            Contents::Inline(bytes) => bytes,
            Contents::Path(path) => {
                if digest_of_path(path)? != pointer.digest {
                    return Err(PackFailure::Contradiction);
                }
                let most = limits::MAX_PACK_INDEX_BYTES;
                fetched = self.fetcher.bytes(pointer.digest, most, cancel).await?;
                &fetched
            }
        };
        if Digest::of(bytes) != pointer.digest {
            return Err(PackFailure::Contradiction);
        }
        let index = PackIndex::parse(bytes)?;
        let (bytes, most) = (index.artefact.size_bytes, limits::MAX_PACK_BYTES);
        if bytes > most {
            return Err(PackFailure::TooLarge { bytes, most });
        }
        Ok(index)
    }

    /// Fetches what a way needs, and has the cache take the pack.
    async fn take(
        &self,
        index: &PackIndex,
        digest: Digest,
        way: PackWay<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), PackFailure> {
        let (coming, packed) = match way {
            PackWay::Plain(_) => (index.entries.to_vec(), false),
            PackWay::Packed(_) => (index.entries.to_vec(), true),
            PackWay::Delta(delta) => {
                let held = self.cache.pack_entries(delta.from).unwrap_or_default();
                let held: HashSet<Digest> = held.into_iter().collect();
                let lacking = index.entries.iter().filter(|entry| !held.contains(&entry.digest));
                (lacking.copied().collect(), true)
            }
        };
        // A pack without answers takes the place of one that has some.
        let file = match coming.is_empty() {
            true => None,
            false => Some(self.fetch(way.artefact(), cancel).await?),
        };
        let (this, index) = (self.clone(), index.clone());
        blocking(move || {
            let installed = match file {
                None => this.cache.install(&index, digest, no_entries()),
                Some(path) => {
                    let file = File::open(&path);
                    let file = file.map_err(|e| FetchError::disk("reading", &path, e))?;
                    this.cache.install(&index, digest, reader(file, coming, packed)?)
                }
            };
            // Right or wrong, what was fetched is of no more use.
            this.fetcher.keep_only(&BTreeSet::new())?;
            let installed = installed?;
            tracing::info!(epoch = index.epoch, ?installed, "a pack of answers came");
            Ok(())
        })
        .await
    }

    async fn fetch(
        &self,
        artefact: &Artefact,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, PackFailure> {
        // Of a pack that is not wanted any more nothing is kept.
        self.fetcher.keep_only(&BTreeSet::from([artefact.digest]))?;
        match self.fetcher.file(artefact, &*self.around.gate, cancel).await {
            Err(error @ (FetchError::Refused { .. } | FetchError::Wrong)) => {
                self.fetcher.forget(artefact.digest)?;
                Err(error.into())
            }
            fetched => Ok(fetched?),
        }
    }
}

type Entries = std::vec::IntoIter<PackEntry>;

fn reader(
    file: File,
    coming: Vec<PackEntry>,
    packed: bool,
) -> Result<PackReader<File, Entries>, PackFailure> {
    let coming = coming.into_iter();
    Ok(if packed { PackReader::packed(file, coming)? } else { PackReader::plain(file, coming) })
}

fn no_entries() -> std::iter::Empty<Result<(PackEntry, Vec<u8>), std::io::Error>> {
    std::iter::empty()
}

/// Blocks off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PackFailure> + Send + 'static,
) -> Result<T, PackFailure> {
    let ended = |error: tokio::task::JoinError| {
        PackFailure::Cache(crate::cache::PackError::Disk(error.to_string()))
    };
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}
