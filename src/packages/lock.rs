//! Locks between processes: advisory (`flock`), gone when their holder is.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::error::{At, PackageError};

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock. Only for work that takes moments.
    pub(super) fn wait(path: &Path) -> Result<Self, PackageError> {
        let file = open(path).at("locking", path)?;
        file.lock().at("locking", path)?;
        Ok(Self { _file: file })
    }

    /// Takes the lock when nobody has it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>, PackageError> {
        let file = open(path).at("locking", path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e).at("locking", path),
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if path.is_dir() {
        return File::open(path);
    }
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_excludes_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().join("lock"), dir.path().to_owned()] {
            let held = Lock::wait(&path).unwrap();
            assert!(Lock::try_take(&path).unwrap().is_none());
            drop(held);
            assert!(Lock::try_take(&path).unwrap().is_some());
        }
    }
}
