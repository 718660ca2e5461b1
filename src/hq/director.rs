//! The keys that sign what HQ wants (ed25519): the director's and that of the facts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

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

/// The file of the key that takes the director's place, while boxes learn to believe it.
const NEXT: &str = "director.next.key";

/// HQ's private keys. While the director's is replaced there are two, and both sign: a box believes what
/// it hears whichever of them it knows.
pub struct Director {
    folder: PathBuf,
    director: RwLock<Signing>,
    facts: SigningKey,
}

/// The director's keys.
#[derive(Clone)]
struct Signing {
    key: SigningKey,
    /// The one that takes its place.
    next: Option<SigningKey>,
}

impl fmt::Debug for Director {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(_, newest), _] = self.public();
        write!(f, "Director({})", crate::protocol::key_id(&newest))
    }
}

impl Director {
    /// The keys of a folder; made at the first start.
    pub fn open(folder: &Path) -> Result<Self, HqError> {
        let key = open(&folder.join("director.key"))?;
        let next = read(&folder.join(NEXT))?;
        let facts = open(&folder.join("facts.key"))?;
        let director = RwLock::new(Signing { key, next });
        Ok(Self { folder: folder.to_owned(), director, facts })
    }

    /// Signs with the key of the document's role; where there are two, with both.
    pub fn sign<T: Signable>(&self, document: &T) -> Result<Signed<T>, ProtocolError> {
        match T::ROLE {
            Role::Facts => Signed::sign(document, &[&self.facts]),
            Role::Director => {
                let Signing { key, next } = self.signing();
                let keys: Vec<_> = [Some(&key), next.as_ref()].into_iter().flatten().collect();
                Signed::sign(document, &keys)
            }
        }
    }

    /// The public keys that nodes are to believe: of the director the newest.
    pub fn public(&self) -> [(Role, VerifyingKey); 2] {
        let Signing { key, next } = self.signing();
        let newest = next.as_ref().unwrap_or(&key).verifying_key();
        [(Role::Director, newest), (Role::Facts, self.facts.verifying_key())]
    }

    /// The director's key that is about to go, while another takes its place.
    pub fn leaving(&self) -> Option<VerifyingKey> {
        let Signing { key, next } = self.signing();
        next.map(|_| key.verifying_key())
    }

    /// All that sign, to verify with.
    pub fn keys(&self) -> Keys {
        let leaving = self.leaving().map(|key| (Role::Director, key));
        let all = self.public().into_iter().chain(leaving);
        Keys::new(all.map(|(role, key)| Key { key, role, until: None }))
    }

    /// Makes the key that takes the director's place; from now on both sign. The one that was made
    /// before stays.
    pub(super) fn introduce(&self) -> Result<(), HqError> {
        let mut signing = self.director.write().unwrap_or_else(PoisonError::into_inner);
        if signing.next.is_none() {
            signing.next = Some(open(&self.folder.join(NEXT))?);
        }
        Ok(())
    }

    /// Forgets the old key, and the new one is the director's.
    pub(super) fn forget_old(&self) -> Result<(), HqError> {
        let mut signing = self.director.write().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = signing.next.clone() else { return Ok(()) };
        let (from, to) = (self.folder.join(NEXT), self.folder.join("director.key"));
        let renamed = std::fs::rename(&from, &to)
            .and_then(|()| std::fs::File::open(&self.folder)?.sync_all());
        renamed.map_err(HqError::file("replacing", &to))?;
        *signing = Signing { key: next, next: None };
        Ok(())
    }

    fn signing(&self) -> Signing {
        self.director.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A key's file; made where it is missing.
fn open(path: &Path) -> Result<SigningKey, HqError> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    let seed = Digest(key_file::random()?);
    key_file::write(path, format!("{seed}\n").as_bytes())?;
    tracing::info!(file = %path.display(), "a signing key was made");
    Ok(SigningKey::from_bytes(&seed.0))
}

/// A key's file, where there is one.
fn read(path: &Path) -> Result<Option<SigningKey>, HqError> {
    let Some(text) = key_file::read(path)? else { return Ok(None) };
    let refuse = |_| HqError::Key {
        path: path.to_owned(),
        why: "it is not hexadecimal of 32 bytes".to_owned(),
    };
    let seed: Digest = text.trim().parse().map_err(refuse)?;
    Ok(Some(SigningKey::from_bytes(&seed.0)))
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
    fn while_the_key_is_replaced_both_sign_and_then_the_new_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let director = Director::open(folder.path()).unwrap();
        let old = director.keys();
        director.introduce().unwrap();
        // A restart in between, and a second try, change nothing.
        let director = Director::open(folder.path()).unwrap();
        let new = Keys::new(director.public().map(|(role, key)| Key { key, role, until: None }));
        director.introduce().unwrap();
        let place: Place = "acme/store-1/box-a".parse().unwrap();
        let head = AuditHead { place, last: 7, head: Digest([1; 32]), at: UnixMillis(5) };
        let signed = director.sign(&head).unwrap();
        for keys in [&old, &new, &director.keys()] {
            assert!(keys.verify(&signed, UnixMillis(0)).is_ok());
        }
        director.forget_old().unwrap();
        for director in [&director, &Director::open(folder.path()).unwrap()] {
            let signed = director.sign(&head).unwrap();
            assert!(old.verify(&signed, UnixMillis(0)).is_err(), "the old key is gone");
            assert!(new.verify(&signed, UnixMillis(0)).is_ok());
            assert!(director.leaving().is_none());
        }
        assert!(!folder.path().join(NEXT).exists());
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
