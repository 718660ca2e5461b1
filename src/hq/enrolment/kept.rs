//! What a node keeps of its enrolment, in a folder that only its owner may read.

use std::path::Path;

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use crate::hq::error::HqError;
use crate::hq::key_file;
use crate::protocol::{Digest, Key, Keys, Label, Place, Role};
use crate::sync::mqtt::Credentials;

const IDENTITY: &str = "identity.json";
const TOKEN: &str = "token";

/// Who this box is to HQ, and whom it believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptIdentity {
    /// Where HQ is asked.
    pub hq: String,
    /// This box's name.
    pub place: Place,
    /// Where the broker is, as `mqtts://host:port`.
    pub broker: Option<String>,
    /// The public key that signs what is to be done.
    pub director_key: Digest,
    /// The public key that signs heads of facts.
    pub facts_key: Digest,
    /// The groups it belongs to.
    pub groups: Vec<Label>,
    /// The catalogues of facts that it follows.
    pub catalogues: Vec<Label>,
    /// Until when the certificate holds, in milliseconds since 1970.
    pub certificate_until_ms: u64,
}

impl KeptIdentity {
    /// That of a folder; none where the box is not enrolled.
    pub fn read(folder: &Path) -> Result<Option<Self>, HqError> {
        let path = folder.join(IDENTITY);
        let Some(text) = key_file::read(&path)? else { return Ok(None) };
        let refuse = |error: serde_json::Error| HqError::Key { path, why: error.to_string() };
        serde_json::from_str(&text).map(Some).map_err(refuse)
    }

    /// The token with which artefacts are fetched.
    pub fn token(folder: &Path) -> Result<Option<String>, HqError> {
        Ok(key_file::read(&folder.join(TOKEN))?.map(|text| text.trim().to_owned()))
    }

    /// The keys to believe.
    pub fn keys(&self) -> Result<Keys, HqError> {
        let key = |role, bytes: Digest, field| {
            let refuse = |_| HqError::Value { field, why: "it is no ed25519 key".to_owned() };
            let key = VerifyingKey::from_bytes(&bytes.0).map_err(refuse)?;
            Ok::<_, HqError>(Key { key, role, until: None })
        };
        Ok(Keys::new([
            key(Role::Director, self.director_key, "director_key")?,
            key(Role::Facts, self.facts_key, "facts_key")?,
        ]))
    }
}

/// Writes what a renewal with the same key brought: the token last, as its use ends the old one's.
pub fn write_renewal(folder: &Path, identity: &Identity) -> Result<(), HqError> {
    key_file::write(&folder.join(Credentials::CERTIFICATE), identity.certificate.as_bytes())?;
    key_file::write(&folder.join(TOKEN), identity.token.as_bytes())
}

/// Writes what a box got; the file that makes it a node comes last.
pub fn write_identity(
    folder: &Path,
    hq: &str,
    key: &str,
    identity: &Identity,
) -> Result<(), HqError> {
    let kept = KeptIdentity {
        hq: hq.trim_end_matches('/').to_owned(),
        place: identity.place.parse()?,
        broker: identity.broker.clone(),
        director_key: identity.director_key.parse()?,
        facts_key: identity.facts_key.parse()?,
        groups: identity.groups.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
        catalogues: identity
            .catalogues
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()?,
        certificate_until_ms: identity.certificate_until_ms,
    };
    let text = serde_json::to_string_pretty(&kept)
        .map_err(|error| HqError::Damaged { what: "an identity", why: error.to_string() })?;
    for (name, contents) in [
        (Credentials::KEY, key),
        (Credentials::CERTIFICATE, &identity.certificate),
        (Credentials::AUTHORITY, &identity.authority),
        (TOKEN, &identity.token),
        (IDENTITY, &text),
    ] {
        key_file::write(&folder.join(name), contents.as_bytes())?;
    }
    Ok(())
}
