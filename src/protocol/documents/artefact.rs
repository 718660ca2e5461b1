//! A file as chunks with digests, so that each part is checked as it comes, from wherever.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::protocol::bounded::{List, Text};
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::{CHUNK_BYTES, MAX_CHUNK_BYTES, MAX_CHUNKS, MAX_TEXT_BYTES};
use crate::protocol::octets::Digest;

/// The folder of HQ's artefact store in which files have their digest as name.
const FOLDER: &str = "artefacts/";

/// Where HQ has the file of this digest, below its address.
#[must_use]
pub fn artefact_path(digest: Digest) -> Text<MAX_TEXT_BYTES> {
    Text::cut(&format!("{FOLDER}{digest}"))
}

/// The digest of the file at such a path; no other path is fetched.
pub fn digest_of_path(path: &str) -> Result<Digest, ProtocolError> {
    let name = path.strip_prefix(FOLDER).filter(|name| !name.contains(char::is_uppercase));
    name.and_then(|name| name.parse().ok()).ok_or_else(|| ProtocolError::Name {
        what: "path of an artefact",
        text: crate::protocol::error::shortened(path),
        rule: "artefacts/ and a SHA-256 in lower-case hexadecimal",
    })
}

/// A file: its size, its digest, and the digest of every chunk. All chunks but the last have
/// `chunk_bytes`; an empty file has none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Artefact {
    /// Bytes of the file.
    #[n(0)]
    pub size_bytes: u64,
    /// SHA-256 of the file.
    #[n(1)]
    pub digest: Digest,
    /// Bytes of a chunk.
    #[n(2)]
    pub chunk_bytes: u32,
    /// SHA-256 of every chunk, in order.
    #[n(3)]
    pub chunks: List<Digest, MAX_CHUNKS>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its place among the chunks.
    pub index: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// How long it is.
    pub bytes: u32,
    /// What its bytes must have.
    pub digest: Digest,
}

impl Artefact {
    /// The artefact of bytes that are at hand.
    pub fn of(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let mut builder = ArtefactBuilder::default();
        builder.update(bytes)?;
        builder.finish()
    }

    /// Refuses sizes that contradict each other.
    pub fn check(&self) -> Result<(), ProtocolError> {
        let most = MAX_CHUNK_BYTES;
        if self.chunk_bytes == 0 || self.chunk_bytes > most {
            let (size, most) = (self.chunk_bytes as usize, most as usize);
            return Err(ProtocolError::TooLarge { what: "bytes of a chunk", size, most });
        }
        let chunks = self.size_bytes.div_ceil(u64::from(self.chunk_bytes));
        if chunks != self.chunks.len() as u64 {
            return Err(ProtocolError::Contradiction(
                "an artefact's chunks do not add up to its size",
            ));
        }
        Ok(())
    }

    /// A chunk by its place.
    #[must_use]
    pub fn chunk(&self, index: u32) -> Option<Chunk> {
        let digest = *self.chunks.get(index as usize)?;
        let offset = u64::from(index) * u64::from(self.chunk_bytes);
        let bytes = self.size_bytes.saturating_sub(offset).min(self.chunk_bytes.into());
        Some(Chunk { index, offset, bytes: u32::try_from(bytes).ok()?, digest })
    }

    /// All chunks, in order.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk> {
        (0..).map_while(|index| self.chunk(index))
    }
}

/// Makes an artefact of a file as it is read, in chunks of one mebibyte.
#[derive(Debug, Default)]
pub struct ArtefactBuilder {
    whole: sha2::Sha256,
    chunk: sha2::Sha256,
    in_chunk: usize,
    size_bytes: u64,
    chunks: Vec<Digest>,
}

impl ArtefactBuilder {
    /// Takes the bytes that follow.
    pub fn update(&mut self, mut bytes: &[u8]) -> Result<(), ProtocolError> {
        self.whole.update(bytes);
        self.size_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = CHUNK_BYTES as usize - self.in_chunk;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.update(now);
            self.in_chunk += now.len();
            bytes = later;
            if self.in_chunk == CHUNK_BYTES as usize {
                self.end_chunk()?;
            }
        }
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), ProtocolError> {
        if self.chunks.len() == MAX_CHUNKS {
            let (size, most) = (MAX_CHUNKS + 1, MAX_CHUNKS);
            return Err(ProtocolError::TooLarge { what: "chunks of a file", size, most });
        }
        self.chunks.push(Digest(self.chunk.finalize_reset().into()));
        self.in_chunk = 0;
        Ok(())
    }

    /// The artefact of all that was taken.
    pub fn finish(mut self) -> Result<Artefact, ProtocolError> {
        if self.in_chunk > 0 {
            self.end_chunk()?;
        }
        Ok(Artefact {
            size_bytes: self.size_bytes,
            digest: Digest(self.whole.finalize().into()),
            chunk_bytes: CHUNK_BYTES,
            chunks: List::new(self.chunks)?,
        })
    }
}

impl std::io::Write for ArtefactBuilder {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = CHUNK_BYTES as usize;

    #[test]
    fn a_file_is_the_sum_of_its_chunks_however_it_is_read() {
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let artefact = Artefact::of(&bytes).unwrap();
            artefact.check().unwrap();
            let mut pieces = ArtefactBuilder::default();
            bytes.chunks(70_001).for_each(|piece| pieces.update(piece).unwrap());
            assert_eq!(pieces.finish().unwrap(), artefact, "{size}");
            let mut joined = Vec::new();
            for chunk in artefact.chunks() {
                let part = &bytes[chunk.offset as usize..][..chunk.bytes as usize];
                assert_eq!(Digest::of(part), chunk.digest);
                joined.extend_from_slice(part);
            }
            assert_eq!((joined, artefact.digest), (bytes.clone(), Digest::of(&bytes)));
        }
    }

    #[test]
    fn sizes_that_contradict_each_other_are_refused() {
        let sound = Artefact::of(&[1; 10]).unwrap();
        for (why, artefact) in [
            ("too long", Artefact { size_bytes: CHUNK as u64 + 1, ..sound.clone() }),
            ("too short", Artefact { size_bytes: 0, ..sound.clone() }),
            ("too long", Artefact { size_bytes: u64::MAX, ..sound.clone() }),
            ("no chunk", Artefact { chunks: List::default(), ..sound.clone() }),
            ("empty chunks", Artefact { chunk_bytes: 0, ..sound.clone() }),
            ("huge chunks", Artefact { chunk_bytes: MAX_CHUNK_BYTES + 1, ..sound.clone() }),
        ] {
            assert!(artefact.check().is_err(), "{why}");
        }
    }

    #[test]
    fn only_the_path_of_a_digest_is_fetched() {
        let digest = Digest::of(b"x");
        assert_eq!(digest_of_path(&artefact_path(digest)), Ok(digest));
        let upper = format!("artefacts/{digest}").replace('a', "A");
        for other in ["", "artefacts/", "artefacts/../etc", "facts/main", &upper, "/artefacts/00"] {
            assert!(digest_of_path(other).is_err(), "{other}");
        }
    }
}
