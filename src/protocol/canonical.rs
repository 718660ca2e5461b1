//! Whether bytes are the one deterministic CBOR form of what they say (RFC 8949, 4.2.1).
//!
//! Two writers then make the same bytes of the same message, so digests, signatures and golden files
//! agree, and nothing can be smuggled past one reader that another sees. Also a guard: lengths are
//! held against the bytes that are there before anything is reserved for them.

use super::error::ProtocolError;
use super::limits::MAX_DEPTH;

/// The majors of CBOR that the line uses.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;

/// Refuses everything but one item in its one form, with nothing behind it.
pub(super) fn check(bytes: &[u8]) -> Result<(), ProtocolError> {
    let mut walk = Walk { bytes, at: 0 };
    walk.item(0)?;
    if walk.at < bytes.len() {
        return Err(walk.refuse("something follows the item"));
    }
    Ok(())
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn refuse(&self, why: &'static str) -> ProtocolError {
        ProtocolError::Form { at: self.at, why }
    }

    fn item(&mut self, depth: usize) -> Result<(), ProtocolError> {
        if depth > MAX_DEPTH {
            return Err(self.refuse("nested too deeply"));
        }
        let (major, argument) = self.head()?;
        match major {
            UNSIGNED | NEGATIVE | SIMPLE => Ok(()),
            BYTES => self.take(argument).map(drop),
            TEXT => {
                let text = self.take(argument)?;
                match std::str::from_utf8(text) {
                    Ok(_) => Ok(()),
                    Err(_) => Err(self.refuse("a text that is not UTF-8")),
                }
            }
            ARRAY => (0..self.count(argument, 1)?).try_for_each(|_| self.item(depth + 1)),
            MAP => self.map(argument, depth),
            _ => Err(self.refuse("a tag")),
        }
    }

    /// Keys ascend by their bytes, so none is there twice.
    fn map(&mut self, argument: u64, depth: usize) -> Result<(), ProtocolError> {
        let mut last: Option<&[u8]> = None;
        let bytes = self.bytes;
        for _ in 0..self.count(argument, 2)? {
            let start = self.at;
            self.item(depth + 1)?;
            let key = bytes.get(start..self.at).unwrap_or_default();
            if last.is_some_and(|last| last >= key) {
                return Err(ProtocolError::Form { at: start, why: "keys out of order" });
            }
            last = Some(key);
            self.item(depth + 1)?;
        }
        Ok(())
    }

    /// A number of items that can be there: each takes at least `least` bytes.
    fn count(&self, argument: u64, least: usize) -> Result<u64, ProtocolError> {
        let left = (self.bytes.len() - self.at) / least;
        if argument > left as u64 {
            return Err(self.refuse("more items than bytes"));
        }
        Ok(argument)
    }

    fn take(&mut self, length: u64) -> Result<&[u8], ProtocolError> {
        let refusal = self.refuse("shorter than it says");
        let length = usize::try_from(length).map_err(|_| refusal.clone())?;
        let end = self.at.checked_add(length).ok_or_else(|| refusal.clone())?;
        let taken = self.bytes.get(self.at..end).ok_or(refusal)?;
        self.at = end;
        Ok(taken)
    }

    /// Major and argument of an item, the argument in as few bytes as hold it.
    fn head(&mut self) -> Result<(u8, u64), ProtocolError> {
        let start = self.at;
        let first = self.take(1)?.first().copied().unwrap_or_default();
        let (major, info) = (first >> 5, first & 0x1f);
        let refuse = |why| ProtocolError::Form { at: start, why };
        if major == SIMPLE {
            // False, true and null; numbers with a fraction are not carried.
            return match info {
                20..=22 => Ok((major, info.into())),
                _ => Err(refuse("a float or an unknown simple value")),
            };
        }
        let (width, least) = match info {
            0..=23 => return Ok((major, info.into())),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return Err(refuse("an indefinite length")),
        };
        let argument = self.take(width)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        if argument < least {
            return Err(refuse("a number longer than needed"));
        }
        Ok((major, argument))
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn the_one_form_is_taken() {
        for bytes in [
            &[0x00][..],
            &[0x18, 24],
            &[0x39, 0x01, 0x00],
            &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0],
            &[0x43, 1, 2, 3],
            &[0x62, b'o', b'k'],
            &[0x82, 0xf4, 0xf6],
            &[0xa2, 0x00, 0x01, 0x01, 0x80],
            &[0xa2, 0x61, b'z', 0x00, 0x62, b'a', b'a', 0x00],
        ] {
            assert_eq!(check(bytes), Ok(()), "{bytes:02x?}");
        }
    }

    #[test]
    fn every_other_form_is_refused() {
        for (bytes, why) in [
            (&[][..], "shorter than it says"),
            (&[0x18, 23], "a number longer than needed"),
            (&[0x19, 0, 255], "a number longer than needed"),
            (&[0x1a, 0, 0, 255, 255], "a number longer than needed"),
            (&[0x1b, 0, 0, 0, 0, 255, 255, 255, 255], "a number longer than needed"),
            (&[0x5f, 0x41, 0, 0xff], "an indefinite length"),
            (&[0x9f, 0xff], "an indefinite length"),
            (&[0x44, 1, 2, 3], "shorter than it says"),
            (&[0x5b, 255, 255, 255, 255, 255, 255, 255, 255], "shorter than it says"),
            (&[0x9b, 0, 0, 1, 0, 0, 0, 0, 0], "more items than bytes"),
            (&[0xbb, 0, 0, 1, 0, 0, 0, 0, 0], "more items than bytes"),
            (&[0x61, 0xff], "a text that is not UTF-8"),
            (&[0xa2, 0x01, 0, 0x00, 0], "keys out of order"),
            (&[0xa2, 0x01, 0, 0x01, 0], "keys out of order"),
            (&[0xc0, 0x00], "a tag"),
            (&[0xf9, 0x3c, 0x00], "a float or an unknown simple value"),
            (&[0xf8, 32], "a float or an unknown simple value"),
            (&[0xf7], "a float or an unknown simple value"),
            (&[0x00, 0x00], "something follows the item"),
            (&[0x81; 40], "nested too deeply"),
        ] {
            let refusal = check(bytes).unwrap_err().to_string();
            assert!(refusal.ends_with(why), "{bytes:02x?}: {refusal}");
        }
    }
}
