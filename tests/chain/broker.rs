//! A Mosquitto with the files that `endcap hq broker-files` writes: mutual TLS, each node under its
//! own name, nothing kept.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use endcap_testing::mosquitto::{self, free_address};

use super::headquarters::TENANT;
use crate::support::{endcap, stderr};

pub(super) struct Mosquitto(mosquitto::Mosquitto);

impl Mosquitto {
    /// Of the authority of an HQ's folder.
    pub(super) async fn start(hq: &Path) -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        let written = endcap()
            .args(["hq", "broker-files", "--host", "localhost", "--tenant", TENANT, "--port"])
            .arg(address.port().to_string())
            .arg("--at")
            .arg(hq)
            .arg("--mosquitto")
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(written.status.success(), "{}", stderr(&written));
        // Started by root, it would become a user who may not read the files; otherwise this means
        // nothing.
        let file = folder.path().join("mosquitto.conf");
        let settings = std::fs::read_to_string(&file).unwrap() + "user root\n";
        std::fs::write(&file, settings).unwrap();
        Self(mosquitto::Mosquitto::start_in(folder, address).await)
    }

    /// Where its clients find it.
    pub(super) fn url(&self) -> String {
        format!("mqtts://localhost:{}", self.0.address.port())
    }

    /// HQ's own credentials.
    pub(super) fn hq_folder(&self) -> PathBuf {
        self.0.folder().join("hq")
    }

    /// The certificate of `localhost`, and its key.
    pub(super) fn certificate(&self) -> PathBuf {
        self.0.folder().join("broker.pem")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.0.folder().join("broker.key")
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The process's number.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn kill(&mut self) {
        self.0.kill();
    }

    /// Started anew after it was killed; it knows nothing of what was.
    pub(super) async fn start_again(&mut self) {
        self.0.start_again().await;
    }
}
