//! Certificate and key to a TLS acceptor, and to another when they are renewed.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};

use super::config::{HttpError, TlsFiles};
use super::stamp::Stamp;

/// Changed files are noticed within this time.
const RELOAD_PERIOD: Duration = Duration::from_secs(1);

/// TLS with the certificate that the files hold.
pub(super) struct Tls {
    files: TlsFiles,
    /// Looks at certificates of clients, who are asked for them then.
    clients: Option<Clients>,
    kept: Mutex<Kept>,
}

type Clients = Arc<dyn ClientCertVerifier>;

struct Kept {
    acceptor: TlsAcceptor,
    /// Of the files as they were last read, to good or bad.
    stamps: [Option<Stamp>; 2],
    looked: Instant,
}

impl Tls {
    /// Reads both files; blocks on the disk for a moment.
    pub(super) fn open(files: &TlsFiles) -> Result<Self, HttpError> {
        let stamps = stamps(files);
        let kept = Kept { acceptor: read(files, None)?, stamps, looked: Instant::now() };
        Ok(Self { files: files.clone(), clients: None, kept: Mutex::new(kept) })
    }

    /// The same, which asks clients for certificates.
    pub(super) fn asking(self, clients: Clients) -> Result<Self, HttpError> {
        let acceptor = read(&self.files, Some(&clients))?;
        let mut kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        kept.acceptor = acceptor;
        Ok(Self { files: self.files, clients: Some(clients), kept: Mutex::new(kept) })
    }

    /// For the next connection. Reads the files again where they changed; while they cannot be
    /// used, as between the renewal of the one and of the other, those known so far go on.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.looked.elapsed() >= RELOAD_PERIOD {
            kept.looked = Instant::now();
            let stamps = stamps(&self.files);
            if stamps != kept.stamps {
                kept.stamps = stamps;
                match read(&self.files, self.clients.as_ref()) {
                    Ok(acceptor) => {
                        tracing::info!("the certificate changed");
                        kept.acceptor = acceptor;
                    }
                    Err(error) => {
                        tracing::error!(%error, "the changed certificate cannot be used");
                    }
                }
            }
        }
        kept.acceptor.clone()
    }
}

fn stamps(files: &TlsFiles) -> [Option<Stamp>; 2] {
    [Stamp::of(&files.certificate), Stamp::of(&files.key)]
}

fn read(files: &TlsFiles, clients: Option<&Clients>) -> Result<TlsAcceptor, HttpError> {
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|found| if found.is_empty() { Err(PemError::NoItemsFound) } else { Ok(found) })
        .map_err(|e| refuse("the certificate", &files.certificate, &e))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|e| refuse("the private key", &files.key, &e))?;
    let fault = |source| HttpError::Tls {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(fault)?
        .with_client_cert_verifier(
            clients.cloned().unwrap_or_else(WebPkiClientVerifier::no_client_auth),
        )
        .with_single_cert(certificates, key)
        .map_err(fault)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if clients.is_some() {
        // A connection that is resumed shows the certificate of before, whatever became of it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn refuse(what: &'static str, path: &Path, error: &PemError) -> HttpError {
    let why = match error {
        PemError::NoItemsFound => format!("{what} is not in it as PEM"),
        other => other.to_string(),
    };
    HttpError::Pem { what, path: path.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(path("cert"), made.cert.pem()).unwrap();
        std::fs::write(path("key"), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(path("other"), other.signing_key.serialize_pem()).unwrap();
        std::fs::write(path("empty"), "nothing here").unwrap();
        let open = |certificate: &str, key: &str| {
            read(&TlsFiles { certificate: path(certificate), key: path(key) }, None)
        };
        assert!(open("cert", "key").is_ok());
        for (certificate, key, named) in [
            ("missing", "key", "missing"),
            ("empty", "key", "empty"),
            ("cert", "empty", "empty"),
            ("cert", "cert", "cert"),
            ("cert", "other", "other"),
        ] {
            let error = open(certificate, key).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(&path(named).display().to_string()), "{error}");
        }
    }
}
