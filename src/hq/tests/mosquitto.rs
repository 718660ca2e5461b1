//! A real Mosquitto with the files that HQ writes for it, and boxes that enrolled.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::hq::broker_files::{BrokerPlan, write};
use crate::hq::enrolment::{make_request, write_identity};
use crate::sync::mqtt::{Address, Broker, Credentials, Version};

/// A broker of our own, which remembers nothing.
pub(in crate::hq) struct Mosquitto {
    child: Child,
    pub(in crate::hq) port: u16,
    folder: tempfile::TempDir,
}

fn program() -> PathBuf {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&search).collect();
    places.push("/usr/sbin".into());
    let found = places.iter().map(|place| place.join("mosquitto")).find(|path| path.is_file());
    found.expect("mosquitto is not installed: apt-get install mosquitto")
}

fn started(folder: &Path) -> Child {
    let mut command = Command::new(program());
    command.arg("-c").arg(folder.join("mosquitto.conf"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Mosquitto {
    /// One that HQ's authority vouches for.
    pub(in crate::hq) async fn start(hq: &Hq) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let plan = BrokerPlan {
            folder: folder.path().to_owned(),
            hosts: vec!["localhost".to_owned()],
            port,
            tenants: vec![place().tenant],
        };
        write(&hq.config.data_dir, &plan).unwrap();
        // Started by root, it would become a user who may not read the files; otherwise this means
        // nothing.
        let file = folder.path().join("mosquitto.conf");
        let settings = std::fs::read_to_string(&file).unwrap() + "user root\n";
        std::fs::write(&file, settings).unwrap();
        let this = Self { child: started(folder.path()), port, folder };
        this.listens().await;
        this
    }

    async fn listens(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(Instant::now() < end, "mosquitto does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(in crate::hq) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Started anew, with nothing of what it knew.
    pub(in crate::hq) async fn restart(&mut self) {
        self.child = started(self.folder.path());
        self.listens().await;
    }

    /// The authority's certificate.
    pub(in crate::hq) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// HQ's own credentials.
    pub(in crate::hq) fn hq_folder(&self) -> PathBuf {
        self.folder.path().join("hq")
    }

    /// The way to it with the credentials of a folder.
    pub(in crate::hq) fn broker(&self, folder: &Path) -> Broker {
        Broker {
            address: Address { host: "localhost".to_owned(), port: self.port, tls: true },
            version: Version::Five,
            credentials: Some(Credentials::in_folder(folder)),
            login: None,
            keep_alive: Duration::from_secs(30),
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
