//! A pack comes, and goes again.

use super::PackState;
use super::portable::Unportable;
use crate::cache::Cache;
use crate::cache::store::{PackEntries, PackRow, PackSet, PackSets, StoreError, room_of};
use crate::protocol::Digest;
use crate::protocol::documents::{PackEntry, PackIndex, PackScope, PackedAnswer};

/// Why a pack did not come. Nothing of it did, and the one before it is there.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// This box keeps no answers on disk.
    #[error("cache.disk is 0: packs of answers need a disk")]
    NoDisk,
    /// An entry neither came nor was there.
    #[error("entry {digest} of the pack is not there")]
    Lacking {
        /// Which.
        digest: Digest,
    },
    /// Its entries could not be read.
    #[error("reading the entries of a pack")]
    Entries(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file failed.
    #[error("keeping a pack: {0}")]
    Disk(String),
}

impl From<StoreError> for PackError {
    fn from(error: StoreError) -> Self {
        let source = std::error::Error::source(&error);
        let why = source.map_or_else(|| error.to_string(), |why| format!("{error}: {why}"));
        Self::Disk(why)
    }
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Installed {
    /// Answers of the pack that are kept.
    pub entries: usize,
    /// Answers that are in a form that this program does not read.
    pub unreadable: usize,
    /// Answers that had no room in the packs' share.
    pub no_room: usize,
}

/// Room for packs on disk and in memory.
#[derive(Debug, Clone, Copy)]
struct Share {
    disk_bytes: u64,
    entries: usize,
}

impl Share {
    fn has(&self, size_bytes: u32) -> bool {
        self.entries > 0 && self.disk_bytes >= room_of(size_bytes as usize)
    }

    /// Takes the room of an entry, where there is enough.
    fn take(&mut self, size_bytes: u32) -> bool {
        let has = self.has(size_bytes);
        if has {
            self.disk_bytes -= room_of(size_bytes as usize);
            self.entries -= 1;
        }
        has
    }
}

impl Cache {
    /// The pack whose answers are given, and the one before it, which is kept where it has room.
    pub fn packs(&self) -> (Option<PackState>, Option<PackState>) {
        self.0.packs.states()
    }

    /// The entries that the pack of an index on this disk has, whether or not they are kept; none where
    /// it is not there.
    pub fn pack_entries(&self, digest: Digest) -> Option<Vec<Digest>> {
        let sets = self.0.store.as_ref()?.disk().packs().ok()?;
        let mut both = sets.current.into_iter().chain(sets.previous);
        let set = both.find(|set| set.digest == digest.0)?;
        Some(set.rows.iter().map(|row| Digest(row.digest)).collect())
    }

    /// What is there of the pack whose answers are given: its index's digest, where every entry that was
    /// kept is on disk as it came. Blocks on the disk.
    pub fn observed_pack(&self) -> Option<Digest> {
        let disk = self.0.store.as_ref()?.disk();
        let set = disk.packs().ok()?.current?;
        let sound = |row: &PackRow| {
            let entry = disk.pack_entry(&row.digest).ok().flatten();
            entry.is_some_and(|bytes| Digest::of(&bytes).0 == row.digest)
        };
        set.kept().all(sound).then_some(Digest(set.digest))
    }

    /// Gives the answers of this pack from now on, instead of those of the one before, which is kept
    /// where it has room beside it. `digest` is that of the index. What of the entries is not on disk
    /// comes by `new`, in the order of the index. All of it or nothing; blocks on the disk.
    pub fn install<E>(
        &self,
        index: &PackIndex,
        digest: Digest,
        new: impl Iterator<Item = Result<(PackEntry, Vec<u8>), E>>,
    ) -> Result<Installed, PackError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let inner = &self.0;
        let disk = inner.store.as_ref().ok_or(PackError::NoDisk)?.disk();
        let before = disk.packs()?;
        let mut installed = Installed::default();
        let mut share = self.share();
        let sets = disk.put_packs(|entries| {
            for entry in new {
                let (entry, bytes) = entry.map_err(|error| PackError::Entries(Box::new(error)))?;
                entries.insert(&entry.digest.0, &bytes)?;
            }
            let known = |wanted: &Digest| {
                let sets = before.current.iter().chain(&before.previous);
                sets.flat_map(|set| &set.rows).any(|row| row.digest == wanted.0)
            };
            let mut rows = Vec::with_capacity(index.entries.len());
            for entry in index.entries.iter() {
                rows.push(row(entries, entry, &mut share, &mut installed, &known)?);
            }
            let name = index.name.as_ref().map(ToString::to_string);
            let set = PackSet { digest: digest.0, epoch: index.epoch, name, rows };
            Ok::<_, PackError>(beside(before, set, share))
        })?;
        self.show(&sets);
        Ok(installed)
    }

    /// Gives the answers of the pack before again, where it is the one of this index and is kept; the one
    /// that is left is kept in its place. Blocks on the disk.
    pub fn roll_back(&self, digest: Digest) -> Result<bool, PackError> {
        let disk = self.0.store.as_ref().ok_or(PackError::NoDisk)?.disk();
        let sets = disk.packs()?;
        if sets.previous.as_ref().is_none_or(|set| set.digest != digest.0) {
            return Ok(false);
        }
        let PackSets { current, previous } = sets;
        let sets = disk
            .put_packs(|_| Ok::<_, PackError>(PackSets { current: previous, previous: current }))?;
        self.show(&sets);
        Ok(true)
    }

    fn share(&self) -> Share {
        let config = &self.0.config;
        let entries = config.packs_memory_bytes() / super::BYTES_PER_ENTRY;
        Share {
            disk_bytes: config.packs_disk_bytes(),
            entries: usize::try_from(entries).unwrap_or(usize::MAX),
        }
    }

    /// Makes what is on disk what is given: what came from another pack is not any more.
    pub(in crate::cache) fn show(&self, sets: &PackSets) {
        let inner = &self.0;
        let purged = inner.store.as_ref().map(|store| store.disk().purged_of_packs());
        let purged = purged.and_then(Result::ok).unwrap_or_default();
        let old: Vec<_> = inner.packs.all().into_iter().map(|(key, _)| key).collect();
        inner.packs.show(sets, &purged);
        inner.exact.remove_of_packs();
        let foreign = old.iter().filter(|key| inner.exact.get(key).is_none());
        foreign.for_each(|key| inner.semantic.remove(key));
        for row in sets.current.iter().flat_map(PackSet::kept) {
            let (Some(key), Some(meaning)) = (row.key, &row.meaning) else { continue };
            let key = crate::cache::Key::from_bytes(key);
            if inner.packs.holds(&key) {
                inner.semantic.take_up_beside(key, super::scope_of(row.is_store), meaning);
            }
        }
        inner.metrics.packs(inner.packs.states().0.map(|state| (state.epoch, state.entries)));
        inner.tell_kept();
    }
}

/// The row of an entry that is there now. One that has no room is named, but not kept.
fn row(
    entries: &PackEntries<'_>,
    entry: &PackEntry,
    share: &mut Share,
    installed: &mut Installed,
    known: &impl Fn(&Digest) -> bool,
) -> Result<PackRow, PackError> {
    let PackEntry { digest, size_bytes } = *entry;
    let mut row =
        PackRow { digest: digest.0, size_bytes, key: None, meaning: None, is_store: false };
    let Some(bytes) = entries.get(&digest.0)? else {
        // An earlier pack had it and no room for it.
        if known(&digest) && !share.has(size_bytes) {
            installed.no_room += 1;
            return Ok(row);
        }
        return Err(PackError::Lacking { digest });
    };
    let Ok(answer) = readable(&bytes) else {
        installed.unreadable += 1;
        return Ok(row);
    };
    if !share.take(size_bytes) {
        installed.no_room += 1;
        return Ok(row);
    }
    installed.entries += 1;
    row.key = Some(answer.key.0);
    row.meaning = answer.meaning.as_ref().map(|meaning| meaning.to_vec());
    row.is_store = answer.scope == PackScope::Store;
    Ok(row)
}

/// An answer whose parts this program understands.
fn readable(bytes: &[u8]) -> Result<PackedAnswer, Unportable> {
    let answer = PackedAnswer::parse(bytes)?;
    super::portable::seal_of(&answer)?;
    super::portable::events_of(&answer)?;
    Ok(answer)
}

/// The packs once this one has come: the one before stays where it has room.
fn beside(before: PackSets, set: PackSet, left: Share) -> PackSets {
    let former = match before {
        PackSets { current: Some(current), .. } if current.digest != set.digest => Some(current),
        PackSets { previous, .. } => previous.filter(|previous| previous.digest != set.digest),
    };
    let shared: std::collections::HashSet<_> = set.kept().map(|row| row.digest).collect();
    let fits = |former: &PackSet| {
        let own = former.kept().filter(|row| !shared.contains(&row.digest));
        own.map(|row| room_of(row.size_bytes as usize)).sum::<u64>() <= left.disk_bytes
    };
    PackSets { current: Some(set), previous: former.filter(fits) }
}
