//! Pieces of a file one after the other, compressed with zstd (RFC 8878): each has its length before it,
//! four bytes, the most significant first. Both sides hold one piece and zstd's window.

use std::io::{self, BufReader, Read, Write};

use crate::protocol::error::ProtocolError;

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

/// Reads what was compressed so, and nothing that takes more memory.
pub(super) fn decompressor<R: Read>(
    inner: R,
) -> Result<zstd::Decoder<'static, BufReader<R>>, StreamError> {
    let mut inner = zstd::Decoder::new(inner).map_err(StreamError::reading)?;
    inner.window_log_max(WINDOW_LOG).map_err(StreamError::reading)?;
    Ok(inner)
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

/// Writes pieces.
pub(super) struct FrameWriter<W: Write> {
    inner: zstd::Encoder<'static, W>,
    /// How many were begun.
    pub(super) number: u64,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(inner: W) -> Result<Self, StreamError> {
        Ok(Self { inner: compressor(inner)?, number: 0 })
    }

    /// Adds what `make` makes of a piece, which may be refused.
    pub(super) fn write<B: AsRef<[u8]>>(
        &mut self,
        make: impl FnOnce(u64) -> Result<B, ProtocolError>,
    ) -> Result<(), StreamError> {
        self.number += 1;
        let number = self.number;
        let bytes = make(number).map_err(|source| StreamError::Change { number, source })?;
        let bytes = bytes.as_ref();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.inner.write_all(&length).map_err(StreamError::writing)?;
        self.inner.write_all(bytes).map_err(StreamError::writing)
    }

    pub(super) fn get_mut(&mut self) -> &mut W {
        self.inner.get_mut()
    }

    pub(super) fn finish(self) -> Result<W, StreamError> {
        self.inner.finish().map_err(StreamError::writing)
    }
}

/// Reads pieces, at most so many bytes of them; an error ends it.
pub(super) struct FrameReader<R: Read> {
    inner: zstd::Decoder<'static, BufReader<R>>,
    /// How many were begun.
    pub(super) number: u64,
    bytes: u64,
    most: u64,
    ended: bool,
}

impl<R: Read> FrameReader<R> {
    /// The pieces of a file. One that says more than `most` bytes uncompressed is refused.
    pub(super) fn new(inner: R, most: u64) -> Result<Self, StreamError> {
        Ok(Self { inner: decompressor(inner)?, number: 0, bytes: 0, most, ended: false })
    }

    /// What `take` makes of the next piece; none at the end. `check` refuses a piece by its length and
    /// its number, counted from 1, before there is room for it.
    pub(super) fn next<T>(
        &mut self,
        check: impl FnOnce(usize, u64) -> Result<(), ProtocolError>,
        take: impl FnOnce(Vec<u8>) -> Result<T, ProtocolError>,
    ) -> Option<Result<T, StreamError>> {
        if self.ended {
            return None;
        }
        let next = self.piece(check, take).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }

    fn piece<T>(
        &mut self,
        check: impl FnOnce(usize, u64) -> Result<(), ProtocolError>,
        take: impl FnOnce(Vec<u8>) -> Result<T, ProtocolError>,
    ) -> Result<Option<T>, StreamError> {
        let Some(length) = self.length()? else { return Ok(None) };
        self.number += 1;
        let number = self.number;
        let refused = |source| StreamError::Change { number, source };
        check(length, number).map_err(refused)?;
        self.bytes += length as u64;
        if self.bytes > self.most {
            return Err(StreamError::TooLong { most: self.most });
        }
        let mut bytes = vec![0; length];
        self.inner.read_exact(&mut bytes).map_err(StreamError::reading)?;
        take(bytes).map(Some).map_err(refused)
    }

    /// The length of the next piece; none at the end.
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
