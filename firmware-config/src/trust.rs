//! Whose signatures are believed.

use crate::limits::SIGNATURE_BYTES;

/// Checks signatures: [`Keys`] on the processor, or a device's own engine.
pub trait Verify {
    /// Whether a believed key made this ed25519 signature (RFC 8032) over these bytes.
    fn verify(&self, signed: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool;
}

#[cfg(feature = "ed25519")]
pub use ed25519::Keys;

#[cfg(feature = "ed25519")]
mod ed25519 {
    use ed25519_dalek::{Signature, VerifyingKey};

    use super::Verify;
    use crate::List;
    use crate::limits::{MAX_KEYS, SIGNATURE_BYTES};

    /// Public keys that are believed: one, or the old and the new while they change.
    #[derive(Debug, Clone, Default)]
    pub struct Keys(List<VerifyingKey, MAX_KEYS>);

    impl Keys {
        /// These keys. Those that are none, or for which anything is signed, are left out, and so
        /// is what is more than [`MAX_KEYS`].
        #[must_use]
        pub fn new(keys: &[[u8; 32]]) -> Self {
            let sound =
                |key: &[u8; 32]| VerifyingKey::from_bytes(key).ok().filter(|key| !key.is_weak());
            Self(keys.iter().filter_map(sound).take(MAX_KEYS).collect())
        }
    }

    impl Verify for Keys {
        fn verify(&self, signed: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
            let signature = Signature::from_bytes(signature);
            self.0.iter().any(|key| key.verify_strict(signed, &signature).is_ok())
        }
    }
}
