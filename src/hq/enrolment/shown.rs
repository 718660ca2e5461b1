//! The certificate that came with a node's token.

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::hq::error::HqError;
use crate::protocol::{Digest, Place};

/// What a caller showed when it connected, before it said anything.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// It was not asked: TLS ends before HQ, or is not spoken. Then a token alone counts.
    NotAsked,
    /// It was asked for a certificate and has none, as browsers and boxes that enrol.
    Nothing,
    /// A certificate of HQ's authority that is in its time, DER.
    Certificate(&'a [u8]),
}

impl Shown<'_> {
    /// Refuses the token of a node that did not come with the certificate of that node, for a key that
    /// the node has. One of a box that was revoked, and whose name is another's now, has another key.
    pub(super) fn check(self, place: &Place, keys: &[Option<String>]) -> Result<(), HqError> {
        let der = match self {
            Self::NotAsked => return Ok(()),
            Self::Nothing => {
                return Err(HqError::Untrusted(
                    "a node's token counts only together with the node's certificate, and the \
                     connection shows none",
                ));
            }
            Self::Certificate(der) => der,
        };
        let unread = "the certificate that the connection shows cannot be read";
        let (_, shown) = X509Certificate::from_der(der).map_err(|_| HqError::Untrusted(unread))?;
        let name = shown.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        if name != Some(place.to_string().as_str()) {
            return Err(HqError::Untrusted(
                "a node's token counts only together with the node's certificate, and the \
                 connection shows that of somebody else",
            ));
        }
        let key = Digest::of(&shown.public_key().subject_public_key.data).to_string();
        if !keys.iter().flatten().any(|known| *known == key) {
            return Err(HqError::Untrusted(
                "the certificate that the connection shows was revoked or replaced",
            ));
        }
        Ok(())
    }
}
