//! Our certificate as it is on the disk, for connections that are made later.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::sign::CertifiedKey;

use super::tls::certified;
use crate::sync::error::LineError;

/// Shows the certificate that the files hold when a connection is made, so that a renewed one counts
/// at once. While they cannot be used, the one that was known goes on.
#[derive(Debug)]
pub(super) struct FromDisk {
    certificate: PathBuf,
    key: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    shown: Arc<CertifiedKey>,
    stamps: [Option<SystemTime>; 2],
}

impl FromDisk {
    /// The certificate and key of these files. Blocks on the disk for a moment, as each handshake does.
    pub(super) fn open(certificate: PathBuf, key: PathBuf) -> Result<Self, LineError> {
        let stamps = [stamp(&certificate), stamp(&key)];
        let shown = Arc::new(certified(&certificate, &key)?);
        Ok(Self { certificate, key, kept: Mutex::new(Kept { shown, stamps }) })
    }

    fn now(&self) -> Arc<CertifiedKey> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = [stamp(&self.certificate), stamp(&self.key)];
        if stamps != kept.stamps {
            kept.stamps = stamps;
            match certified(&self.certificate, &self.key) {
                Ok(renewed) => kept.shown = Arc::new(renewed),
                Err(error) => tracing::error!(%error, "the changed certificate cannot be used"),
            }
        }
        Arc::clone(&kept.shown)
    }
}

fn stamp(path: &PathBuf) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|found| found.modified()).ok()
}

impl ResolvesClientCert for FromDisk {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_certificate_is_shown_and_a_damaged_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let pair = rcgen::KeyPair::generate().unwrap();
        let make = || {
            let params = rcgen::CertificateParams::new(vec!["box".to_owned()]).unwrap();
            params.self_signed(&pair).unwrap()
        };
        let write = |pem: &str, age_s: u64| {
            std::fs::write(path("certificate"), pem).unwrap();
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000 + age_s);
            let file = std::fs::File::options().write(true).open(path("certificate")).unwrap();
            file.set_modified(at).unwrap();
        };
        std::fs::write(path("key"), pair.serialize_pem()).unwrap();
        let (first, second) = (make(), make());
        write(&first.pem(), 0);
        let shown = FromDisk::open(path("certificate"), path("key")).unwrap();
        let is = |wanted: &rcgen::Certificate| {
            let resolved = shown.resolve(&[], &[]).unwrap();
            resolved.cert.first().unwrap() == wanted.der()
        };
        assert!(is(&first));
        write(&second.pem(), 1);
        assert!(is(&second));
        write("torn", 2);
        assert!(is(&second), "the one that was known goes on");
        write(&first.pem(), 3);
        assert!(is(&first));
    }
}
