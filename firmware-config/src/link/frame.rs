//! Messages as bytes, and bytes of a line as messages.

use core::fmt;

use cobs::{DecodeResult, DecoderState};

use super::Message;
use crate::block::crc32;
use crate::limits::{MAX_CHUNK_BYTES, MAX_FRAME_BYTES, MAX_LINE_BYTES};

const CRC_BYTES: usize = 4;

// A chunk is the longest message: its number, version, offset, length and data.
const _: () = assert!(1 + 5 + 3 + 2 + MAX_CHUNK_BYTES + CRC_BYTES <= MAX_FRAME_BYTES);

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// The check sum is not theirs.
    Damaged,
    /// More than [`MAX_FRAME_BYTES`].
    TooLong,
    /// The check sum is right and this says nothing that is known here.
    Unreadable,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "a frame's check sum is wrong",
            Self::TooLong => "a frame is too long",
            Self::Unreadable => "a frame's message is not known",
        })
    }
}

impl core::error::Error for FrameError {}

/// One message as bytes: postcard and its CRC-32.
#[derive(Debug, Clone)]
pub struct Frame {
    bytes: [u8; MAX_FRAME_BYTES],
    len: usize,
}

impl Frame {
    /// Of a message. Only chunks with more data than they may have do not fit.
    pub fn new(message: &Message<'_>) -> Result<Self, FrameError> {
        let mut bytes = [0; MAX_FRAME_BYTES];
        let room = bytes.get_mut(..MAX_FRAME_BYTES - CRC_BYTES).ok_or(FrameError::TooLong)?;
        let written = postcard::to_slice(message, room).map_err(|_| FrameError::TooLong)?;
        let (sum, len) = (crc32(&[written]), written.len());
        let place = bytes.get_mut(len..len + CRC_BYTES).ok_or(FrameError::TooLong)?;
        place.copy_from_slice(&sum.to_le_bytes());
        Ok(Self { bytes, len: len + CRC_BYTES })
    }

    /// As they are sent where frames have ends: over HTTP, or a broker.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The message that these bytes are.
    pub fn parse(bytes: &[u8]) -> Result<Message<'_>, FrameError> {
        if bytes.len() > MAX_FRAME_BYTES {
            return Err(FrameError::TooLong);
        }
        let (said, sum) = bytes.split_last_chunk::<CRC_BYTES>().ok_or(FrameError::Damaged)?;
        if crc32(&[said]) != u32::from_le_bytes(*sum) {
            return Err(FrameError::Damaged);
        }
        match postcard::take_from_bytes(said) {
            Ok((message, [])) => Ok(message),
            _ => Err(FrameError::Unreadable),
        }
    }

    /// Calls `send` with the bytes for a serial line, a zero behind them.
    pub fn send<E>(&self, send: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut line = [0; MAX_LINE_BYTES];
        let len = cobs::encode(self.bytes(), &mut line);
        // What `encode` left is zero.
        send(line.get(..=len).unwrap_or_default())
    }
}

/// The receiving end of a serial line: takes byte after byte and finds frames among them. Noise
/// costs the frame that it is in.
#[derive(Debug)]
pub struct Line {
    bytes: [u8; MAX_FRAME_BYTES],
    len: usize,
    state: DecoderState,
    /// The frame is broken: nothing counts until the next zero.
    skips: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; MAX_FRAME_BYTES], len: 0, state: DecoderState::Idle, skips: false }
    }
}

impl Line {
    /// Takes one byte. Where it ends a frame, what was in it, for [`Frame::parse`].
    pub fn take(&mut self, byte: u8) -> Option<&[u8]> {
        if core::mem::take(&mut self.skips) && byte != 0 {
            self.skips = true;
            return None;
        }
        match self.state.feed(byte) {
            Ok(DecodeResult::NoData) => {}
            Ok(DecodeResult::DataContinue(byte)) => match self.bytes.get_mut(self.len) {
                Some(place) => {
                    *place = byte;
                    self.len += 1;
                }
                None => self.restart(true),
            },
            Ok(DecodeResult::DataComplete) => {
                let len = self.len;
                self.restart(false);
                return self.bytes.get(..len).filter(|frame| !frame.is_empty());
            }
            Err(_) => self.restart(byte != 0),
        }
        None
    }

    fn restart(&mut self, skips: bool) {
        self.len = 0;
        self.state = DecoderState::Idle;
        self.skips = skips;
    }
}
