//! A file in a folder of this machine.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use super::super::digest::{Hasher, read_into};
use super::super::error::{At, PackageError};
use super::super::progress::Progress;
use super::{Failure, Target};

/// Copies `from` to the target's place, hashing on the way. Blocks.
pub(super) fn fetch(from: &Path, target: &Target, progress: &dyn Progress) -> Result<(), Failure> {
    let unreadable = |e: std::io::Error| Failure::Source(format!("{}: {e}", from.display()));
    let mut source = std::fs::File::open(from).map_err(unreadable)?;
    let found = source.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(Failure::Source(format!("{} is not a regular file", from.display())));
    }
    if found.len() != target.bytes {
        return Err(Failure::Source(target.wrong_size(found.len())));
    }
    progress.start(&from.display().to_string(), Some(target.bytes));
    let result = copy(&mut source, target, progress);
    progress.finish();
    target.accept(result?)
}

/// Copies at most the target's bytes and one more, which tells that there are more.
pub(super) fn copy(
    source: &mut dyn std::io::Read,
    target: &Target,
    progress: &dyn Progress,
) -> Result<Hasher, Failure> {
    let part = &target.part;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(part)
        .at("writing", part)?;
    let mut hasher = Hasher::default();
    let mut wrote = Ok(());
    let read = read_into(&mut std::io::Read::take(source, target.bytes + 1), |chunk| {
        hasher.update(chunk);
        progress.advance(chunk.len() as u64);
        wrote = file.write_all(chunk);
        if wrote.is_err() { Err(std::io::ErrorKind::Other.into()) } else { Ok(()) }
    });
    wrote.map_err(|e| PackageError::io("writing", part, e))?;
    read.map_err(|e| Failure::Source(format!("reading it failed: {e}")))?;
    Ok(hasher)
}
