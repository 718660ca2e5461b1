//! SHA-256 of files.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::disk::open_file;
use super::error::{At, PackageError};
use super::progress::Progress;

const BUFFER_BYTES: usize = 1 << 18;

/// A running SHA-256 with the count of what went in.
#[derive(Debug, Clone, Default)]
pub(super) struct Hasher {
    state: Sha256,
    bytes: u64,
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lower-case hexadecimal.
    pub(super) fn finish(self) -> String {
        self.state.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Size and SHA-256 of a file.
pub(super) fn of_file(path: &Path, progress: &dyn Progress) -> Result<Hasher, PackageError> {
    of_start(path, u64::MAX, progress)
}

/// Size and SHA-256 of a file's first bytes, `limit_bytes` of them or what it has.
pub(super) fn of_start(
    path: &Path,
    limit_bytes: u64,
    progress: &dyn Progress,
) -> Result<Hasher, PackageError> {
    let mut hasher = Hasher::default();
    read_into(&mut open_file(path)?.take(limit_bytes), |chunk| {
        hasher.update(chunk);
        progress.advance(chunk.len() as u64);
        Ok(())
    })
    .at("reading", path)?;
    Ok(hasher)
}

/// Hands everything a reader has to `take`, in bounded pieces.
pub(super) fn read_into(
    reader: &mut dyn Read,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        take(buffer.get(..read).unwrap_or_default())?;
    }
}
