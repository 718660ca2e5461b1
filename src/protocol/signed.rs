//! Documents that HQ signs, and the keys that are believed (ed25519, RFC 8032).

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bounded::{Blob, List};
use super::cbor;
use super::error::ProtocolError;
use super::limits::{MAX_SIGNATURES, MAX_SIGNED_BYTES};
use super::messages::{AuditStored, Command, FactsHead, HqTime, Pointer};
use super::octets::{Digest, KeyId, SignatureBytes};
use super::time::UnixMillis;

/// What may be signed, and as what: a signature of one kind is none of another.
pub trait Signable: Encode<()> + for<'b> Decode<'b, ()> {
    /// Stands before the bytes that are signed.
    const CONTEXT: &'static str;
    /// Whose keys sign it.
    const ROLE: Role;
}

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// What this store runs, its commands, HQ's clock, how much of its audit log HQ has.
    Director,
    /// The heads of the facts.
    Facts,
}

impl Signable for Pointer {
    const CONTEXT: &'static str = "endcap desired v1";
    const ROLE: Role = Role::Director;
}

impl Signable for Command {
    const CONTEXT: &'static str = "endcap command v1";
    const ROLE: Role = Role::Director;
}

impl Signable for HqTime {
    const CONTEXT: &'static str = "endcap time v1";
    const ROLE: Role = Role::Director;
}

impl Signable for AuditStored {
    const CONTEXT: &'static str = "endcap audit stored v1";
    const ROLE: Role = Role::Director;
}

impl Signable for FactsHead {
    const CONTEXT: &'static str = "endcap facts v1";
    const ROLE: Role = Role::Facts;
}

/// One signature and the name of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(deny_unknown_fields)]
pub struct KeyedSignature {
    /// Whose.
    #[n(0)]
    pub key: KeyId,
    /// Over the context, a zero byte and the document's bytes.
    #[n(1)]
    pub signature: SignatureBytes,
}

/// The bytes of a document as they were signed, and the signatures. [`Keys::verify`] alone tells
/// whether to believe it.
pub struct Signed<T> {
    bytes: Blob<MAX_SIGNED_BYTES>,
    signatures: List<KeyedSignature, MAX_SIGNATURES>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Signable> Signed<T> {
    /// Signs with every one of these keys; while keys change, with the old and the new.
    pub fn sign(document: &T, keys: &[&SigningKey]) -> Result<Self, ProtocolError> {
        let bytes = cbor::to_bytes(T::CONTEXT, MAX_SIGNED_BYTES, document)?;
        let message = in_context::<T>(&bytes);
        let sign = |key: &&SigningKey| KeyedSignature {
            key: key_id(&key.verifying_key()),
            signature: SignatureBytes(key.sign(&message).to_bytes()),
        };
        let signatures = List::new(keys.iter().map(sign).collect())?;
        Ok(Self { bytes: Blob::new(bytes)?, signatures, kind: PhantomData })
    }

    /// How many keys have signed it, believed or not.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// What it says, believed or not: for logs and for finding its topic.
    pub fn unverified(&self) -> Result<T, ProtocolError> {
        cbor::from_bytes(T::CONTEXT, MAX_SIGNED_BYTES, &self.bytes)
    }
}

fn in_context<T: Signable>(bytes: &[u8]) -> Vec<u8> {
    [T::CONTEXT.as_bytes(), &[0], bytes].concat()
}

/// The name of a public key.
#[must_use]
pub fn key_id(key: &VerifyingKey) -> KeyId {
    let digest = Digest::of(key.as_bytes()).0;
    let mut id = [0; 8];
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    KeyId(id)
}

/// A key that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The public key.
    pub key: VerifyingKey,
    /// What it may sign.
    pub role: Role,
    /// From when on it is not believed any more.
    pub until: Option<UnixMillis>,
}

/// Why a signed document is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// None of the signatures is by a key that is believed for this.
    #[error("none of its keys ({0}) is believed for this")]
    UnknownKey(String),
    /// A signature by a believed key does not fit the bytes.
    #[error("the signature by key {0} is wrong")]
    WrongSignature(KeyId),
    /// What was signed cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ProtocolError),
}

/// The keys that a node believes, by name. A clone is the same: who holds one believes the keys of
/// tomorrow, too.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<RwLock<BTreeMap<KeyId, Key>>>);

fn strong(keys: impl IntoIterator<Item = Key>) -> BTreeMap<KeyId, Key> {
    let strong = keys.into_iter().filter(|key| !key.key.is_weak());
    strong.map(|key| (key_id(&key.key), key)).collect()
}

impl Keys {
    /// These keys. Weak ones (of small order, for which anything is signed) are left out.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        Self(Arc::new(RwLock::new(strong(keys))))
    }

    /// Believes these from now on, and no others.
    pub fn replace(&self, keys: impl IntoIterator<Item = Key>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = strong(keys);
    }

    /// Those that are believed now.
    #[must_use]
    pub fn now(&self) -> Vec<Key> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// What the document says, if one believed key signed it and no believed key's signature is
    /// wrong. `at_least` is how late it certainly is.
    pub fn verify<T: Signable>(
        &self,
        signed: &Signed<T>,
        at_least: UnixMillis,
    ) -> Result<T, Untrusted> {
        let message = in_context::<T>(&signed.bytes);
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut believed = false;
        for one in signed.signatures.iter() {
            let Some(key) = keys.get(&one.key) else { continue };
            if key.role != T::ROLE || key.until.is_some_and(|until| at_least >= until) {
                continue;
            }
            let signature = Signature::from_bytes(&one.signature.0);
            let fits = key.key.verify_strict(&message, &signature).is_ok();
            believed = fits.then_some(true).ok_or(Untrusted::WrongSignature(one.key))?;
        }
        if !believed {
            let names = signed.signatures.iter().map(|one| one.key.to_string());
            return Err(Untrusted::UnknownKey(names.collect::<Vec<_>>().join(", ")));
        }
        Ok(signed.unverified()?)
    }
}

impl<T> Clone for Signed<T> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), signatures: self.signatures.clone(), kind: PhantomData }
    }
}

impl<T> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.signatures == other.signatures
    }
}

impl<T> Eq for Signed<T> {}

impl<T> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({} bytes, by {:?})", self.bytes.len(), &*self.signatures)
    }
}

impl<C, T> Encode<C> for Signed<T> {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.array(2)?;
        self.bytes.encode(e, context)?;
        self.signatures.encode(e, context)
    }
}

impl<'b, C, T> Decode<'b, C> for Signed<T> {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(2) {
            return Err(decode::Error::message("something signed has two parts"));
        }
        let (bytes, signatures) = (Blob::decode(d, context)?, List::decode(d, context)?);
        Ok(Self { bytes, signatures, kind: PhantomData })
    }
}

/// In JSON, what it says stands beside the bytes, and must be the same.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mirror<T> {
    document: T,
    bytes: Blob<MAX_SIGNED_BYTES>,
    signatures: List<KeyedSignature, MAX_SIGNATURES>,
}

impl<T: Signable + Serialize> Serialize for Signed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = self.unverified().map_err(serde::ser::Error::custom)?;
        let (bytes, signatures) = (self.bytes.clone(), self.signatures.clone());
        Mirror { document, bytes, signatures }.serialize(serializer)
    }
}

impl<'de, T: Signable + Deserialize<'de> + PartialEq> Deserialize<'de> for Signed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Mirror { document, bytes, signatures } = Mirror::<T>::deserialize(deserializer)?;
        let signed = Self { bytes, signatures, kind: PhantomData };
        if signed.unverified().map_err(serde::de::Error::custom)? != document {
            return Err(serde::de::Error::custom("the document is not what the bytes say"));
        }
        Ok(signed)
    }
}
