//! A real Mosquitto with the files that HQ writes for it, and boxes that enrolled.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::hq::broker_files::{BrokerPlan, write, write_rules};
use crate::identity::{make_request, write_identity};
use crate::sync::mqtt::{Address, Broker, Credentials, Version};
use endcap_testing::mosquitto::{self, free_address};

/// A broker of our own, which remembers nothing.
pub(in crate::hq) struct Mosquitto(mosquitto::Mosquitto);

impl Mosquitto {
    /// One that HQ's authority vouches for.
    pub(in crate::hq) async fn start(hq: &Hq) -> Self {
        let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
        let plan = plan(folder.path(), address.port(), Vec::new());
        write(&hq.config.data_dir, &plan).unwrap();
        // Started by root, it would become a user who may not read the files; otherwise this means
        // nothing.
        let file = folder.path().join("mosquitto.conf");
        let settings = std::fs::read_to_string(&file).unwrap() + "user root\n";
        std::fs::write(&file, settings).unwrap();
        Self(mosquitto::Mosquitto::start_in(folder, address).await)
    }

    pub(in crate::hq) fn kill(&mut self) {
        self.0.kill();
    }

    /// Started anew, with nothing of what it knew.
    pub(in crate::hq) async fn restart(&mut self) {
        self.0.start_again().await;
    }

    /// Writes its rules anew, without these nodes.
    pub(in crate::hq) fn write_rules(&self, revoked: Vec<Place>) {
        write_rules(&plan(self.0.folder(), self.0.address.port(), revoked)).unwrap();
    }

    /// Has it read its rules anew.
    pub(in crate::hq) fn reload(&self) {
        self.0.reload();
    }

    /// The authority's certificate.
    pub(in crate::hq) fn authority(&self) -> PathBuf {
        self.0.folder().join("authority.pem")
    }

    /// HQ's own credentials.
    pub(in crate::hq) fn hq_folder(&self) -> PathBuf {
        self.0.folder().join("hq")
    }

    /// The way to it with the credentials of a folder.
    pub(in crate::hq) fn broker(&self, folder: &Path) -> Broker {
        Broker {
            address: Address {
                host: "localhost".to_owned(),
                port: self.0.address.port(),
                tls: true,
            },
            version: Version::Five,
            credentials: Some(Credentials::in_folder(folder)),
            login: None,
            keep_alive: Duration::from_secs(30),
        }
    }
}

fn plan(folder: &Path, port: u16, revoked: Vec<Place>) -> BrokerPlan {
    BrokerPlan {
        folder: folder.to_owned(),
        hosts: vec!["localhost".to_owned()],
        port,
        tenants: vec![place().tenant],
        revoked,
    }
}

/// Enrols a box and writes its identity.
pub(in crate::hq) async fn enrolled(hq: &Hq, place: &Place) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let claim = hq.add_claim(&Actor::local(), place, 60_000).await.unwrap();
    let (key, request) = make_request().unwrap();
    let identity = hq.enrol(&claim.token, &request).await.unwrap();
    write_identity(folder.path(), "https://hq.example", &key, &identity).unwrap();
    folder
}
