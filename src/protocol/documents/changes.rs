//! The artefacts of facts: changes one after the other, compressed with zstd (RFC 8878).
//!
//! Before compression, each change has its length (four bytes, the most significant first) before
//! it and is deterministic CBOR. Both sides hold one change and zstd's window.

use std::io::{self, BufReader, Read, Write};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::bounded::Text;
use crate::protocol::cbor;
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::{MAX_CHANGE_BYTES, MAX_FACT_BYTES, MAX_ID_BYTES, MAX_NAME_BYTES};

/// Memory that a reader gives to what is behind it, as a power of two.
pub(super) const WINDOW_LOG: u32 = 21;
const LEVEL: i32 = 9;

/// Compresses as every artefact is.
pub(super) fn compressor<W: Write>(inner: W) -> Result<zstd::Encoder<'static, W>, StreamError> {
    let mut compressor = zstd::Encoder::new(inner, LEVEL).map_err(StreamError::writing)?;
    compressor.window_log(WINDOW_LOG).map_err(StreamError::writing)?;
    compressor.include_checksum(true).map_err(StreamError::writing)?;
    Ok(compressor)
}

/// One change of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactChange {
    /// It is so.
    #[n(0)]
    Put {
        /// Which table.
        #[n(0)]
        table: Text<MAX_NAME_BYTES>,
        /// Which fact of it.
        #[n(1)]
        id: Text<MAX_ID_BYTES>,
        /// Its JSON, in the form in which the facts' room writes it.
        #[n(2)]
        fact: Text<MAX_FACT_BYTES>,
    },
    /// It is gone.
    #[n(1)]
    Remove {
        /// Which table.
        #[n(0)]
        table: Text<MAX_NAME_BYTES>,
        /// Which fact of it.
        #[n(1)]
        id: Text<MAX_ID_BYTES>,
    },
}

/// Why changes cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The file, or zstd.
    #[error("the changes cannot be {act}")]
    Io {
        /// What was being done.
        act: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A change that is none.
    #[error("change {number}: {source}")]
    Change {
        /// Counted from 1.
        number: u64,
        /// What is wrong with it.
        source: ProtocolError,
    },
    /// More than one artefact may say.
    #[error("the changes are longer than {most} bytes")]
    TooLong {
        /// The limit.
        most: u64,
    },
}

impl StreamError {
    pub(super) fn reading(source: io::Error) -> Self {
        Self::Io { act: "read", source }
    }

    pub(super) fn writing(source: io::Error) -> Self {
        Self::Io { act: "written", source }
    }
}

/// Writes changes into a file; [`Self::finish`] ends it.
pub struct ChangeWriter<W: Write> {
    inner: zstd::Encoder<'static, W>,
    written: u64,
}

impl<W: Write> ChangeWriter<W> {
    /// Begins a stream.
    pub fn new(inner: W) -> Result<Self, StreamError> {
        Ok(Self { inner: compressor(inner)?, written: 0 })
    }

    /// Adds a change.
    pub fn write(&mut self, change: &FactChange) -> Result<(), StreamError> {
        self.written += 1;
        let bytes = cbor::to_bytes("change of a fact", MAX_CHANGE_BYTES, change)
            .map_err(|source| StreamError::Change { number: self.written, source })?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.inner.write_all(&length).map_err(StreamError::writing)?;
        self.inner.write_all(&bytes).map_err(StreamError::writing)
    }

    /// Ends the stream and gives the file back.
    pub fn finish(self) -> Result<W, StreamError> {
        self.inner.finish().map_err(StreamError::writing)
    }
}

impl<W: Write> std::fmt::Debug for ChangeWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChangeWriter({} changes)", self.written)
    }
}

/// Reads changes, at most so many bytes of them; an error ends it.
pub struct ChangeReader<R: Read> {
    inner: zstd::Decoder<'static, BufReader<R>>,
    read: u64,
    bytes: u64,
    most: u64,
    ended: bool,
}

impl<R: Read> ChangeReader<R> {
    /// The changes of a stream. One that says more than `most` bytes uncompressed is refused.
    pub fn new(inner: R, most: u64) -> Result<Self, StreamError> {
        let mut inner = zstd::Decoder::new(inner).map_err(StreamError::reading)?;
        inner.window_log_max(WINDOW_LOG).map_err(StreamError::reading)?;
        Ok(Self { inner, read: 0, bytes: 0, most, ended: false })
    }

    fn next_change(&mut self) -> Result<Option<FactChange>, StreamError> {
        let Some(length) = self.length()? else { return Ok(None) };
        self.read += 1;
        let refused = |source| StreamError::Change { number: self.read, source };
        if length > MAX_CHANGE_BYTES {
            let what = "bytes of a change";
            let error = ProtocolError::TooLarge { what, size: length, most: MAX_CHANGE_BYTES };
            return Err(refused(error));
        }
        self.bytes += length as u64;
        if self.bytes > self.most {
            return Err(StreamError::TooLong { most: self.most });
        }
        let mut bytes = vec![0; length];
        self.inner.read_exact(&mut bytes).map_err(StreamError::reading)?;
        let change = cbor::from_bytes("change of a fact", MAX_CHANGE_BYTES, &bytes);
        change.map(Some).map_err(refused)
    }

    /// The length of the next change; none at the end.
    fn length(&mut self) -> Result<Option<usize>, StreamError> {
        let mut length = [0; 4];
        let mut filled = 0;
        while let Some(rest) = length.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.inner.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => {
                    return Err(StreamError::reading(io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StreamError::reading(error)),
            }
        }
        Ok(Some(u32::from_be_bytes(length) as usize))
    }
}

impl<R: Read> Iterator for ChangeReader<R> {
    type Item = Result<FactChange, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_change().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: Read> std::fmt::Debug for ChangeReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChangeReader({} changes so far)", self.read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(id: &str, fact: &str) -> FactChange {
        let (table, id) = (Text::cut("prices"), Text::cut(id));
        FactChange::Put { table, id, fact: Text::cut(fact) }
    }

    fn remove(id: &str) -> FactChange {
        FactChange::Remove { table: Text::cut("prices"), id: Text::cut(id) }
    }

    fn written(changes: &[FactChange]) -> Vec<u8> {
        let mut writer = ChangeWriter::new(Vec::new()).unwrap();
        changes.iter().for_each(|change| writer.write(change).unwrap());
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8], most: u64) -> Result<Vec<FactChange>, StreamError> {
        ChangeReader::new(bytes, most)?.collect()
    }

    #[test]
    fn changes_are_read_as_they_were_written() {
        let many: Vec<_> =
            (0..5000).map(|n| put(&n.to_string(), &format!("{{\"a\":{n}}}"))).collect();
        for changes in [vec![], vec![remove("1")], many] {
            let bytes = written(&changes);
            assert_eq!(read(&bytes, u64::MAX).unwrap(), changes);
        }
    }

    #[test]
    fn the_same_changes_are_the_same_artefact() {
        let changes = [put("1", "{}"), remove("2")];
        assert_eq!(written(&changes), written(&changes));
    }

    #[test]
    fn a_stream_that_is_cut_or_damaged_is_refused() {
        let changes: Vec<_> =
            (0..40).map(|n| put(&n.to_string(), &format!("{{\"a\":{n}}}"))).collect();
        let bytes = written(&changes);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end], u64::MAX).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(!read(&damaged, u64::MAX).is_ok_and(|read| read != changes), "byte {at}");
        }
    }

    #[test]
    fn noise_is_no_changes() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            let compressed = zstd::encode_all(&bytes[..], 1).unwrap();
            for bytes in [&bytes[..], &compressed] {
                drop(read(bytes, 1 << 20));
            }
        });
    }

    #[test]
    fn a_small_artefact_that_says_very_much_is_refused() {
        let bomb = written(&vec![put("1", &" ".repeat(1000)); 10_000]);
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        let refusal = read(&bomb, 1 << 20).unwrap_err();
        assert!(matches!(refusal, StreamError::TooLong { most } if most == 1 << 20), "{refusal}");
        // A length that nothing could have is refused before anything is reserved for it.
        let huge = zstd::encode_all(&[0xff; 8][..], 1).unwrap();
        assert!(matches!(read(&huge, u64::MAX), Err(StreamError::Change { number: 1, .. })));
    }

    #[test]
    fn a_window_larger_than_the_readers_memory_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(WINDOW_LOG + 3).unwrap();
        // Larger than the window, so that the frame cannot shrink it.
        encoder.write_all(&vec![7; 20 << 20]).unwrap();
        assert!(read(&encoder.finish().unwrap(), u64::MAX).is_err());
    }
}
