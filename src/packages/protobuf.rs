//! Protobuf read field by field: what is not wanted is never in memory, however large the file.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::disk::open_file;
use super::error::{At, PackageError};

/// A message that is being read.
pub(super) struct Fields {
    reader: BufReader<File>,
    at: u64,
}

impl Fields {
    /// The message that is a whole file, and where it ends.
    pub(super) fn open(path: &Path) -> Result<(Self, u64), PackageError> {
        let file = open_file(path)?;
        let end = file.metadata().at("reading", path)?.len();
        Ok((Self { reader: BufReader::new(file), at: 0 }, end))
    }

    /// Number and end of the next field that has bytes, in the message that ends at `end`; numbers
    /// are passed over. What the field holds must be read or skipped before the next.
    pub(super) fn next(&mut self, end: u64) -> io::Result<Option<(u64, u64)>> {
        while self.at < end {
            let tag = self.varint()?;
            match tag & 7 {
                0 => {
                    self.varint()?;
                }
                1 => self.skip(8, end)?,
                5 => self.skip(4, end)?,
                2 => {
                    let length = self.varint()?;
                    let field_end = self.at.checked_add(length).filter(|e| *e <= end);
                    let field_end =
                        field_end.ok_or_else(|| bad("a field is longer than its message"))?;
                    return Ok(Some((tag >> 3, field_end)));
                }
                _ => return Err(bad("an unknown wire type")),
            }
        }
        if self.at == end { Ok(None) } else { Err(bad("a field crosses the end of its message")) }
    }

    /// Passes over the rest of the field that ends at `end`.
    pub(super) fn skip_to(&mut self, end: u64) -> io::Result<()> {
        self.skip(end.saturating_sub(self.at), end)
    }

    /// The rest of the field that ends at `end`, which may have `most` bytes.
    pub(super) fn bytes(&mut self, end: u64, most: u64) -> io::Result<Vec<u8>> {
        let length = end.saturating_sub(self.at);
        if length > most {
            return Err(bad("a field is too long"));
        }
        let mut bytes = Vec::new();
        (&mut self.reader).take(length).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        if bytes.len() as u64 == length {
            Ok(bytes)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// The same as text.
    pub(super) fn text(&mut self, end: u64, most: u64) -> io::Result<String> {
        String::from_utf8(self.bytes(end, most)?).map_err(|_| bad("a name is not UTF-8"))
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.reader.read_exact(&mut byte)?;
            self.at += 1;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(bad("a number is too long"))
    }

    fn skip(&mut self, bytes: u64, end: u64) -> io::Result<()> {
        let to = self.at.checked_add(bytes).filter(|to| *to <= end);
        self.at = to.ok_or_else(|| bad("a field is longer than its message"))?;
        // Small steps stay in the reader's buffer.
        let far = i64::try_from(bytes).map_err(|_| bad("a field is too long"))?;
        self.reader.seek_relative(far)
    }
}

pub(super) fn bad(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
