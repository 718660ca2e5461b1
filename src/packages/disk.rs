//! The few file-system steps on which crash safety rests, each in one place.
//!
//! Under test every step can be the last one before the power fails (`power`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::error::{At, PackageError};

/// Makes a folder that must not exist yet.
pub(super) fn make_folder(path: &Path) -> Result<(), PackageError> {
    step(Step::MakeFolder(path)).and_then(|()| fs::create_dir(path)).at("making", path)
}

/// Writes a new file and brings it to the disk.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    let write = || {
        step(Step::Write(path))?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)
    };
    write().at("writing", path)?;
    sync(path)
}

/// Copies a file's contents to a new one; the caller syncs it.
pub(super) fn copy_new(from: &Path, to: &Path) -> Result<u64, PackageError> {
    let mut source = open_file(from)?;
    let mut copy = || {
        step(Step::Write(to))?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(to)?;
        io::copy(&mut source, &mut file)
    };
    copy().at("writing", to)
}

/// Gives a file a second name; where the disk has no such thing, copies it.
pub(super) fn link_new(from: &Path, to: &Path) -> Result<(), PackageError> {
    open_file(from)?;
    step(Step::Link(to)).at("linking", to)?;
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(_) => copy_new(from, to).map(drop),
    }
}

/// Brings a file's contents, or a folder's entries, to the disk.
pub(super) fn sync(path: &Path) -> Result<(), PackageError> {
    step(Step::Sync(path))
        .and_then(|()| File::open(path))
        .and_then(|f| f.sync_all())
        .at("writing", path)
}

/// Renames a file or folder; the caller syncs the parent.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), PackageError> {
    step(Step::Rename(from, to)).and_then(|()| fs::rename(from, to)).at("renaming", from)
}

/// Removes a folder with all that is in it.
pub(super) fn remove_folder(path: &Path) -> Result<(), PackageError> {
    step(Step::Remove(path)).and_then(|()| fs::remove_dir_all(path)).at("removing", path)
}

/// Removes a file; one that is not there is no error.
pub(super) fn remove_file(path: &Path) -> Result<(), PackageError> {
    match step(Step::Remove(path)).and_then(|()| fs::remove_file(path)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.at("removing", path),
    }
}

/// Opens a regular file for reading. A symbolic link is refused, not followed.
pub(super) fn open_file(path: &Path) -> Result<File, PackageError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file
        .map_err(|e| match e.raw_os_error() {
            Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
                io::Error::new(io::ErrorKind::InvalidInput, "it is a symbolic link")
            }
            _ => e,
        })
        .at("reading", path)?;
    if !file.metadata().at("reading", path)?.is_file() {
        let why = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(why).at("reading", path);
    }
    Ok(file)
}

/// Reads a small file; a larger one than `limit_bytes` is refused before it is in memory.
pub(super) fn read_bounded(path: &Path, limit_bytes: usize) -> Result<Vec<u8>, PackageError> {
    let mut bytes = Vec::new();
    let limit = limit_bytes as u64;
    open_file(path)?.take(limit + 1).read_to_end(&mut bytes).at("reading", path)?;
    if bytes.len() > limit_bytes {
        let why = format!("it is larger than {limit_bytes} bytes");
        return Err(PackageError::Damaged { path: path.to_owned(), why });
    }
    Ok(bytes)
}

/// Refuses early when a folder's disk has less room than `needed_bytes`.
pub(super) fn require_space(folder: &Path, needed_bytes: u64) -> Result<(), PackageError> {
    let stat = rustix::fs::statvfs(folder).map_err(io::Error::from).at("reading", folder)?;
    let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free_bytes < needed_bytes {
        return Err(PackageError::NoSpace { path: folder.to_owned(), free_bytes, needed_bytes });
    }
    Ok(())
}

/// A change to the disk that is about to be made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    MakeFolder(#[cfg_attr(not(test), expect(dead_code, reason = "read by tests"))] &'a Path),
    Write(#[cfg_attr(not(test), expect(dead_code, reason = "read by tests"))] &'a Path),
    Link(#[cfg_attr(not(test), expect(dead_code, reason = "read by tests"))] &'a Path),
    Sync(#[cfg_attr(not(test), expect(dead_code, reason = "read by tests"))] &'a Path),
    Rename(
        #[cfg_attr(not(test), expect(dead_code, reason = "read by tests"))] &'a Path,
        #[cfg_attr(not(test), expect(dead_code, reason = "read by tests"))] &'a Path,
    ),
    Remove(#[cfg_attr(not(test), expect(dead_code, reason = "read by tests"))] &'a Path),
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "under test a step may be the last")]
fn step(_: Step<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use power::step;

/// Lets a test take the power away after any step of its own thread.
#[cfg(test)]
pub(super) mod power {
    use std::cell::RefCell;
    use std::io;
    use std::path::PathBuf;

    use super::Step;

    /// A step that was made.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(in super::super) enum Made {
        Folder(PathBuf),
        Write(PathBuf),
        Link(PathBuf),
        Sync(PathBuf),
        Rename(PathBuf, PathBuf),
        Remove(PathBuf),
    }

    struct Supply {
        left: usize,
        made: Vec<Made>,
    }

    thread_local! {
        static SUPPLY: RefCell<Option<Supply>> = const { RefCell::new(None) };
    }

    /// Runs `work` with power for `steps` steps; returns its result and what was made.
    pub(in super::super) fn for_steps<T>(steps: usize, work: impl FnOnce() -> T) -> (T, Vec<Made>) {
        SUPPLY.set(Some(Supply { left: steps, made: Vec::new() }));
        let result = work();
        let made = SUPPLY.take().map(|s| s.made).unwrap_or_default();
        (result, made)
    }

    pub(super) fn step(step: Step<'_>) -> io::Result<()> {
        SUPPLY.with_borrow_mut(|supply| {
            let Some(supply) = supply else { return Ok(()) };
            supply.left = match supply.left.checked_sub(1) {
                Some(left) => left,
                None => return Err(io::Error::other("the power is gone")),
            };
            supply.made.push(match step {
                Step::MakeFolder(p) => Made::Folder(p.to_owned()),
                Step::Write(p) => Made::Write(p.to_owned()),
                Step::Link(p) => Made::Link(p.to_owned()),
                Step::Sync(p) => Made::Sync(p.to_owned()),
                Step::Rename(a, b) => Made::Rename(a.to_owned(), b.to_owned()),
                Step::Remove(p) => Made::Remove(p.to_owned()),
            });
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_folders_are_not_read_as_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        write_new(&file, b"12345").unwrap();
        std::os::unix::fs::symlink(&file, dir.path().join("link")).unwrap();
        assert!(open_file(&dir.path().join("link")).is_err());
        assert!(open_file(dir.path()).is_err());
        assert_eq!(read_bounded(&file, 5).unwrap(), b"12345");
        assert!(read_bounded(&file, 4).is_err());
    }

    #[test]
    fn a_full_disk_is_told_before_work_begins() {
        let dir = tempfile::tempdir().unwrap();
        require_space(dir.path(), 1).unwrap();
        let error = require_space(dir.path(), u64::MAX).unwrap_err().to_string();
        assert!(error.contains("free and this needs"), "{error}");
    }
}
