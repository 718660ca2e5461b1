//! The keys of subjects, in a file of their own where each lies in a place that is written over.
//!
//! A database copies what it changes and leaves the old page behind, so a key that was in one could be
//! found there after it was erased. Here a subject has one place of 256 bytes for as long as it has a
//! key, and erasing writes zeros on it: no other place of the file ever had the key. What a flash chip
//! keeps below the file system is beyond a program's reach.
//!
//! A subject has two keys. One seals the conversation or profile and goes with it; the other seals what
//! other rooms keep, and may stay for a while. Both lie sealed by the box's key. A place is as small as
//! a sector and does not cross one; one that was torn all the same does not open, and is free.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use super::error::ShoppersError;
use super::id::{SubjectId, random};
use super::seal::{KEY_LEN, Key, OVERHEAD};

/// Bytes of a place.
const PLACE: usize = 256;
/// Places that the file is made longer by: a page of most disks.
const GROWTH: u32 = 16;
/// The form of a place that is taken.
const FORM: u8 = 1;
/// Bytes of a key as it lies.
const SEALED: usize = KEY_LEN + OVERHEAD;
const UNTIL: usize = 8;
const SUBJECT: usize = 16;
const OWN: usize = 32;
const OTHERS: usize = OWN + SEALED;
/// A subject that is not over.
const OPEN: u64 = u64::MAX;

/// Which of a subject's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// For its own rows.
    Own,
    /// For what other rooms keep.
    Others,
}

impl Use {
    fn at(self) -> usize {
        match self {
            Self::Own => OWN,
            Self::Others => OTHERS,
        }
    }

    /// So that neither key can be put in the other's place, nor under another subject.
    fn purpose(self, subject: &SubjectId) -> [u8; 17] {
        let mut purpose = [self.at() as u8; 17];
        for (to, from) in purpose.iter_mut().zip(subject.to_bytes()) {
            *to = from;
        }
        purpose
    }
}

/// All keys. What is in memory says where they lie, not what they are.
pub(super) struct Keys {
    box_key: Key,
    file: Box<dyn StorageBackend>,
    places: Mutex<Places>,
    most: u32,
}

#[derive(Debug, Default)]
struct Places {
    taken: HashMap<SubjectId, Taken>,
    free: Vec<u32>,
    /// Places that the file has.
    count: u32,
}

#[derive(Debug, Clone, Copy)]
struct Taken {
    place: u32,
    /// When the key goes by itself, in seconds since 1970.
    until: u64,
}

impl Keys {
    /// Reads where keys lie and writes over what is none.
    pub(super) fn open(
        file: Box<dyn StorageBackend>,
        box_key: [u8; KEY_LEN],
        most: u32,
    ) -> Result<Self, ShoppersError> {
        let mut places = Places::default();
        let keys = Self { box_key: Key::of(&box_key)?, file, places: Mutex::default(), most };
        let len = keys.file.len().map_err(failed("reading"))?;
        places.count = u32::try_from(len / PLACE as u64).unwrap_or(u32::MAX);
        let mut torn = 0;
        for place in 0..places.count {
            let bytes = keys.read(place)?;
            match keys.taken(&bytes) {
                Some((subject, until)) => {
                    places.taken.insert(subject, Taken { place, until });
                }
                None => {
                    if bytes != [0; PLACE] {
                        keys.write(place, 0, &[0; PLACE])?;
                        torn += 1;
                    }
                    places.free.push(place);
                }
            }
        }
        if torn > 0 {
            keys.sync()?;
            tracing::warn!(places = torn, "keys of subjects that do not open were erased");
        }
        *keys.lock() = places;
        Ok(keys)
    }

    /// Makes both keys of a subject; they are on the disk when this returns. They go at `until` where
    /// that is known.
    pub(super) fn make(
        &self,
        subject: &SubjectId,
        until: Option<u64>,
    ) -> Result<(), ShoppersError> {
        let until = until.unwrap_or(OPEN);
        let mut bytes = [0; PLACE];
        let mut set = |at: usize, part: &[u8]| {
            bytes.iter_mut().skip(at).zip(part).for_each(|(to, from)| *to = *from);
        };
        set(0, &[FORM]);
        set(UNTIL, &until.to_be_bytes());
        set(SUBJECT, &subject.to_bytes());
        for of in [Use::Own, Use::Others] {
            let key: [u8; KEY_LEN] = random()?;
            set(of.at(), &self.box_key.seal(&of.purpose(subject), &key)?);
        }
        let place = self.room()?;
        let written = self.write(place, 0, &bytes).and_then(|()| self.sync());
        let mut places = self.lock();
        match written {
            Ok(()) => drop(places.taken.insert(*subject, Taken { place, until })),
            Err(_) => places.free.push(place),
        }
        written
    }

    /// A key; [`ShoppersError::Erased`] where it is gone.
    pub(super) fn key(&self, subject: &SubjectId, of: Use) -> Result<Key, ShoppersError> {
        let place = self.lock().taken.get(subject).map(|taken| taken.place);
        let bytes = self.read(place.ok_or(ShoppersError::Erased)?)?;
        // Another may have got the place meanwhile; then the purpose is another's.
        self.opened(&bytes, subject, of).ok_or(ShoppersError::Erased)
    }

    /// Whether a subject has a key.
    pub(super) fn has(&self, subject: &SubjectId) -> bool {
        self.lock().taken.contains_key(subject)
    }

    /// Erases the subject's own key; the other one goes at `until`.
    pub(super) fn close(&self, subject: &SubjectId, until: u64) -> Result<(), ShoppersError> {
        let Some(place) = self.lock().taken.get(subject).map(|taken| taken.place) else {
            return Ok(());
        };
        self.write(place, UNTIL, &until.to_be_bytes())?;
        self.write(place, OWN, &[0; SEALED])?;
        self.sync()?;
        if let Some(taken) = self.lock().taken.get_mut(subject) {
            taken.until = until;
        }
        Ok(())
    }

    /// Erases both keys; it is on the disk when this returns.
    pub(super) fn forget(&self, subject: &SubjectId) -> Result<(), ShoppersError> {
        let Some(Taken { place, .. }) = self.lock().taken.get(subject).copied() else {
            return Ok(());
        };
        self.write(place, 0, &[0; PLACE])?;
        self.sync()?;
        let mut places = self.lock();
        if places.taken.remove(subject).is_some() {
            places.free.push(place);
        }
        Ok(())
    }

    /// Whose time is over.
    pub(super) fn due(&self, now: u64) -> Vec<SubjectId> {
        let places = self.lock();
        places.taken.iter().filter(|(_, it)| it.until <= now).map(|(subject, _)| *subject).collect()
    }

    /// Subjects that are not over.
    pub(super) fn open_subjects(&self) -> Vec<SubjectId> {
        let places = self.lock();
        places
            .taken
            .iter()
            .filter(|(_, it)| it.until == OPEN)
            .map(|(subject, _)| *subject)
            .collect()
    }

    /// Subjects that have a key.
    pub(super) fn count(&self) -> u64 {
        self.lock().taken.len() as u64
    }

    /// A free place; where there is none, that of who is over and would go first.
    fn room(&self) -> Result<u32, ShoppersError> {
        let first = {
            let mut places = self.lock();
            if let Some(place) = places.free.pop() {
                return Ok(place);
            }
            if places.count < self.most {
                return self.grow(&mut places);
            }
            let over = places.taken.iter().filter(|(_, it)| it.until != OPEN);
            over.min_by_key(|(_, it)| it.until).map(|(subject, _)| *subject)
        };
        let full = ShoppersError::Full { what: "subjects", most: u64::from(self.most) };
        self.forget(&first.ok_or(full)?)?;
        let place = self.lock().free.pop();
        place.ok_or(ShoppersError::Full { what: "subjects", most: u64::from(self.most) })
    }

    /// Makes the file longer; the first of the new places is taken.
    fn grow(&self, places: &mut Places) -> Result<u32, ShoppersError> {
        let (first, count) = (places.count, self.most.min(places.count + GROWTH));
        self.file.set_len(u64::from(count) * PLACE as u64).map_err(failed("making room in"))?;
        places.free.extend((first + 1..count).rev());
        places.count = count;
        Ok(first)
    }

    /// Whose place it is and until when, where at least one of the keys opens.
    fn taken(&self, bytes: &[u8; PLACE]) -> Option<(SubjectId, u64)> {
        if bytes.first() != Some(&FORM) {
            return None;
        }
        let subject = SubjectId::of_bytes(bytes.get(SUBJECT..OWN)?.try_into().ok()?);
        let until = u64::from_be_bytes(bytes.get(UNTIL..SUBJECT)?.try_into().ok()?);
        let opens = [Use::Own, Use::Others].map(|of| self.opened(bytes, &subject, of).is_some());
        opens.contains(&true).then_some((subject, until))
    }

    fn opened(&self, bytes: &[u8; PLACE], subject: &SubjectId, of: Use) -> Option<Key> {
        let sealed = bytes.get(of.at()..of.at() + SEALED)?;
        let key = self.box_key.open("a subject's key", &of.purpose(subject), sealed).ok()?;
        Key::of(key.as_slice().try_into().ok()?).ok()
    }

    fn read(&self, place: u32) -> Result<[u8; PLACE], ShoppersError> {
        let mut bytes = [0; PLACE];
        let at = u64::from(place) * PLACE as u64;
        self.file.read(at, &mut bytes).map_err(failed("reading"))?;
        Ok(bytes)
    }

    fn write(&self, place: u32, within: usize, bytes: &[u8]) -> Result<(), ShoppersError> {
        let at = u64::from(place) * PLACE as u64 + within as u64;
        self.file.write(at, bytes).map_err(failed("writing"))
    }

    fn sync(&self) -> Result<(), ShoppersError> {
        self.file.sync_data().map_err(failed("syncing"))
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The box's key in its file of mode 0600, made where there is none.
pub(super) fn box_key(path: &Path) -> Result<[u8; KEY_LEN], ShoppersError> {
    match std::fs::read(path) {
        Ok(bytes) => {
            owners_alone(path)?;
            bytes.try_into().map_err(|_| ShoppersError::Damaged { what: "the box's key" })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = random()?;
            write_whole(path, &key).map_err(file("writing", path))?;
            Ok(key)
        }
        Err(error) => Err(file("reading", path)(error)),
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A named temporary file has mode 0600 from its first moment.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(unix)]
fn owners_alone(path: &Path) -> Result<(), ShoppersError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).map_err(file("reading", path))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(ShoppersError::Readable { path: path.to_owned(), mode: mode & 0o777 })
}

#[cfg(not(unix))]
fn owners_alone(_: &Path) -> Result<(), ShoppersError> {
    Ok(())
}

/// Names the file of an error.
pub(super) fn file(act: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ShoppersError {
    move |source| ShoppersError::File { act, path: path.to_owned(), source }
}

fn failed(act: &'static str) -> impl FnOnce(std::io::Error) -> ShoppersError {
    file(act, Path::new(FILE))
}

/// The name of the file.
pub(super) const FILE: &str = "subjects.keys";
