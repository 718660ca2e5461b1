//! Brokers of our own: a Mosquitto process in a folder of its own, or rumqttd within this one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::mqtt::{Address, Broker, Credentials, Embedded, Version};

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mosquitto,
    Embedded,
}

/// A broker that runs.
#[derive(Debug)]
pub(super) enum Running {
    Mosquitto(Mosquitto),
    Embedded(Embedded),
}

impl Running {
    pub(super) async fn start(kind: Kind) -> Self {
        match kind {
            Kind::Mosquitto => Self::Mosquitto(Mosquitto::start(|_| String::new()).await),
            Kind::Embedded => Self::Embedded(Embedded::start(0, 0).await.unwrap()),
        }
    }

    pub(super) fn address(&self, version: Version) -> Address {
        match self {
            Self::Mosquitto(mosquitto) => {
                Address { host: "127.0.0.1".to_owned(), port: mosquitto.address.port(), tls: false }
            }
            Self::Embedded(embedded) => embedded.address(version),
        }
    }
}

/// How a broker at an address is spoken to.
pub(super) fn at(address: Address, version: Version, credentials: Option<Credentials>) -> Broker {
    let keep_alive = Duration::from_secs(5);
    Broker { address, version, credentials, login: None, keep_alive }
}

/// A Mosquitto that keeps what it knows in its folder.
#[derive(Debug)]
pub(crate) struct Mosquitto {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
}

/// An address that nobody listens on just now.
pub(crate) fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
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
    /// A broker for everybody, with what `more` says of its folder besides.
    pub(super) async fn start(more: impl FnOnce(&Path) -> String) -> Self {
        let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
        let (path, port) = (folder.path(), address.port());
        std::fs::create_dir(path.join("kept")).unwrap();
        let more = more(path);
        let everybody = if more.is_empty() { "allow_anonymous true\n" } else { "" };
        let settings = format!(
            "user root\npersistence true\npersistence_location {}/kept/\nautosave_interval 1\n\
             listener {port} 127.0.0.1\n{everybody}{more}",
            path.display()
        );
        std::fs::write(path.join("mosquitto.conf"), settings).unwrap();
        Self::start_in(folder, address).await
    }

    /// One with the settings in a folder, which have it listen at this address.
    pub(crate) async fn start_in(folder: tempfile::TempDir, address: SocketAddr) -> Self {
        let this = Self { child: started(folder.path()), address, folder };
        this.listens().await;
        this
    }

    /// Where its settings are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn listens(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            assert!(Instant::now() < end, "mosquitto does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Killed at once and started anew, perhaps without what it kept.
    pub(super) async fn restart(&mut self, wipe: bool) {
        self.kill();
        if wipe {
            let kept = self.folder.path().join("kept");
            std::fs::remove_dir_all(&kept).unwrap();
            std::fs::create_dir(&kept).unwrap();
        }
        self.start_again().await;
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        self.child = started(self.folder.path());
        self.listens().await;
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
