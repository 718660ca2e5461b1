//! Sealing by a key: ChaCha20-Poly1305 (RFC 8439) under a nonce of chance.
//!
//! A sealed text is the nonce, what it says enciphered, and the tag: 28 bytes more than what was sealed.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::error::ShoppersError;
use super::id::random;

/// Bytes of a key.
pub(super) const KEY_LEN: usize = 32;
/// Bytes that sealing adds.
pub(super) const OVERHEAD: usize = NONCE_LEN + 16;

/// A key, ready for use.
pub(super) struct Key(LessSafeKey);

impl Key {
    pub(super) fn of(bytes: &[u8; KEY_LEN]) -> Result<Self, ShoppersError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|_| damaged("a key"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals for a purpose, without which it cannot be opened.
    pub(super) fn seal(&self, purpose: &[u8], plain: &[u8]) -> Result<Vec<u8>, ShoppersError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut text = Vec::with_capacity(plain.len() + OVERHEAD);
        text.extend_from_slice(plain);
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(unique, Aad::from(purpose), &mut text)
            .map_err(|_| damaged("a text to seal"))?;
        text.splice(0..0, nonce);
        Ok(text)
    }

    /// Opens what was sealed for the purpose; `what` is for the error.
    pub(super) fn open(
        &self,
        what: &'static str,
        purpose: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, ShoppersError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(damaged(what))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged(what))?;
        let mut text = text.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(purpose), &mut text);
        let len = plain.map_err(|_| damaged(what))?.len();
        text.truncate(len);
        Ok(text)
    }
}

fn damaged(what: &'static str) -> ShoppersError {
    ShoppersError::Damaged { what }
}
