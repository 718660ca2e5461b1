//! The artefacts of facts: changes one after the other.
//!
//! Before compression, each change has its length before it and is deterministic CBOR.

use std::io::{Read, Write};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::frames::{FrameReader, FrameWriter, StreamError};
use crate::protocol::bounded::Text;
use crate::protocol::cbor;
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::{MAX_CHANGE_BYTES, MAX_FACT_BYTES, MAX_ID_BYTES, MAX_NAME_BYTES};

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

/// Writes changes into a file; [`Self::finish`] ends it.
pub struct ChangeWriter<W: Write>(FrameWriter<W>);

impl<W: Write> ChangeWriter<W> {
    /// Begins a stream.
    pub fn new(inner: W) -> Result<Self, StreamError> {
        FrameWriter::new(inner).map(Self)
    }

    /// Adds a change.
    pub fn write(&mut self, change: &FactChange) -> Result<(), StreamError> {
        self.0.write(|_| cbor::to_bytes("change of a fact", MAX_CHANGE_BYTES, change))
    }

    /// Ends the stream and gives the file back.
    pub fn finish(self) -> Result<W, StreamError> {
        self.0.finish()
    }
}

impl<W: Write> std::fmt::Debug for ChangeWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChangeWriter({} changes)", self.0.number)
    }
}

/// Reads changes, at most so many bytes of them; an error ends it.
pub struct ChangeReader<R: Read>(FrameReader<R>);

impl<R: Read> ChangeReader<R> {
    /// The changes of a stream. One that says more than `most` bytes uncompressed is refused.
    pub fn new(inner: R, most: u64) -> Result<Self, StreamError> {
        FrameReader::new(inner, most).map(Self)
    }
}

impl<R: Read> Iterator for ChangeReader<R> {
    type Item = Result<FactChange, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        let check = |size, _| match size {
            0..=MAX_CHANGE_BYTES => Ok(()),
            _ => Err(ProtocolError::TooLarge {
                what: "bytes of a change",
                size,
                most: MAX_CHANGE_BYTES,
            }),
        };
        self.0.next(check, |bytes| cbor::from_bytes("change of a fact", MAX_CHANGE_BYTES, &bytes))
    }
}

impl<R: Read> std::fmt::Debug for ChangeReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChangeReader({} changes so far)", self.0.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::documents::frames::WINDOW_LOG;

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
