//! Who is at the other end of a connection, where it can show that.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;

use super::config::HttpError;

/// The certificate that a client showed when it connected: of the authority that was asked for, and
/// in its time. An extension of every request of that connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate(CertificateDer<'static>);

impl PeerCertificate {
    /// The first of a chain, if there is one.
    pub(super) fn of(chain: Option<&[CertificateDer<'_>]>) -> Option<Self> {
        Some(Self(chain?.first()?.clone().into_owned()))
    }

    /// As X.509, DER.
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

/// Looks at certificates of this authority (PEM), of those who have one.
pub(super) fn verifier(authority: &str) -> Result<Arc<dyn ClientCertVerifier>, HttpError> {
    let refuse = |why: &dyn std::fmt::Display| HttpError::Authority { why: why.to_string() };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        let certificate = certificate.map_err(|error| refuse(&error))?;
        roots.add(certificate).map_err(|error| refuse(&error))?;
    }
    let provider = Arc::new(default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| refuse(&error))
}
