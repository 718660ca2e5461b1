//! The box is found on the shop's network: multicast DNS (RFC 6762) with service discovery (RFC 6763).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mdns_sd::{ServiceDaemon, ServiceInfo};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// What is announced.
const SERVICE: &str = "_endcap._tcp.local.";
/// How soon another certificate is announced.
const LOOK: Duration = Duration::from_secs(60);

/// What others on the network are told.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// `endcap` for `endcap.local`.
    name: String,
    address: SocketAddr,
    certificate: Option<PathBuf>,
}

impl Told {
    /// Of a server that listens here; none where it is not to be found.
    pub(super) fn of(config: &Config, address: SocketAddr) -> Option<Self> {
        let certificate = config.server.tls.as_ref().map(|files| files.certificate.clone());
        Some(Self { name: config.discovery.clone()?, address, certificate })
    }

    /// Of the certificate: SHA-256 as hexadecimal, by which a device that was told it knows this box.
    fn fingerprint(&self) -> Option<String> {
        let certificate = CertificateDer::from_pem_file(self.certificate.as_ref()?).ok()?;
        Some(Sha256::digest(&certificate).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn service(&self, fingerprint: Option<&str>) -> mdns_sd::Result<ServiceInfo> {
        let host = format!("{}.local.", self.name);
        let mut about = vec![("version", env!("CARGO_PKG_VERSION")), ("kiosk", "/kiosk")];
        about.extend(fingerprint.map(|fingerprint| ("tls_sha256", fingerprint)));
        let (ip, port) = (self.address.ip(), self.address.port());
        if ip.is_unspecified() {
            let none: &[std::net::IpAddr] = &[];
            let info = ServiceInfo::new(SERVICE, &self.name, &host, none, port, &about[..])?;
            return Ok(info.enable_addr_auto());
        }
        ServiceInfo::new(SERVICE, &self.name, &host, ip, port, &about[..])
    }
}

/// Announces until it is told to stop. Where the network takes no announcements, that is told once.
pub(super) async fn announce(told: Told, stop: CancellationToken) {
    let daemon = match ServiceDaemon::new() {
        Ok(daemon) => daemon,
        Err(error) => return tracing::warn!(%error, "the box is not announced on the network"),
    };
    let mut known = None;
    loop {
        let fingerprint = told.fingerprint();
        if known.as_ref() != Some(&fingerprint) {
            let service = told.service(fingerprint.as_deref());
            match service.and_then(|service| daemon.register(service)) {
                Ok(()) => tracing::info!(name = told.name, "announced on the network"),
                Err(error) => tracing::warn!(%error, "the box is not announced on the network"),
            }
            known = Some(fingerprint);
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    // It says goodbye first, so that nobody looks for a box that is gone.
    if let Ok(ended) = daemon.shutdown() {
        let _ = ended.recv_async().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_leads_to_the_door_and_names_its_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["endcap.local".to_owned()]).unwrap();
        let file = folder.path().join("box.pem");
        std::fs::write(&file, made.cert.pem()).unwrap();
        let address = "192.168.7.2:8443".parse().unwrap();
        let told = Told { name: "endcap".into(), address, certificate: Some(file) };
        let fingerprint = told.fingerprint().unwrap();
        let of: String =
            Sha256::digest(made.cert.der()).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(fingerprint, of);
        let service = told.service(Some(&fingerprint)).unwrap();
        assert_eq!(service.get_fullname(), "endcap._endcap._tcp.local.");
        assert_eq!((service.get_hostname(), service.get_port()), ("endcap.local.", 8443));
        assert_eq!(service.get_property_val_str("tls_sha256"), Some(fingerprint.as_str()));
        assert_eq!(service.get_property_val_str("version"), Some(env!("CARGO_PKG_VERSION")));
        let plain = Told { certificate: None, ..told };
        assert_eq!(plain.fingerprint(), None);
    }
}
