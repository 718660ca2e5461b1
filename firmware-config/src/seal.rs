//! The box's side of blocks: who is meant, made, signed.

use std::vec::Vec;

use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use crate::block::{CRC_AT, crc32};
use crate::limits::MAX_BODY_BYTES;
use crate::{Class, Header, Identity, Refusal, SCHEMA, Settings};

impl Identity {
    /// Of a device by its name and its store's, tenant and all.
    #[must_use]
    pub fn of(store: &str, device: &str, class: Class) -> Self {
        Self { store: digest("store", store), device: digest("device", device), class }
    }
}

fn digest(kind: &str, name: &str) -> [u8; 16] {
    let full: [u8; 32] = Sha256::new()
        .chain_update(b"endcap firmware-config ")
        .chain_update(kind.as_bytes())
        .chain_update([0])
        .chain_update(name.as_bytes())
        .finalize()
        .into();
    let mut short = [0; 16];
    short.iter_mut().zip(full).for_each(|(to, from)| *to = from);
    short
}

/// The bytes of settings, which tell whether two are the same.
pub fn body(settings: &Settings) -> Result<Vec<u8>, Refusal> {
    let mut room = [0; MAX_BODY_BYTES];
    Ok(postcard::to_slice(settings, &mut room).map_err(|_| Refusal::TooLarge)?.to_vec())
}

/// A block of these settings for one device, signed.
pub fn seal(
    settings: &Settings,
    identity: &Identity,
    version: u32,
    key: &SigningKey,
) -> Result<Vec<u8>, Refusal> {
    if settings.own.class() != identity.class {
        return Err(Refusal::OtherClass);
    }
    let body = body(settings)?;
    let mut header = Header {
        schema: SCHEMA,
        class: identity.class.number(),
        body_bytes: u16::try_from(body.len()).map_err(|_| Refusal::TooLarge)?,
        version,
        store: identity.store,
        device: identity.device,
        crc: 0,
    };
    let unsummed = header.to_bytes();
    header.crc = crc32(&[unsummed.get(..CRC_AT).unwrap_or_default(), &body]);
    let mut block = [header.to_bytes().as_slice(), &body].concat();
    let signature = key.sign(&block);
    block.extend(signature.to_bytes());
    Ok(block)
}
