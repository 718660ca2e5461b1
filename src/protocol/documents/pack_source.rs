//! The file that a box exports and HQ makes a pack of: answers one after the other, compressed with
//! zstd (RFC 8878).
//!
//! ```text
//! file    one zstd frame with a checksum and a window of 2^21 bytes, of
//! entry   length, four bytes, the most significant first; then so many bytes:
//!         a [`PackedAnswer`](super::PackedAnswer) as deterministic CBOR
//! ```
//!
//! The answers that are asked for most come first: a store that has no room for all takes those.

use std::io::{Read, Write};

use super::frames::{FrameReader, FrameWriter, StreamError};
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::{MAX_PACK_ENTRIES, MAX_PACK_ENTRY_BYTES};

/// Writes answers into a file; [`Self::finish`] ends it.
pub struct PackSourceWriter<W: Write>(FrameWriter<W>);

impl<W: Write> PackSourceWriter<W> {
    /// Begins a file.
    pub fn new(inner: W) -> Result<Self, StreamError> {
        FrameWriter::new(inner).map(Self)
    }

    /// Adds the bytes of an answer.
    pub fn write(&mut self, entry: &[u8]) -> Result<(), StreamError> {
        self.0.write(|number| check(entry.len(), number).map(|()| entry))
    }

    /// What is below.
    pub fn get_mut(&mut self) -> &mut W {
        self.0.get_mut()
    }

    /// Ends the file and gives it back.
    pub fn finish(self) -> Result<W, StreamError> {
        self.0.finish()
    }
}

impl<W: Write> std::fmt::Debug for PackSourceWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackSourceWriter({} answers)", self.0.number)
    }
}

/// Reads answers, at most so many bytes of them; an error ends it. It holds one answer at a time.
pub struct PackSourceReader<R: Read>(FrameReader<R>);

impl<R: Read> PackSourceReader<R> {
    /// The answers of a file. One that says more than `most` bytes uncompressed is refused.
    pub fn new(inner: R, most: u64) -> Result<Self, StreamError> {
        FrameReader::new(inner, most).map(Self)
    }
}

impl<R: Read> Iterator for PackSourceReader<R> {
    type Item = Result<Vec<u8>, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(check, Ok)
    }
}

impl<R: Read> std::fmt::Debug for PackSourceReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackSourceReader({} answers so far)", self.0.number)
    }
}

fn check(length: usize, number: u64) -> Result<(), ProtocolError> {
    let refuse = |what, size, most| ProtocolError::TooLarge { what, size, most };
    if length == 0 || length > MAX_PACK_ENTRY_BYTES as usize {
        return Err(refuse("bytes of an answer", length, MAX_PACK_ENTRY_BYTES as usize));
    }
    if number > MAX_PACK_ENTRIES as u64 {
        return Err(refuse("answers of a pack", MAX_PACK_ENTRIES + 1, MAX_PACK_ENTRIES));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = PackSourceWriter::new(Vec::new()).unwrap();
        entries.iter().for_each(|entry| writer.write(entry).unwrap());
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8], most: u64) -> Result<Vec<Vec<u8>>, StreamError> {
        PackSourceReader::new(bytes, most)?.collect()
    }

    #[test]
    fn answers_are_read_as_they_were_written_and_a_cut_or_damaged_file_is_refused() {
        let entries: Vec<Vec<u8>> = (1..60u8).map(|n| vec![n; usize::from(n)]).collect();
        for entries in [vec![], entries.clone()] {
            assert_eq!(read(&written(&entries), u64::MAX).unwrap(), entries);
        }
        let bytes = written(&entries);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end], u64::MAX).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(!read(&damaged, u64::MAX).is_ok_and(|read| read != entries), "byte {at}");
        }
    }

    #[test]
    fn what_says_too_much_is_refused_before_room_is_made_for_it() {
        let bomb = written(&vec![vec![0; 100_000]; 100]);
        assert!(matches!(read(&bomb, 1 << 20), Err(StreamError::TooLong { .. })));
        let huge = zstd::encode_all(&[0xff; 8][..], 1).unwrap();
        assert!(matches!(read(&huge, u64::MAX), Err(StreamError::Change { number: 1, .. })));
        let empty = zstd::encode_all(&[0; 4][..], 1).unwrap();
        assert!(matches!(read(&empty, u64::MAX), Err(StreamError::Change { number: 1, .. })));
    }
}
