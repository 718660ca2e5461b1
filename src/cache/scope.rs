//! Who may be given an answer.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::engine;

/// Whom a scope is for: a digest, so that no name is kept with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScopeId([u8; 16]);

impl ScopeId {
    /// The id of a device class, an associate or a shopper.
    pub fn of(name: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let (head, _) = digest.split_at(16);
        Self(head.try_into().unwrap_or_default())
    }
}

/// A partition of all answers. It is part of every key: an answer is found only in the scope that
/// it was made in. An asker takes the narrowest scope of what goes into its answer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub enum Scope {
    /// Anybody.
    Public,
    /// Whoever has a token of this store.
    #[default]
    Store,
    /// Devices of one kind, such as the kiosks.
    DeviceClass(ScopeId),
    /// One associate.
    Associate(ScopeId),
    /// One shopper.
    Shopper(ScopeId),
}

impl Scope {
    /// Its kind and whom it is for, as keys have them.
    pub(super) fn parts(self) -> (&'static str, [u8; 16]) {
        match self {
            Self::Public => ("public", [0; 16]),
            Self::Store => ("store", [0; 16]),
            Self::DeviceClass(id) => ("device class", id.0),
            Self::Associate(id) => ("associate", id.0),
            Self::Shopper(id) => ("shopper", id.0),
        }
    }

    /// Whether it is one person's.
    pub fn is_personal(self) -> bool {
        match self {
            Self::Public | Self::Store | Self::DeviceClass(_) => false,
            Self::Associate(_) | Self::Shopper(_) => true,
        }
    }

    /// With whom the beginnings of prompts are shared inside the engine.
    pub fn of_prompts(self) -> engine::Scope {
        match self {
            Self::Public | Self::Store => engine::Scope::Public,
            Self::DeviceClass(_) | Self::Associate(_) | Self::Shopper(_) => {
                let (name, id) = self.parts();
                let digest = Sha256::new().chain_update(name).chain_update(id).finalize();
                let low = digest.iter().take(16).fold(0, |n, &byte| (n << 8) | u128::from(byte));
                engine::Scope::Named(low)
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parts().0)
    }
}
