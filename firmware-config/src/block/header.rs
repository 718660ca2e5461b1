//! The first bytes of a block, the same in every schema.
//!
//! | from | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `ECFWCFG1`, which no other signed thing begins with |
//! | 8 | 1 | schema |
//! | 9 | 1 | class |
//! | 10 | 2 | bytes of the body |
//! | 12 | 4 | version |
//! | 16 | 16 | store |
//! | 32 | 16 | device |
//! | 48 | 4 | CRC-32 of all above and the body |
//!
//! Numbers are little endian. The signature is over the header and the body.

use super::Refusal;
use crate::limits::{HEADER_BYTES, MAX_BODY_BYTES};

const MAGIC: [u8; 8] = *b"ECFWCFG1";

/// Where the check sum stands, and up to where the header is in it.
pub(crate) const CRC_AT: usize = 48;

const _: () = assert!(CRC_AT + 4 == HEADER_BYTES && MAX_BODY_BYTES <= u16::MAX as usize);

/// What the first bytes of a block say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The form of the body.
    pub schema: u8,
    /// The number of the class that it is for.
    pub class: u8,
    /// Bytes of the body.
    pub body_bytes: u16,
    /// Its number among the device's blocks, which only rises.
    pub version: u32,
    /// The store that it is for.
    pub store: [u8; 16],
    /// The device that it is for.
    pub device: [u8; 16],
    /// The check sum.
    pub crc: u32,
}

impl Header {
    /// Reads it from the beginning of a block.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut rest = bytes;
        if take(&mut rest)? != MAGIC {
            return Err(Refusal::Damaged);
        }
        let [schema, class] = take(&mut rest)?;
        Ok(Self {
            schema,
            class,
            body_bytes: u16::from_le_bytes(take(&mut rest)?),
            version: u32::from_le_bytes(take(&mut rest)?),
            store: take(&mut rest)?,
            device: take(&mut rest)?,
            crc: u32::from_le_bytes(take(&mut rest)?),
        })
    }

    /// As it is written.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = bytes.as_mut_slice();
        put(&mut rest, &MAGIC);
        put(&mut rest, &[self.schema, self.class]);
        put(&mut rest, &self.body_bytes.to_le_bytes());
        put(&mut rest, &self.version.to_le_bytes());
        put(&mut rest, &self.store);
        put(&mut rest, &self.device);
        put(&mut rest, &self.crc.to_le_bytes());
        bytes
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Refusal> {
    let (first, behind) = rest.split_first_chunk::<N>().ok_or(Refusal::Damaged)?;
    *rest = behind;
    Ok(*first)
}

/// Where there is room, which the sizes above say there is.
fn put(rest: &mut &mut [u8], bytes: &[u8]) {
    if let Some((to, behind)) = core::mem::take(rest).split_at_mut_checked(bytes.len()) {
        to.copy_from_slice(bytes);
        *rest = behind;
    }
}
