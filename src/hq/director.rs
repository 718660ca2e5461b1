//! The keys that sign what HQ wants (ed25519): the director's and that of the facts.

use std::fmt;
use std::path::Path;

use ed25519_dalek::{SigningKey, VerifyingKey};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::error::HqError;
use super::key_file;
use crate::protocol::{
    Digest, Key, Keys, Place, ProtocolError, Role, Signable, Signed, UnixMillis,
};

/// HQ's word that a node's audit log had this head: nobody can later tell it otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct AuditHead {
    /// Whose log.
    #[n(0)]
    pub place: Place,
    /// Number of the last entry.
    #[n(1)]
    pub last: u64,
    /// Head of the chain after it.
    #[n(2)]
    pub head: Digest,
    /// When HQ had it.
    #[n(3)]
    pub at: UnixMillis,
}

impl Signable for AuditHead {
    const CONTEXT: &'static str = "endcap audit head v1";
    const ROLE: Role = Role::Director;
}

/// HQ's private keys.
pub struct Director {
    director: SigningKey,
    facts: SigningKey,
}

impl fmt::Debug for Director {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Director({})", crate::protocol::key_id(&self.director.verifying_key()))
    }
}

impl Director {
    /// The keys of a folder; made at the first start.
    pub fn open(folder: &Path) -> Result<Self, HqError> {
        let director = open(&folder.join("director.key"))?;
        let facts = open(&folder.join("facts.key"))?;
        Ok(Self { director, facts })
    }

    /// Signs with the key of the document's role.
    pub fn sign<T: Signable>(&self, document: &T) -> Result<Signed<T>, ProtocolError> {
        let key = match T::ROLE {
            Role::Director => &self.director,
            Role::Facts => &self.facts,
        };
        Signed::sign(document, &[key])
    }

    /// The public keys that nodes are to believe.
    pub fn public(&self) -> [(Role, VerifyingKey); 2] {
        [(Role::Director, self.director.verifying_key()), (Role::Facts, self.facts.verifying_key())]
    }

    /// The same, to verify with.
    pub fn keys(&self) -> Keys {
        Keys::new(self.public().map(|(role, key)| Key { key, role, until: None }))
    }
}

fn open(path: &Path) -> Result<SigningKey, HqError> {
    if let Some(text) = key_file::read(path)? {
        let refuse = |_| HqError::Key {
            path: path.to_owned(),
            why: "it is not hexadecimal of 32 bytes".to_owned(),
        };
        let seed: Digest = text.trim().parse().map_err(refuse)?;
        return Ok(SigningKey::from_bytes(&seed.0));
    }
    let seed = Digest(key_file::random()?);
    key_file::write(path, format!("{seed}\n").as_bytes())?;
    tracing::info!(file = %path.display(), "a signing key was made");
    Ok(SigningKey::from_bytes(&seed.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let first = Director::open(folder.path()).unwrap();
        let again = Director::open(folder.path()).unwrap();
        assert_eq!(first.public(), again.public());
        let [(_, director), (_, facts)] = first.public();
        assert_ne!(director, facts);
        for name in ["director.key", "facts.key"] {
            let meta = std::fs::metadata(folder.path().join(name)).unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{name}");
        }
        std::fs::write(folder.path().join("facts.key"), "not a key").unwrap();
        let error = Director::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("facts.key"), "{error}");
    }

    #[test]
    fn what_one_key_signs_the_other_does_not_vouch_for() {
        let folder = tempfile::tempdir().unwrap();
        let director = Director::open(folder.path()).unwrap();
        let place: Place = "acme/store-1/box-a".parse().unwrap();
        let head = AuditHead { place, last: 7, head: Digest([1; 32]), at: UnixMillis(5) };
        let signed = director.sign(&head).unwrap();
        assert_eq!(director.keys().verify(&signed, UnixMillis(0)), Ok(head));
        let [_, (_, facts)] = director.public();
        let others = Keys::new([Key { key: facts, role: Role::Director, until: None }]);
        assert!(others.verify(&signed, UnixMillis(0)).is_err());
    }
}
