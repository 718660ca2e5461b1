//! Entries of a pack one after the other, compressed or not: what is fetched. How long each is, and
//! what it must be, stands in the index.

use std::io::{BufReader, Read, Write};

use super::frames::{StreamError, compressor, decompressor};
use super::pack::PackEntry;
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::MAX_PACK_ENTRY_BYTES;
use crate::protocol::octets::Digest;

/// Writes entries, compressed.
pub struct PackWriter<W: Write>(zstd::Encoder<'static, W>);

impl<W: Write> PackWriter<W> {
    /// Begins a stream.
    pub fn new(inner: W) -> Result<Self, StreamError> {
        Ok(Self(compressor(inner)?))
    }

    /// Adds an entry.
    pub fn write(&mut self, entry: &[u8]) -> Result<(), StreamError> {
        self.0.write_all(entry).map_err(StreamError::writing)
    }

    /// Ends the stream and gives the file back.
    pub fn finish(self) -> Result<W, StreamError> {
        self.0.finish().map_err(StreamError::writing)
    }
}

impl<W: Write> std::fmt::Debug for PackWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PackWriter")
    }
}

/// Reads these entries, in their order, each compared with its digest. It holds one at a time.
pub struct PackReader<R: Read, E> {
    inner: Inner<R>,
    entries: E,
    number: u64,
    ended: bool,
}

enum Inner<R: Read> {
    Plain(BufReader<R>),
    Packed(Box<zstd::Decoder<'static, BufReader<R>>>),
}

impl<R: Read> Read for Inner<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.read(buffer),
            Self::Packed(inner) => inner.read(buffer),
        }
    }
}

impl<R: Read, E: Iterator<Item = PackEntry>> PackReader<R, E> {
    /// Entries that are not compressed.
    pub fn plain(inner: R, entries: E) -> Self {
        Self { inner: Inner::Plain(BufReader::new(inner)), entries, number: 0, ended: false }
    }

    /// Entries that are.
    pub fn packed(inner: R, entries: E) -> Result<Self, StreamError> {
        let inner = Inner::Packed(Box::new(decompressor(inner)?));
        Ok(Self { inner, entries, number: 0, ended: false })
    }

    fn next_entry(&mut self) -> Result<Option<(PackEntry, Vec<u8>)>, StreamError> {
        let Some(entry) = self.entries.next() else {
            // Reading the end compares the frame's checksum.
            let rest = self.inner.read(&mut [0]).map_err(StreamError::reading)?;
            let more = ProtocolError::Contradiction("a pack goes on behind its last entry");
            let error = StreamError::Change { number: self.number + 1, source: more };
            return if rest == 0 { Ok(None) } else { Err(error) };
        };
        self.number += 1;
        let refused = |source| StreamError::Change { number: self.number, source };
        if entry.size_bytes > MAX_PACK_ENTRY_BYTES {
            let (size, most) = (entry.size_bytes as usize, MAX_PACK_ENTRY_BYTES as usize);
            return Err(refused(ProtocolError::TooLarge {
                what: "bytes of an answer",
                size,
                most,
            }));
        }
        let mut bytes = vec![0; entry.size_bytes as usize];
        self.inner.read_exact(&mut bytes).map_err(StreamError::reading)?;
        if Digest::of(&bytes) != entry.digest {
            return Err(refused(ProtocolError::Contradiction(
                "an entry is not what its pack says",
            )));
        }
        Ok(Some((entry, bytes)))
    }
}

impl<R: Read, E: Iterator<Item = PackEntry>> Iterator for PackReader<R, E> {
    type Item = Result<(PackEntry, Vec<u8>), StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_entry().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: Read, E> std::fmt::Debug for PackReader<R, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackReader({} entries so far)", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> (Vec<PackEntry>, Vec<Vec<u8>>) {
        let bytes: Vec<Vec<u8>> = (1..40u8).map(|n| vec![n; 9]).collect();
        let entry = |bytes: &Vec<u8>| PackEntry { digest: Digest::of(bytes), size_bytes: 9 };
        (bytes.iter().map(entry).collect(), bytes)
    }

    #[test]
    fn entries_are_read_as_the_index_says_or_not_at_all() {
        let (index, all) = entries();
        let mut writer = PackWriter::new(Vec::new()).unwrap();
        all.iter().for_each(|entry| writer.write(entry).unwrap());
        let packed = writer.finish().unwrap();
        let read = |bytes: &[u8], index: &[PackEntry]| -> Result<Vec<_>, StreamError> {
            PackReader::packed(bytes, index.iter().copied())?
                .map(|entry| entry.map(|(_, bytes)| bytes))
                .collect()
        };
        assert_eq!(read(&packed, &index).unwrap(), all);
        let together = all.concat();
        let plain = PackReader::plain(&together[..], index.iter().copied());
        assert_eq!(plain.map(|entry| entry.unwrap().1).collect::<Vec<_>>(), all);
        for end in 0..packed.len() {
            assert!(read(&packed[..end], &index).is_err(), "cut at {end}");
        }
        assert!(read(&packed, &index[1..]).is_err() && read(&packed, &index[..9]).is_err());
        let mut other = index.clone();
        other[3].digest = Digest([0; 32]);
        assert!(matches!(read(&packed, &other), Err(StreamError::Change { number: 4, .. })));
    }
}
