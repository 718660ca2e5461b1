//! The file of external data.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::{ImportError, write_error};

/// Large tensors begin at a page so that runtimes can map them.
const PAGE_BYTES: u64 = 4096;
const LARGE_BYTES: u64 = 16 * PAGE_BYTES;
/// Others begin at a cache line.
const LINE_BYTES: u64 = 64;
const BUFFER_BYTES: usize = 1 << 20;

/// Where a tensor lies in the data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// Appends tensors one after the other.
#[derive(Debug)]
pub(super) struct DataFile {
    path: PathBuf,
    writer: BufWriter<File>,
    at: u64,
}

impl DataFile {
    pub(super) fn create(path: &Path) -> Result<Self, ImportError> {
        let file = File::create(path).map_err(|source| write_error(path, source))?;
        let writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self { path: path.to_owned(), writer, at: 0 })
    }

    /// Starts a tensor of this size; its bytes follow by [`Self::append`].
    pub(super) fn begin(&mut self, bytes: u64) -> Result<Span, ImportError> {
        let alignment = if bytes >= LARGE_BYTES { PAGE_BYTES } else { LINE_BYTES };
        let offset = self.at.next_multiple_of(alignment);
        let mut gap = offset - self.at;
        while gap > 0 {
            let zeros = [0; LINE_BYTES as usize];
            let part = gap.min(LINE_BYTES);
            self.append(zeros.get(..part as usize).unwrap_or_default())?;
            gap -= part;
        }
        Ok(Span { offset, bytes })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        self.writer.write_all(bytes).map_err(|source| write_error(&self.path, source))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Returns when everything is on disk.
    pub(super) fn finish(self) -> Result<(), ImportError> {
        let path = self.path;
        let file = self.writer.into_inner().map_err(|fault| fault.into_error());
        file.and_then(|file| file.sync_all()).map_err(|source| write_error(&path, source))
    }
}
