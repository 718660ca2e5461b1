//! Whom a broker must be vouched for by, and who we are to it.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::broker::Credentials;
use super::certificate::FromDisk;
use crate::sync::error::LineError;

impl Credentials {
    /// TLS 1.2 or 1.3 with what the files hold; of a renewed certificate connections hear that are
    /// made later. Blocks on the disk for a moment.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, LineError> {
        client_config(self)
    }
}

/// TLS 1.2 or 1.3 with what the files hold. Blocks on the disk for a moment.
pub(super) fn client_config(credentials: &Credentials) -> Result<Arc<ClientConfig>, LineError> {
    let path = &credentials.authority;
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, "the authority's certificate")? {
        roots.add(certificate).map_err(|e| refuse("the authority's certificate", path, &e))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| refuse("the authority's certificate", path, &e))?
        .with_root_certificates(roots);
    let config = match &credentials.own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let shown = FromDisk::open(certificate.clone(), key.clone())?;
            builder.with_client_cert_resolver(Arc::new(shown))
        }
    };
    Ok(Arc::new(config))
}

/// A certificate and its key, which must belong together.
pub(super) fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, LineError> {
    let own = certificates(certificate, "the certificate")?;
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|e| unread("the private key", key, e))?;
    CertifiedKey::from_der(own, secret, &default_provider())
        .map_err(|e| refuse("the certificate and its key", certificate, &e))
}

fn certificates(
    path: &Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, LineError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|found| if found.is_empty() { Err(PemError::NoItemsFound) } else { Ok(found) })
        .map_err(|error| unread(what, path, error))
}

fn unread(what: &'static str, path: &Path, error: PemError) -> LineError {
    let why = match error {
        PemError::NoItemsFound => "it holds none as PEM".to_owned(),
        other => other.to_string(),
    };
    LineError::Credentials { what, path: path.to_owned(), why }
}

fn refuse(what: &'static str, path: &Path, error: &dyn std::error::Error) -> LineError {
    LineError::Credentials { what, path: path.to_owned(), why: error.to_string() }
}
