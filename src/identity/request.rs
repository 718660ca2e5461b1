//! What a box asks HQ for, and what it gets: the forms on both sides.

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::IdentityError;
use crate::protocol::Digest;

/// A box asks for its certificate.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The claim's token; without one, a node renews its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// A certificate signing request (PKCS #10, PEM) with an ECDSA P-256 key.
    pub request: String,
    /// To renew: a request made with the old key whose name is the SHA-256 of `request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("renews", &self.proof.is_some()).finish_non_exhaustive()
    }
}

/// What a node is, and whom it believes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `tenant/store/node`.
    pub place: String,
    /// Its certificate, PEM.
    pub certificate: String,
    /// Until when that holds, in milliseconds since 1970.
    pub certificate_until_ms: u64,
    /// Who vouches for the broker and for HQ, PEM.
    pub authority: String,
    /// Where the broker is, as `mqtts://host:port`; none where HQ has not been told.
    pub broker: Option<String>,
    /// The token with which it fetches artefacts; shown this once.
    pub token: String,
    /// The public key that signs what it is to do, ed25519, hexadecimal.
    pub director_key: String,
    /// The public key that signs the heads of facts, ed25519, hexadecimal.
    pub facts_key: String,
    /// Groups that it belongs to.
    pub groups: Vec<String>,
    /// Catalogues of facts of its tenant.
    pub catalogues: Vec<String>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("place", &self.place).finish_non_exhaustive()
    }
}

/// A new key and the request for its certificate, both PEM.
pub fn make_request() -> Result<(String, String), IdentityError> {
    let act =
        |error: rcgen::Error| IdentityError::Request { what: "a key", why: error.to_string() };
    let key = KeyPair::generate().map_err(act)?;
    let request = request_of(&key, "endcap node")?;
    Ok((key.serialize_pem(), request))
}

/// The request for the certificate of a key that is there, PEM.
pub(super) fn make_request_with(key: &str) -> Result<String, IdentityError> {
    let refuse = |error: rcgen::Error| IdentityError::Request {
        what: "a request with this box's key",
        why: error.to_string(),
    };
    request_of(&KeyPair::from_pem(key).map_err(refuse)?, "endcap node")
}

/// What shows that the holder of this key wants that request's certificate.
pub fn make_proof(old_key: &str, request: &str) -> Result<String, IdentityError> {
    let refuse = |error: rcgen::Error| IdentityError::Request {
        what: "a proof with the old key",
        why: error.to_string(),
    };
    let key = KeyPair::from_pem(old_key).map_err(refuse)?;
    request_of(&key, &Digest::of(request.as_bytes()).to_string())
}

/// The request for the next certificate of a node that keeps its key. Then every file of its identity can
/// be replaced by itself, and a power cut between two of them harms nothing.
pub fn make_renewal(key: &str) -> Result<Request, IdentityError> {
    let request = make_request_with(key)?;
    let proof = Some(make_proof(key, &request)?);
    Ok(Request { claim: None, request, proof })
}

fn request_of(key: &KeyPair, name: &str) -> Result<String, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let made = params.serialize_request(key).and_then(|request| request.pem());
    made.map_err(|error| IdentityError::Request {
        what: "a request for a certificate",
        why: error.to_string(),
    })
}
