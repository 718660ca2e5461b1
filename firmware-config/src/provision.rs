//! What is written into a device before it is hung up: who it is, and whose keys it believes.
//!
//! | from | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `ECFP` |
//! | 4 | 1 | class |
//! | 5 | 3 | zero |
//! | 8 | 16 | store |
//! | 24 | 16 | device |
//! | 40 | 64 | two public keys, the second zero where there is one |
//! | 104 | 4 | CRC-32 of all above, little endian |

use crate::block::crc32;
use crate::limits::MAX_KEYS;
use crate::{Class, Identity};

const MAGIC: [u8; 4] = *b"ECFP";
const ZEROS: [u8; 3] = [0; 3];

/// What a device knows from the beginning on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provision {
    /// Who it is.
    pub identity: Identity,
    /// Ed25519 keys that it believes; zero for none.
    pub public_keys: [[u8; 32]; MAX_KEYS],
}

impl Provision {
    /// Bytes that it takes.
    pub const BYTES: usize = 108;

    /// What these bytes say, if they say something.
    #[must_use]
    pub fn parse(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (said, sum) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = said.split_first_chunk::<4>()?;
        let ([class, zeros @ ..], rest) = rest.split_first_chunk::<4>()?;
        let (store, rest) = rest.split_first_chunk()?;
        let (device, rest) = rest.split_first_chunk()?;
        let (keys, _) = rest.as_chunks();
        let is_whole = crc32(&[said]) == u32::from_le_bytes(*sum);
        if *magic != MAGIC || *zeros != ZEROS || !is_whole {
            return None;
        }
        let class = Class::of_number(*class)?;
        let identity = Identity { store: *store, device: *device, class };
        Some(Self { identity, public_keys: *keys.first_chunk()? })
    }

    /// As it is written.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let Identity { store, device, class } = &self.identity;
        let parts: [&[u8]; 6] =
            [&MAGIC, &[class.number()], &ZEROS, store, device, self.public_keys.as_flattened()];
        let sum = crc32(&parts).to_le_bytes();
        let mut bytes = [0; Self::BYTES];
        let all = parts.into_iter().flatten().chain(&sum);
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// The keys, to check signatures by.
    #[cfg(feature = "ed25519")]
    #[must_use]
    pub fn keys(&self) -> crate::Keys {
        crate::Keys::new(&self.public_keys)
    }
}
